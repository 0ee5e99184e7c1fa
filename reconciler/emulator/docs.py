"""The emulator with interactive documentation under `/docs`: the same endpoints, in FastAPI, with schemas from the kinds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI

from reconciler.emulator.call import Endpoint
from reconciler.resource import Resource, variants

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route


def documented(
    bound: Sequence[tuple[Endpoint, Callable[[Request], Awaitable[Response]]]],
    rest: Route,
    handlers: Mapping[Any, Any],
) -> FastAPI:
    """The application. `rest` answers whatever is no endpoint."""
    app = FastAPI(
        title="Warehouse Sync API, emulated",
        version="v2",
        redoc_url=None,
        exception_handlers=dict(handlers),
    )
    for endpoint, answer in bound:
        app.add_api_route(
            endpoint.path,
            answer,
            methods=[endpoint.method],
            summary=endpoint.summary,
            operation_id=f"{endpoint.method} {endpoint.path}",
            tags=["the emulator itself" if endpoint.is_admin else _tag(endpoint)],
            response_model=None,
            openapi_extra=_extra(endpoint),
        )
    app.router.routes.append(rest)
    return app


def _tag(endpoint: Endpoint) -> str:
    return endpoint.kind.path.strip("/") if endpoint.kind else "runs and tokens"


def _extra(endpoint: Endpoint) -> dict[str, Any]:
    names = [part.split("}")[0] for part in endpoint.path.split("{")[1:]]
    extra: dict[str, Any] = {
        "parameters": [
            {"name": n, "in": "path", "required": True, "schema": {"type": "string"}} for n in names
        ]
    }
    if not endpoint.is_open:
        extra["security"] = [{"bearer": []}]
    if endpoint.method in ("POST", "PUT", "PATCH"):
        schema = {"type": "object"} if endpoint.kind is None else _schema(endpoint.kind)
        extra["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return extra


def _schema(kind: type[Resource]) -> dict[str, Any]:
    models = list(variants(kind).values()) or [kind]
    shapes = [_inlined(schema, schema.get("$defs", {})) for schema in (m.model_json_schema() for m in models)]
    return shapes[0] if len(shapes) == 1 else {"oneOf": shapes}


def _inlined(schema: Any, definitions: Mapping[str, Any]) -> Any:
    """The schema without references. A secret's pattern goes: it is the manifest's, not the API's."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inlined(definitions[schema["$ref"].rpartition("/")[2]], definitions)
    if "secret" in str(schema.get("pattern", "")):
        schema = {k: v for k, v in schema.items() if k != "pattern"} | {"writeOnly": True}
    return {k: _inlined(v, definitions) for k, v in schema.items() if k != "$defs"}
