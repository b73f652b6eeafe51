"""Paths of a pod as paths of this machine."""

from apim_sandbox.cluster.embedded.paths import backup_variable


def test_the_gateway_is_told_where_a_mounted_backup_directory_is() -> None:
    """The mount itself or one around it; without either it looks where the image would."""
    assert backup_variable({"/apim/config": "/tmp/v"}) == {"APIM_SANDBOX_BACKUP_DIRECTORY": "/tmp/v"}
    assert backup_variable({"/apim": "/v"}) == {"APIM_SANDBOX_BACKUP_DIRECTORY": "/v/config"}
    assert backup_variable({"/apim/configuration": "/v"}) == {}
