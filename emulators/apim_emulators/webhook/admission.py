"""AdmissionReview in, AdmissionReview out: controller-runtime's HTTP layer, v0.19 (pure).

The HTTP status is always 200; what went wrong is in `response.status`. Requests that can't be read
are answered without apiVersion and kind, as `writeResponse` does.
"""

import base64
from dataclasses import dataclass
from typing import Any

import msgspec

from apim_emulators.core.provenance import Behaviour
from apim_emulators.webhook.gojson import GoJsonError, kind_of, loads
from apim_emulators.webhook.model import Denial, Object
from apim_emulators.webhook.patch import Operation

MAX_REVIEW = 7 * 1024 * 1024  # bytes; a body of exactly this size is too large already
VERSIONS = ("admission.k8s.io/v1", "admission.k8s.io/v1beta1")

HTTP = Behaviour(
    "webhook.http", "documented",
    "Every AdmissionReview, v1 or v1beta1, is answered with HTTP 200; failures are in response.status.",
    "kubernetes-sigs/controller-runtime v0.19 pkg/webhook/admission/http.go",
    "tests/emulators/webhook/test_app.py::test_what_cannot_be_read_is_told_in_the_responses_status",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Review:
    """What the API server asks. `pod` is the object as it came, undecoded."""

    api_version: str
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
        review = loads(body.decode("utf-8", "replace"))
    except GoJsonError as error:
        return Denial(f"couldn't get version/kind; json parse error: {error}")
    if not isinstance(review, dict):
        return Denial(
            "couldn't get version/kind; json parse error: "
            f"json: cannot unmarshal {kind_of(review)} into Go value of type v1.AdmissionReview"
        )
    version = review.get("apiVersion") or VERSIONS[0]
    kind = review.get("kind") or "AdmissionReview"
    if version not in VERSIONS or kind != "AdmissionReview":
        return Denial(
            f'no kind "{kind}" is registered for version "{version}" in scheme "pkg/runtime/scheme.go:100"'
        )
    request = review.get("request")
    request = {} if request is None else request
    if not isinstance(request, dict):
        return Denial(
            f"json: cannot unmarshal {kind_of(request)} into Go struct field AdmissionReview.request "
            "of type v1.AdmissionRequest"
        )
    for member, go_type in (("uid", "types.UID"), ("namespace", "string")):
        if not isinstance(request.get(member) or "", str):
            return Denial(
                f"json: cannot unmarshal {kind_of(request[member])} into Go struct field "
                f"AdmissionRequest.request.{member} of type {go_type}"
            )
    return Review(version, request.get("uid") or "", request.get("namespace") or "", request.get("object"))


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
    return {"kind": "AdmissionReview", "apiVersion": review.api_version}


def _refused(uid: str, denial: Denial) -> Object:
    status = {"metadata": {}, "message": denial.message, "code": denial.code}
    return {"uid": uid, "allowed": False, "status": status}


def _encode(answer: Object) -> bytes:
    return msgspec.json.encode(answer) + b"\n"
