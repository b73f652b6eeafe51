"""Which application answers for which host: the sandbox's name service, for the edge and the wire alike."""

from collections.abc import Callable, Iterator

from msgspec import Struct, field
from starlette.types import ASGIApp

from apim_emulators.core import vocabulary as names


class HostTable(Struct):
    """Exact hosts, whole domains (`*.configuration.azure-api.net`), and hosts that come and go; lower case.

    `lookups` are asked last: an emulator's own word on names that its objects have been given.
    """

    exact: dict[str, ASGIApp] = field(default_factory=dict)
    domains: dict[str, ASGIApp] = field(default_factory=dict)
    lookups: list[Callable[[str], ASGIApp | None]] = field(default_factory=list)

    def find(self, host: str) -> ASGIApp | None:
        """The application of `host`, None where the sandbox does not stand in for it."""
        name = host.lower().rstrip(".")
        found = self.exact.get(name)
        if found is None:
            _, _, domain = name.partition(".")
            found = self.domains.get(domain)
        if found is None:
            found = next((app for lookup in self.lookups if (app := lookup(name)) is not None), None)
        return found

    def __iter__(self) -> Iterator[str]:
        yield from sorted(self.exact)
        yield from (f"*.{domain}" for domain in sorted(self.domains))

    def apps(self) -> tuple[ASGIApp, ...]:
        """Each application once."""
        return tuple({id(app): app for app in (*self.exact.values(), *self.domains.values())}.values())


class ByAddress(Struct, frozen=True):
    """Routes `https://localhost` by the path's shape, to the default world's hosts.

    A path alone names no API Management service and no issuer, hence the default ones.
    """

    service_host: str
    issuer_host: str
    issuer_path: str

    def host_for(self, path: str) -> str:
        rules: tuple[tuple[Callable[[str], bool], str], ...] = (
            (lambda text: text.startswith("/gateways/"), self.service_host),
            (
                lambda text: text.startswith((f"{self.issuer_path}/", "/openid/")),
                self.issuer_host,
            ),
            (lambda text: text.startswith(("/v1.0/", "/beta/")), names.GRAPH_HOST),
            (
                lambda text: text.startswith(("/subscriptions", "/providers", "/metadata/endpoints")),
                names.ARM_HOST,
            ),
            (lambda text: text.startswith("/api/v1/"), names.KUBERNETES_HOST),
            (lambda text: text.startswith("/mutate-v1-pod"), names.WEBHOOK_HOST),
        )
        return next((host for applies, host in rules if applies(path)), names.LOGIN_HOST)
