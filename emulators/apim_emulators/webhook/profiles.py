"""The two generations of the webhook that are in the field: where the token is, and who wins."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Literal

from msgspec import Struct

from apim_emulators.core.provenance import Behaviour

ProfileName = Literal["1.6.0", "1.5.1"]

_RESERVED = "azure-workload-identity-reserved-"
_LONGEST_VOLUME_NAME = 63

PROFILES_BEHAVIOUR = Behaviour(
    "webhook.profiles", "documented",
    "Up to v1.5.1 the token is /var/run/secrets/azure/tokens/azure-identity-token, and what a pod brings of "
    "that name stays; from v1.6.0 it is /var/run/secrets/azure/wi/token/azure-identity-token, on a volume "
    "named by the pod's hash, and what a pod brings of that name is overwritten.",
    "Azure/azure-workload-identity#1720; pkg/webhook/consts.go and webhook.go at v1.5.1 and v1.6.0",
    "tests/emulators/webhook/test_mutation.py::test_each_generation_has_its_own_paths",
)  # fmt: skip


class Profile(Struct, frozen=True):
    """One generation. `token_path` is inside `mount_path`; `overwrites`: same-named things are replaced."""

    name: ProfileName
    mount_path: str
    token_path: str
    overwrites: bool
    custom_token_endpoint: bool

    @property
    def token_file(self) -> str:
        """AZURE_FEDERATED_TOKEN_FILE."""
        return f"{self.mount_path}/{self.token_path}"

    def volume_name(self, pod_name: str) -> str:
        """The projected volume's name; `pod_name` as `mutation.shown_name` gives it."""
        if not self.overwrites:
            return self.token_path
        digest = sha256(pod_name.encode()).hexdigest()
        return _RESERVED + digest[: _LONGEST_VOLUME_NAME - len(_RESERVED)]


V1_6_0 = Profile("1.6.0", "/var/run/secrets/azure/wi", "token/azure-identity-token", True, True)
V1_5_1 = Profile("1.5.1", "/var/run/secrets/azure/tokens", "azure-identity-token", False, False)
PROFILES: Mapping[str, Profile] = {profile.name: profile for profile in (V1_6_0, V1_5_1)}
