"""Which `api-version` each resource type takes: pure. (azure-rest-api-specs; pulumi's list for APIM.)"""

import re

from apim_emulators.arm.errors import (
    INVALID_API_VERSION,
    INVALID_RESOURCE_TYPE,
    MISSING_API_VERSION,
    ArmRefusedError,
)
from apim_emulators.arm.scopes import ResourceId

_AUTHORIZATION = (
    "2015-06-01", "2015-07-01", "2016-07-01", "2017-05-01", "2017-09-01", "2018-01-01-preview",
    "2018-05-01-preview", "2018-07-01", "2018-07-01-preview", "2018-09-01-preview", "2019-04-01-preview",
    "2020-03-01-preview", "2020-04-01-preview", "2020-08-01-preview", "2020-10-01-preview",
    "2021-01-01-preview", "2022-01-01-preview", "2022-04-01", "2022-05-01-preview",
)  # fmt: skip
_RESOURCES = (
    "2015-01-01", "2015-11-01", "2016-06-01", "2016-09-01", "2018-01-01", "2018-05-01", "2018-06-01",
    "2019-05-01", "2019-06-01", "2019-10-01", "2019-11-01", "2020-01-01", "2020-06-01", "2020-10-01",
    "2021-01-01", "2021-04-01", "2022-09-01", "2022-12-01", "2023-07-01", "2024-03-01", "2024-07-01",
    "2024-11-01", "2025-03-01", "2025-04-01",
)  # fmt: skip
_APIM = (
    "2018-01-01", "2018-06-01-preview", "2019-01-01", "2019-12-01", "2019-12-01-preview",
    "2020-06-01-preview", "2020-12-01", "2021-01-01-preview", "2021-04-01-preview", "2021-08-01",
    "2021-12-01-preview", "2022-04-01-preview", "2022-08-01", "2022-09-01-preview", "2023-03-01-preview",
    "2023-05-01-preview", "2023-09-01-preview", "2024-05-01", "2024-06-01-preview", "2024-10-01-preview",
)  # fmt: skip
_IDENTITY = (
    "2015-08-31-preview", "2018-11-30", "2021-09-30-preview", "2022-01-31-preview", "2023-01-31",
    "2023-07-31-preview", "2024-11-30", "2025-01-31-preview", "2025-05-31-preview",
)  # fmt: skip

# Container service publishes a version every month or so: by form, not by list.
_BY_DATE = re.compile(r"20(1[89]|2\d)-\d\d-\d\d(-preview)?")

SUPPORTED: dict[str, tuple[str, ...]] = {
    "microsoft.authorization": _AUTHORIZATION,
    "microsoft.apimanagement": _APIM,
    "microsoft.managedidentity": _IDENTITY,
}


def check_api_version(resource: ResourceId, version: str) -> None:
    """Raises `ArmRefusedError` (400) for a missing version or one that the resource's type does not have."""
    if not version:
        raise ArmRefusedError(MISSING_API_VERSION)
    provider = resource.provider.lower()
    if not provider:
        if version not in _RESOURCES:
            raise ArmRefusedError(INVALID_API_VERSION, version=version, supported=",".join(_RESOURCES))
        return
    supported = SUPPORTED.get(provider)
    if supported is None:
        if not _BY_DATE.fullmatch(version):
            raise ArmRefusedError(INVALID_API_VERSION, version=version, supported="dates such as 2025-01-01")
        return
    if version not in supported:
        raise ArmRefusedError(
            INVALID_RESOURCE_TYPE,
            type="/".join(resource.types),
            namespace=resource.provider,
            version=version,
            supported=",".join(supported),
        )
