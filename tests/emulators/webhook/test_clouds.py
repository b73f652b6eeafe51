"""Which sign-in host pods are given."""

from pathlib import Path

import pytest

from apim_emulators.webhook.clouds import CloudError, authority_host
from apim_emulators.webhook.config import configure, read_bytes


@pytest.mark.parametrize(
    ("cloud", "host"),
    [
        ("AzureCloud", "https://login.microsoftonline.com/"),
        ("azureusgovernment", "https://login.microsoftonline.us/"),
        ("AzureUSGovernmentCloud", "https://login.microsoftonline.us/"),
    ],
)
def test_a_cloud_is_known_in_any_case_of_letters(cloud: str, host: str) -> None:
    assert authority_host(cloud, {}, read_bytes) == host


def test_a_custom_cloud_names_any_authority(tmp_path: Path) -> None:
    file = tmp_path / "cloud.json"
    file.write_text('{"name":"AzureStackCloud","activeDirectoryEndpoint":"https://entra.sandbox.test"}')
    environment = {
        "AZURE_TENANT_ID": "t", "AZURE_ENVIRONMENT": "AzureStackCloud",
        "AZURE_ENVIRONMENT_FILEPATH": str(file),
    }  # fmt: skip
    settings = configure((), environment, admin_token="a")
    assert settings.mutation.authority_host == "https://entra.sandbox.test"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "unexpected end of JSON input"),
        (b"[]", "json: cannot unmarshal array into Go value of type azure.Environment"),
        (
            b'{"activeDirectoryEndpoint":1}',
            "json: cannot unmarshal number into Go struct field "
            "Environment.activeDirectoryEndpoint of type string",
        ),
        (b"\xff", "x is not UTF-8"),
    ],
)
def test_a_custom_cloud_that_cannot_be_read_says_why(content: bytes, message: str) -> None:
    with pytest.raises(CloudError) as refusal:
        authority_host("AzureStackCloud", {"AZURE_ENVIRONMENT_FILEPATH": "x"}, lambda _: content)
    assert str(refusal.value) == message


def test_an_unknown_cloud_is_named_in_capitals() -> None:
    with pytest.raises(CloudError, match='There is no cloud environment matching the name "MARS"'):
        authority_host("Mars", {}, read_bytes)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"ActiveDirectoryEndpoint": "https://x"}', "https://x"),
        (
            '{"tokenAudience": 3, "activeDirectoryEndpoint": "https://x"}',
            "json: cannot unmarshal number into Go struct field Environment.tokenAudience of type string",
        ),
    ],
)
def test_a_custom_cloud_is_read_as_go_autorest_reads_it(content: str, expected: str) -> None:
    """Names in any case of letters; every member of the environment has its type."""
    try:
        found = authority_host(
            "AzureStackCloud", {"AZURE_ENVIRONMENT_FILEPATH": "x"}, lambda _: content.encode()
        )
    except CloudError as error:
        found = str(error)
    assert found == expected
