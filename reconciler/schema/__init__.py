"""JSON Schemas by which editors complete and check manifests and `wsync.yaml`, and the manifest reference of the README.

Laws: all of it follows from the registry of kinds and the marks on their fields, so that a new kind needs nothing here;
the same kinds give the same bytes. A schema says what can be said without reading other files: it refuses nothing that
the loader accepts, and of what the loader refuses lets through only what patterns and conditions cannot tell.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping

from reconciler.schema.manifests import manifest_schema
from reconciler.schema.projects import project_schema
from reconciler.schema.reference import manifest_reference
from reconciler.schema.shapes import JsonSchema

__all__ = ["SCHEMAS", "files", "manifest_reference", "manifest_schema", "project_schema", "render"]

SCHEMAS: Mapping[str, Callable[[], JsonSchema]] = {"manifest": manifest_schema, "wsync": project_schema}
"""Every schema by name: of manifests, and of `wsync.yaml`."""


def files() -> dict[str, str]:
    """Name and content of every file that belongs in `schemas/`."""
    return {f"{name}.schema.json": render(make()) for name, make in SCHEMAS.items()}


def render(schema: JsonSchema) -> str:
    """A schema as the text of a file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
