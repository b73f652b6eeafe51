"""Many write through ARM while many page through the configuration API: all end with the same."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import anyio
import anyio.lowlevel
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.emulators.apim.test_parts import pkcs12
from tests.emulators.arm.cloud import APIM_VERSION, GATEWAY, NOW, SECRET, SERVICE, Cloud

from apim_emulators.apim.gateway_tokens import make_token
from apim_emulators.apim.settings import ApimSettings
from apim_sandbox.virtual import run_virtual

Write = tuple[str, str, dict[str, Any] | None]  # method, path below the service, properties
POLICY = "<policies><inbound><base /><set-header name='x'><value>{}</value></set-header></inbound></policies>"


@cache
def certificate() -> str:
    return pkcs12(Cloud(), "opens")


def _writes(word: str) -> list[Write]:
    """One write of each kind that a gateway may be told of; `word` makes them differ."""
    operation = {"displayName": word, "method": "GET", "urlTemplate": f"/{word}"}
    return [
        ("PUT", "/gateways/on-prem", {"description": word}),
        ("PUT", f"/apis/{word}", {"displayName": word, "path": word, "serviceUrl": "https://x.test"}),
        ("DELETE", f"/apis/{word}", None),
        ("PUT", f"/gateways/on-prem/apis/{word}", None),
        ("DELETE", f"/gateways/on-prem/apis/{word}", None),
        ("PUT", "/apis/echo-api/operations/get", operation),
        ("DELETE", "/apis/echo-api/operations/get", None),
        ("PUT", "/policies/policy", {"value": POLICY.format(word)}),
        ("PUT", "/apis/echo-api/policies/policy", {"value": POLICY.format(word)}),
        ("DELETE", "/apis/echo-api/policies/policy", None),
        ("PUT", f"/namedValues/{word}", {"displayName": word, "value": word}),
        ("DELETE", f"/namedValues/{word}", None),
        ("PUT", "/certificates/tls", {"data": certificate(), "password": "opens"}),
        ("DELETE", "/certificates/tls", None),
        ("PUT", "/gateways/on-prem/hostnameConfigurations/public", {"hostname": f"{word}.test"}),
        ("PUT", "/gateways/on-prem/hostnameConfigurations/tls",
         {"hostname": "tls.test", "certificateId": "/certificates/tls"}),
        ("DELETE", "/gateways/on-prem/hostnameConfigurations/public", None),
        ("PUT", f"/subscriptions/{word}", {"displayName": word, "scope": "/apis"}),
        ("PUT", "/gateways/on-prem/certificateAuthorities/tls", {"isTrusted": word == "one"}),
        ("DELETE", "/gateways/on-prem/certificateAuthorities/tls", None),
    ]  # fmt: skip


class Pager:
    """Follows the feed in pages of `top`, as late as the writers leave it; 410 sends it to a snapshot."""

    def __init__(self, cloud: Cloud, top: int) -> None:
        self.cloud, self.top = cloud, top
        self.revision, self.entities = "00000000", dict[str, Any]()
        keys = cloud.apim.keys_of(GATEWAY, cloud.context("apim").ids)
        self.headers = {"authorization": f"GatewayKey {make_token('on-prem', NOW + 3600, keys.primary)}"}

    async def ask(self, path: str) -> tuple[int, Mapping[str, Any]]:
        answer = await self.cloud.poll(f"/gateways/on-prem/{path}", headers=self.headers)
        return answer.status_code, answer.json()

    async def page(self) -> bool:
        """One request of events, or a snapshot where these do not reach back; whether anything was new."""
        status, body = await self.ask(f"events?$top={self.top}&$skiptoken={self.revision}")
        if status == 410:
            status, body = await self.ask("snapshot")
            self.entities = {one["entity"]: one["data"] for one in body["entities"]}
            self.revision = body["revision"]
            return True
        assert (status, len(body["value"]) <= self.top) == (200, True)
        for event in body["value"]:
            if event["operation"] == "delete":
                self.entities.pop(event["entity"], None)
            else:
                self.entities[event["entity"]] = event["data"]
        self.revision = body["nextSkipToken"]
        return bool(body["value"])


async def write_and_page(length: int, writers: list[list[tuple[int, str]]], tops: list[int]) -> None:
    cloud = Cloud(apim_settings=ApimSettings(SECRET, compaction_length=length))
    pagers = [Pager(cloud, top) for top in tops]
    async with cloud.http:

        async def write(picks: list[tuple[int, str]]) -> None:
            for number, word in picks:
                method, path, properties = _writes(word)[number]
                body = {} if properties is None else {"json": {"properties": properties}}
                answer = await cloud.ask(
                    method, SERVICE + path, version=APIM_VERSION, headers={"if-match": "*"}, **body
                )
                unknown = "is no certificate of the service" in answer.text  # another writer was before
                assert answer.status_code in (200, 201, 204, 404, 412) or unknown, answer.text
                await anyio.lowlevel.checkpoint()

        async def follow(pager: Pager, rounds: int) -> None:
            for _ in range(rounds):
                await pager.page()
                await anyio.lowlevel.checkpoint()

        async with anyio.create_task_group() as tasks:
            for picks in writers:
                tasks.start_soon(write, picks)
            for late, pager in enumerate(pagers):
                tasks.start_soon(follow, pager, 20 // (late + 1))
        for pager in pagers:
            while await pager.page():
                pass
        _, now = await pagers[0].ask("snapshot")
        wanted = (now["revision"], {one["entity"]: one["data"] for one in now["entities"]})
        assert [(pager.revision, pager.entities) for pager in pagers] == [wanted] * len(pagers)


@settings(max_examples=10, deadline=None)
@given(
    length=st.integers(1, 30),
    writers=st.lists(
        st.lists(
            st.tuples(st.integers(0, 19), st.sampled_from(["one", "two"])), min_size=1, max_size=12
        ),
        min_size=2,
        max_size=3,
    ),
    tops=st.lists(st.integers(1, 100), min_size=2, max_size=4),
)  # fmt: skip
def test_pagers_beside_writers_end_with_the_snapshot(
    length: int, writers: list[list[tuple[int, str]]], tops: list[int]
) -> None:
    """Every kind of change, pages of 1 to 100, pagers that fall behind what is kept."""

    async def main() -> None:
        await write_and_page(length, writers, tops)

    run_virtual(main)


def test_each_kind_of_change_is_told() -> None:
    """None of the writes above is refused where its object can be, and each has an event of its own."""

    async def main() -> None:
        cloud = Cloud()
        async with cloud.http:
            pager = Pager(cloud, 100)
            await pager.page()
            told = []
            for method, path, properties in _writes("one"):
                if method == "PUT":
                    body = {} if properties is None else {"json": {"properties": properties}}
                    answer = await cloud.ask(method, SERVICE + path, version=APIM_VERSION, **body)
                    assert answer.status_code in (200, 201), answer.text
                    if await pager.page():
                        told.append(path)
            assert told == [
                path
                for method, path, _ in _writes("one")
                if method == "PUT" and path not in ("/apis/one", "/certificates/tls")  # nobody's yet
            ]

    run_virtual(main)
