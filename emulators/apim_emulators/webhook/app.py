"""The admission webhook over HTTP: POST /mutate-v1-pod, health and metrics."""

from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from apim_emulators.core.context import Context
from apim_emulators.core.faults import WebhookDenies
from apim_emulators.core.http import BodyTooLargeError, read_body
from apim_emulators.core.provenance import HEADER
from apim_emulators.webhook import admission, metrics
from apim_emulators.webhook.annotations import annotations, wants_proxy
from apim_emulators.webhook.annotations import quote as quoted
from apim_emulators.webhook.decoding import UndecodableError, decode_account, decode_pod
from apim_emulators.webhook.health import Health
from apim_emulators.webhook.model import Denial, Object, Settings
from apim_emulators.webhook.mutation import MUTATION, account_name, mutate
from apim_emulators.webhook.patch import diff
from apim_emulators.webhook.versions import NATIVE_SIDECARS, at_least


def create_app(context: Context, settings: Settings, *, ready: Callable[[], bool] = lambda: True) -> ASGIApp:
    """One cluster's webhook. Health and metrics, upstream on ports of their own, answer here too.

    `ready`: whether there are certificates; who serves the app with certificates of its own, as with
    --disable-cert-rotation, is ready at once.
    """
    webhook = Webhook(context, settings)
    return Starlette(
        routes=[
            Route(metrics.PATH, webhook.mutate_pod, methods=["GET", "POST", "PUT", "PATCH", "DELETE"]),
            *Health(ready).routes(),
            Route("/metrics", webhook.show_metrics),
        ]
    )


class Webhook:
    """The handlers."""

    def __init__(self, context: Context, settings: Settings) -> None:
        self._context = context
        self._settings = settings
        self._metrics = metrics.Metrics()
        self._native_sidecars: bool | None = None

    async def mutate_pod(self, request: Request) -> Response:
        """An AdmissionReview's answer; the path alone matters, not the method."""
        started = self._context.clock.tick()
        self._metrics.in_flight += 1
        try:
            body = await self._review(request)
        finally:
            self._metrics.in_flight -= 1
            self._metrics.answered(200, self._context.clock.tick() - started)
        headers = {"content-type": "text/plain; charset=utf-8", HEADER: MUTATION.header}
        return Response(body, headers=headers)

    async def show_metrics(self, _: Request) -> Response:
        return PlainTextResponse(self._metrics.text(), media_type=metrics.MEDIA_TYPE)

    async def _review(self, request: Request) -> bytes:
        try:
            body = await read_body(request, admission.MAX_REVIEW - 1)
        except BodyTooLargeError:
            limit = admission.MAX_REVIEW
            return admission.unread(Denial(f"request entity is too large; limit is {limit} bytes", 413))
        review = admission.read_review(body, request.headers.get("content-type", ""))
        if isinstance(review, Denial):
            return admission.unread(review)
        started = self._context.clock.tick()
        try:
            outcome = await self._handle(review)
            operations = [] if isinstance(outcome, Denial) else diff(review.pod, outcome)
        except RecursionError:
            outcome, operations = Denial("exceeded max depth"), []
        self._metrics.mutated(review.namespace, self._context.clock.tick() - started)
        if isinstance(outcome, Denial):
            return admission.denied(review, outcome)
        return admission.allowed(review, operations)

    async def _handle(self, review: admission.Review) -> Object | Denial:
        try:
            pod = decode_pod(review.pod)
        except UndecodableError as error:
            return Denial(str(error))
        refusal = self._context.faults.ask(WebhookDenies)
        if refusal is not None:
            return Denial(refusal.message)
        account = await self._account(review.namespace, account_name(pod))
        if isinstance(account, Denial):
            return account
        native = True
        if account is not None and wants_proxy(annotations(pod)):
            version = await self._serves_native_sidecars()
            if isinstance(version, Denial):
                return version
            native = version
        return mutate(pod, review.namespace, account, self._settings.mutation, native_sidecar=native)

    async def _account(self, namespace: str, name: str) -> Object | Denial | None:
        """The service account; None when there is none. Any other failure refuses the pod."""
        if not namespace:
            return Denial("an empty namespace may not be set when a resource name is provided")
        for what, segment in (("namespace", namespace), ("resource name", name)):
            complaints = _segment_complaints(segment)
            if complaints:
                return Denial(f"invalid {what} {quoted(segment)}: [{' '.join(complaints)}]")
        path = f"/api/v1/namespaces/{quote(namespace, safe='')}/serviceaccounts/{quote(name, safe='')}"
        answer = await self._get(path)
        if isinstance(answer, Denial):
            return answer
        if answer.status_code == 404:
            return None
        value = _json(answer)
        if answer.status_code != 200:
            return Denial(_message(value) or f"the server answered {answer.status_code} for {path}")
        try:
            return decode_account(value)
        except UndecodableError as error:
            return Denial(str(error))

    async def _serves_native_sidecars(self) -> bool | Denial:
        """Asked once, as upstream does at its start."""
        if self._native_sidecars is None:
            answer = await self._get("/version")
            if isinstance(answer, Denial):
                return answer
            value = _json(answer)
            version = value.get("gitVersion") if isinstance(value, dict) else None
            try:
                self._native_sidecars = at_least(str(version), NATIVE_SIDECARS)
            except ValueError as error:
                return Denial(f"failed to check kubernetes version: {error}")
        return self._native_sidecars

    async def _get(self, path: str) -> httpx.Response | Denial:
        url = self._settings.kubernetes_url.rstrip("/") + path
        try:
            return await self._context.http.get(
                url, headers={"authorization": f"Bearer {self._settings.admin_token}"}
            )
        except httpx.HTTPError as error:
            return Denial(f'Get "{url}": {error or type(error).__name__}')


def _segment_complaints(text: str) -> list[str]:
    """client-go's `IsValidPathSegmentName`: what can't stand in a path."""
    if text in (".", ".."):
        return [f"may not be '{text}'"]
    return [f"may not contain '{one}'" for one in "/%" if one in text]


def _json(answer: httpx.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return None


def _message(status: Any) -> str:
    message = status.get("message") if isinstance(status, dict) else None
    return message if isinstance(message, str) else ""
