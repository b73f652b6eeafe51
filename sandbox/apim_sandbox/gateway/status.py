"""The two status paths: 503 until the gateway is configured, then 200."""

from starlette.responses import Response

from apim_emulators.core.provenance import HEADER, Behaviour

PATHS = ("/status-0123456789abcdef", "/internal-status-0123456789abcdef")

STATUS = Behaviour(
    id="gateway.status",
    label="documented",
    statement="200 when healthy; 503 before a configuration is loaded",
    source="Microsoft's API Management gateways overview; self-hosted-gateway#418 for the 503",
    witness="tests/sandbox/gateway/test_status.py::test_both_paths_answer_503_until_configured_then_200",
)
INTERNAL_STATUS = Behaviour(
    id="gateway.status.internal",
    label="assumed",
    statement="/internal-status-0123456789abcdef answers as /status-0123456789abcdef does; bodies are ours",
    source="the workload identity article probes it; how it differs is not documented",
    witness="tests/sandbox/gateway/test_status.py::test_both_paths_answer_503_until_configured_then_200",
)


def answer(path: str, method: str, configured: bool) -> Response | None:
    """The answer to a status request; None when `path` is not one."""
    if path not in PATHS:
        return None
    if method not in ("GET", "HEAD"):
        return Response(status_code=405, headers={"allow": "GET, HEAD"})
    behaviour = STATUS if path == PATHS[0] else INTERNAL_STATUS
    text, status = ("Service Operational", 200) if configured else ("Service Unavailable", 503)
    return Response(
        text, status, {HEADER: behaviour.header, "cache-control": "no-store"}, media_type="text/plain"
    )
