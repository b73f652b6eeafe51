"""What a refusal by the sandbox or its cloud becomes: one error, in the answer's own words."""

from collections.abc import Sequence
from typing import Any

import httpx
import msgspec


class SandboxError(Exception):
    """The sandbox refused; the message is its own."""


def check(answer: httpx.Response) -> None:
    """Raise `SandboxError` with the (read) answer's own words unless it tells of success."""
    if answer.is_success:
        return
    try:
        body = msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        raise SandboxError(f"{answer.status_code}: {answer.text[:500]}") from None
    raise SandboxError(f"{_problem(body)}")


def _problem(body: Any) -> str:
    """The message of a control, ARM, Graph or Entra error body."""
    if not isinstance(body, dict):
        return str(body)
    if "error_description" in body:
        return str(body["error_description"])
    error = body.get("error")
    if isinstance(error, dict):
        return f"{error.get('code')}: {error.get('message')}"
    detail = body.get("detail", body)
    if isinstance(detail, Sequence) and not isinstance(detail, str):
        return "; ".join(f"{'.'.join(map(str, item.get('loc', ())))}: {item.get('msg')}" for item in detail)
    return str(detail)
