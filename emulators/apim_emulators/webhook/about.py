"""What the binaries say about themselves: `--version` and the user agent (`pkg/version`)."""

import msgspec
from msgspec import Struct


class Build(Struct, frozen=True):
    """One build; `version` is the image's tag. The defaults are upstream's v1.6.0."""

    version: str = "v1.6.0"
    commit: str = "04d01a2fc7f5"
    date: str = "2026-06-11"
    go_version: str = "go1.25"
    platform: str = "linux/amd64"

    def version_line(self) -> str:
        """What `--version` prints: one line of JSON."""
        shown = {
            "buildVersion": self.version,
            "gitCommit": self.commit,
            "buildDate": self.date,
            "goVersion": self.go_version,
            "platform": self.platform,
        }
        return msgspec.json.encode(shown).decode() + "\n"

    def user_agent(self, component: str) -> str:
        """`component` is webhook or proxy."""
        return (
            f"azure-workload-identity/{component}/{self.version} ({self.platform}) {self.commit}/{self.date}"
        )
