"""`python -m apim_sandbox.cluster.kind.webhook_pod`: the emulated webhook as a pod of a real cluster.

Same flags and environment as upstream's `/manager`, with rotation of its own certificates; its service
accounts come from the real API server, with the pod's own service-account token.
"""

import os
import ssl
import sys
from pathlib import Path
from typing import get_args

import anyio
import httpx

from apim_emulators.core.clock import MasterClock
from apim_emulators.core.context import Context
from apim_emulators.core.ids import RandomIds
from apim_emulators.core.journal import ActorJournal
from apim_emulators.core.keys import FreshKeys
from apim_emulators.webhook.app import create_app
from apim_emulators.webhook.config import ConfigError, configure
from apim_emulators.webhook.profiles import ProfileName
from apim_sandbox.cluster.kind.webhook_certificates import CertificateKeeper
from apim_sandbox.gateway.control import NoSink
from apim_sandbox.serving.edge import listen, serving
from apim_sandbox.serving.networked import stopped

PORT = 9443
_MOUNTED = Path("/var/run/secrets/kubernetes.io/serviceaccount")
PROFILE_VARIABLE = "APIM_SANDBOX_WEBHOOK_PROFILE"


async def run(arguments: list[str]) -> None:
    """Serve until a signal comes. Raises `ConfigError` as upstream's process would end."""
    clock = MasterClock().for_actor("webhook")
    named = os.environ.get(PROFILE_VARIABLE, "1.6.0")
    profile: ProfileName = next(one for one in get_args(ProfileName) if one == named)
    settings = configure(
        arguments, os.environ, admin_token=(_MOUNTED / "token").read_text().strip(), profile=profile
    )
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.minimum_version = ssl.TLSVersion.TLSv1_3
    if not settings.rotates:
        tls.load_cert_chain(f"{settings.cert_dir}/tls.crt", f"{settings.cert_dir}/tls.key")
    trusted = ssl.create_default_context(cafile=str(_MOUNTED / "ca.crt"))
    async with httpx.AsyncClient(verify=trusted, trust_env=False, timeout=10) as http:
        context = Context(clock, RandomIds(), ActorJournal(NoSink(), "webhook", clock), http)
        http.headers["authorization"] = f"Bearer {settings.admin_token}"
        http.base_url = httpx.URL(settings.kubernetes_url)
        keeper = CertificateKeeper(http, clock, FreshKeys(), settings.namespace, tls)
        app = create_app(context, settings, ready=lambda: keeper.ready or not settings.rotates)
        async with (
            serving(app, listen(PORT, "--port", "0.0.0.0"), tls),  # noqa: S104
            anyio.create_task_group() as tasks,
        ):
            if settings.rotates:
                tasks.start_soon(keeper.run)
            await stopped()
            tasks.cancel_scope.cancel()


def main() -> int:
    try:
        anyio.run(run, sys.argv[1:], backend="asyncio")
    except (ConfigError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
