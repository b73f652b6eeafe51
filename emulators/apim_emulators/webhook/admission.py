"""AdmissionReview in, AdmissionReview out: controller-runtime's HTTP layer, v0.19 (pure).

The HTTP status is always 200; what went wrong is in `response.status`. Requests that can't be read
are answered without apiVersion and kind, as `writeResponse` does.
"""

import base64
from typing import Any

import msgspec
from msgspec import Struct

from apim_emulators.core.provenance import Behaviour
from apim_emulators.webhook import goyaml
from apim_emulators.webhook.gojson import NO_KIND, GoJsonError, loads, no_version_and_kind
from apim_emulators.webhook.gotypes import Types, kubernetes_types, read_as, version_and_kind
from apim_emulators.webhook.goyaml_values import GoYamlError
from apim_emulators.webhook.model import Denial, Object
from apim_emulators.webhook.patch import Operation

MAX_REVIEW = 7 * 1024 * 1024  # bytes; a body of exactly this size is too large already
DEFAULT_VERSION = "admission.k8s.io/v1"

HTTP = Behaviour(
    "webhook.http", "documented",
    "Every AdmissionReview, v1 or v1beta1, is answered with HTTP 200; failures are in response.status.",
    "kubernetes-sigs/controller-runtime v0.19 pkg/webhook/admission/http.go",
    "tests/emulators/webhook/test_app.py::test_what_cannot_be_read_is_told_in_the_responses_status",
)  # fmt: skip


_REVIEW = "v1.unversionedAdmissionReview"


class Review(Struct, frozen=True):
    """What the API server asks. `pod` is the object as it came, undecoded."""

    api_version: str
    kind: str
    uid: str
    namespace: str
    pod: Any


def read_review(body: bytes, content_type: str) -> Review | Denial:
    """The request, or why it can't be read."""
    if not body:
        return Denial("request body is empty")
    if len(body) >= MAX_REVIEW:
        return Denial(f"request entity is too large; limit is {MAX_REVIEW} bytes", 413)
    if content_type != "application/json":
        return Denial(f"contentType={content_type}, expected application/json")
    try:
        raw = _decoded(body.decode("utf-8", "replace").removeprefix("\ufeff"))
        version, kind = version_and_kind(raw) if isinstance(raw, dict) else ("", "")
    except GoYamlError as error:
        return Denial(str(error))
    except GoJsonError as error:
        return Denial(f"{NO_KIND}{error}")
    if not isinstance(raw, dict):
        return Denial(no_version_and_kind(raw))
    try:
        request = _read(raw).get("request") or {}
    except GoJsonError as error:
        return Denial(str(error))
    if not version and not kind:
        version, kind = DEFAULT_VERSION, "AdmissionReview"
    return Review(version, kind, request.get("uid", ""), request.get("namespace", ""), request.get("object"))


def _read(raw: Object) -> Object:
    """The review as controller-runtime's own type reads it, its pod as it came."""
    types: Types = {_REVIEW: {"request": "*v1.AdmissionRequest"}, **kubernetes_types()}
    found: Object = read_as(raw, _REVIEW, types)
    return found


def _decoded(text: str) -> Any:
    """The decoder takes what does not begin with a brace for YAML."""
    if text.strip().startswith("{"):
        return loads(text)
    value = goyaml.loads(text)
    return {} if value is None else value


def unread(denial: Denial) -> bytes:
    """The answer to a request that could not be read."""
    return _encode({"response": _refused("", denial)})


def denied(review: Review, denial: Denial) -> bytes:
    """The pod is refused."""
    return _encode({**_typed(review), "response": _refused(review.uid, denial)})


def allowed(review: Review, operations: list[Operation]) -> bytes:
    """The pod is admitted; patch and patchType are there only when there is something to patch."""
    response: Object = {"uid": review.uid, "allowed": True, "status": {"metadata": {}, "code": 200}}
    if operations:
        response["patch"] = base64.b64encode(msgspec.json.encode(operations)).decode()
        response["patchType"] = "JSONPatch"
    return _encode({**_typed(review), "response": response})


def _typed(review: Review) -> Object:
    """Version and kind go back as they came, whatever they are."""
    typed = {"kind": review.kind, "apiVersion": review.api_version}
    return {member: text for member, text in typed.items() if text}


def _refused(uid: str, denial: Denial) -> Object:
    status = {"metadata": {}, "message": denial.message, "code": denial.code}
    return {"uid": uid, "allowed": False, "status": status}


def _encode(answer: Object) -> bytes:
    return msgspec.json.encode(answer) + b"\n"
