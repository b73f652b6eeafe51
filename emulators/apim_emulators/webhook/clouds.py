"""AZURE_ENVIRONMENT decides AZURE_AUTHORITY_HOST (go-autorest `autorest/azure/environments.go`)."""

from collections.abc import Callable, Mapping

from apim_emulators.core.provenance import Behaviour
from apim_emulators.webhook.gojson import GoJsonError, folded, loads
from apim_emulators.webhook.gotypes import read_as

ReadFile = Callable[[str], bytes]

PUBLIC = "https://login.microsoftonline.com/"
AUTHORITY_HOSTS: Mapping[str, str] = {
    "AZURECHINACLOUD": "https://login.chinacloudapi.cn/",
    "AZUREGERMANCLOUD": "https://login.microsoftonline.de/",
    "AZURECLOUD": PUBLIC,
    "AZUREPUBLICCLOUD": PUBLIC,
    "AZUREUSGOVERNMENT": "https://login.microsoftonline.us/",
    "AZUREUSGOVERNMENTCLOUD": "https://login.microsoftonline.us/",
}
CUSTOM_CLOUD = "AZURESTACKCLOUD"
CUSTOM_FILE = "AZURE_ENVIRONMENT_FILEPATH"

AUTHORITY = Behaviour(
    "webhook.authority-host", "documented",
    "AZURE_ENVIRONMENT names the cloud whose sign-in host pods get; AzureStackCloud takes it from the file "
    "named by AZURE_ENVIRONMENT_FILEPATH, byte for byte.",
    "Azure/go-autorest autorest/azure/environments.go",
    "tests/emulators/webhook/test_clouds.py::test_a_custom_cloud_names_any_authority",
)  # fmt: skip

_ENVIRONMENT = "azure.Environment"
# go-autorest's Environment: each member is text, which a file gets wrong at its peril.
_MEMBERS = dict.fromkeys(
    (
        "name", "managementPortalURL", "publishSettingsURL", "serviceManagementEndpoint",
        "resourceManagerEndpoint", "activeDirectoryEndpoint", "galleryEndpoint", "keyVaultEndpoint",
        "managedHSMEndpoint", "graphEndpoint", "serviceBusEndpoint", "batchManagementEndpoint",
        "microsoftGraphEndpoint", "storageEndpointSuffix", "cosmosDBDNSSuffix", "mariaDBDNSSuffix",
        "mySqlDatabaseDNSSuffix", "postgresqlDatabaseDNSSuffix", "sqlDatabaseDNSSuffix",
        "trafficManagerDNSSuffix", "keyVaultDNSSuffix", "managedHSMDNSSuffix", "serviceBusEndpointSuffix",
        "serviceManagementVMDNSSuffix", "resourceManagerVMDNSSuffix", "containerRegistryDNSSuffix",
        "tokenAudience", "apiManagementHostNameSuffix", "synapseEndpointSuffix", "datalakeSuffix",
    ),
    "string",
)  # fmt: skip


class CloudError(ValueError):
    """The cloud is not known, or its file can't be read."""


def authority_host(cloud: str, environment: Mapping[str, str], read_file: ReadFile) -> str:
    """The authority host of `cloud`, any case of letters; empty means the public cloud.

    Raises `CloudError` with go-autorest's text.
    """
    if not cloud:
        return PUBLIC
    name = cloud.upper()
    if name == CUSTOM_CLOUD:
        return _from_file(environment.get(CUSTOM_FILE, ""), read_file)
    host = AUTHORITY_HOSTS.get(name)
    if host is None:
        raise CloudError(f'autorest/azure: There is no cloud environment matching the name "{name}"')
    return host


def _from_file(path: str, read_file: ReadFile) -> str:
    try:
        text = read_file(path).decode()
    except UnicodeDecodeError:
        raise CloudError(f"{path} is not UTF-8") from None
    except OSError as error:
        raise CloudError(f"open {path}: {(error.strerror or str(error)).lower()}") from None
    try:
        found = read_as(folded(loads(text), _MEMBERS), _ENVIRONMENT, {_ENVIRONMENT: _MEMBERS})
    except GoJsonError as error:
        raise CloudError(str(error)) from None
    return str(found.get("activeDirectoryEndpoint", ""))
