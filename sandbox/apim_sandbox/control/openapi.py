"""The control service's OpenAPI document and a page that shows it: FastAPI's, loaded when asked for."""

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from fastapi import FastAPI

from apim_sandbox import __version__
from apim_sandbox.control.offers import Offer

_REFERENCE = "#/components/schemas/{name}"


def described(offers: Sequence[Offer]) -> FastAPI:
    """An application that answers `/openapi.json` and `/docs`; the offers themselves are served elsewhere."""
    app = FastAPI(title="apim-sandbox control", version=__version__, docs_url="/docs", redoc_url=None)
    bodies = [one.body for one in offers if one.body is not None]
    schemas, components = msgspec.json.schema_components(bodies, ref_template=_REFERENCE)
    shown = dict(zip(map(id, bodies), schemas, strict=True))
    for one in offers:
        app.add_api_route(
            one.path,
            one.answer,
            methods=[one.method],
            name=one.handler.__name__,
            description=inspect.getdoc(one.handler),
            status_code=one.status,
            openapi_extra=_extra(one, shown),
        )
    app.openapi()["components"] = {"schemas": components}
    return app


def _extra(offer: Offer, schemas: Mapping[int, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if offer.query:
        found["parameters"] = [
            {"name": name, "in": "query", "required": False, "schema": {"type": "string"}}
            for name in offer.query
        ]
    if offer.body is not None:
        content = {"application/json": {"schema": schemas[id(offer.body)]}}
        found["requestBody"] = {"required": True, "content": content}
    return found
