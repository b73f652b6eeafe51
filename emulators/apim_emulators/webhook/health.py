"""/healthz and /readyz as controller-runtime serves them (`pkg/healthz/healthz.go`).

Upstream serves them over plain HTTP at --health-addr (:9440) and metrics at --metrics-addr (:8095), apart
from the webhook's own port 9443. Here they answer on the webhook's host beside it.
"""

from collections.abc import Callable

from msgspec import Struct
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from apim_emulators.core.provenance import Behaviour

NOT_READY = "certs are not ready yet"

HEALTH = Behaviour(
    "webhook.health", "documented",
    "Until there are certificates /healthz and /readyz answer 500 without the reason, which "
    "/readyz/readyz tells: certs are not ready yet.",
    "kubernetes-sigs/controller-runtime pkg/healthz/healthz.go; azure-workload-identity cmd/webhook/main.go",
    "tests/emulators/webhook/test_certificates.py::test_it_is_not_ready_before_there_are_certificates",
)  # fmt: skip


class Health(Struct, frozen=True):
    """One named check for each of the two paths, both of them whether certificates are there."""

    ready: Callable[[], bool]

    def routes(self) -> list[Route]:
        return [
            route
            for name in ("healthz", "readyz")
            for route in (
                Route(f"/{name}", self._all_of(name)),
                Route(f"/{name}/{name}", self._one),
            )
        ]

    def _all_of(self, name: str) -> Callable[[Request], Response]:
        async def answer(request: Request) -> Response:
            excluded = request.query_params.getlist("exclude")
            failed = name not in excluded and not self.ready()
            if name in excluded:
                lines = f"[+]{name} excluded: ok\n"
            else:
                lines = f"[-]{name} failed: reason withheld\n" if failed else f"[+]{name} ok\n"
            unknown = sorted({one for one in excluded if one != name})
            if unknown:
                listed = ",".join(f'"{one}"' for one in unknown)
                lines += f"warn: some health checks cannot be excluded: no matches for {listed}\n"
            if failed:
                return _text(f"{lines}healthz check failed\n", 500)
            return _text(f"{lines}healthz check passed\n" if "verbose" in request.query_params else "ok")

        return answer  # type: ignore[return-value]

    async def _one(self, _: Request) -> Response:
        return _text("ok") if self.ready() else _text(f"internal server error: {NOT_READY}\n", 500)


def _text(text: str, status: int = 200) -> Response:
    return PlainTextResponse(text, status, headers={"x-content-type-options": "nosniff"})
