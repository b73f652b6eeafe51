"""The two status paths."""

import anyio
import pytest
from starlette.responses import JSONResponse
from tests.sandbox.gateway.conftest import Scene

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("path", ["/status-0123456789abcdef", "/internal-status-0123456789abcdef"])
async def test_both_paths_answer_503_until_configured_then_200(scene: Scene, path: str) -> None:
    """A configuration in memory is what counts: later trouble does not make the gateway unready."""
    scene.api.trouble = lambda _: JSONResponse({}, 403)
    scene.start()
    await anyio.sleep(5)
    client = scene.client()
    assert (await client.get(path)).status_code == 503
    scene.api.trouble = lambda _: None
    await anyio.sleep(10)
    assert (await client.get(path)).status_code == 200
    assert (await client.head(path)).status_code == 200
    assert (await client.post(path)).status_code == 405
    scene.api.trouble = lambda _: JSONResponse({}, 403)
    await anyio.sleep(10)
    assert (await client.get(path)).status_code == 200
