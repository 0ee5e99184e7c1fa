"""The schema of `wsync.yaml`, kept in step with `reconciler.project` by a test, for that reads it without a model."""

from __future__ import annotations

from typing import Final

from reconciler.project.hosts import AUTH, PODS
from reconciler.resource import kinds
from reconciler.schema import shapes
from reconciler.schema.shapes import JsonSchema

_TARGET_NAME: Final = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$"
_VARIABLE_NAME: Final = "^[A-Za-z_][A-Za-z0-9_]{0,63}$"
_HOST: Final = r"""[^\s\\/@?#<>"'`{}|^]+"""
_PATH: Final = r"""(?:/[^\s\\?#<>"'`{}|^@]*)?"""
_LOOPBACK: Final = r"(?:localhost|127(?:\.[0-9]{1,3}){3}|\[::1\])(?::[0-9]+)?"
_URL: Final = f"^https://{_HOST}{_PATH}$|^http://{_LOOPBACK}{_PATH}$"


def project_schema() -> JsonSchema:
    """The schema of `wsync.yaml`: its targets, and their variables and guards."""
    properties: dict[str, JsonSchema] = {
        "default_target": {
            "description": "The target of commands that name none with -t.",
            **shapes.plain(_TARGET_NAME, "no name of a target", shapes.LOOKS[1:]),
            "minimum": 0,
        },
        "vars": _variables("Variables of every target, for {{ var.NAME }}; a target's own win."),
        "targets": {
            "description": "The environments by name.",
            "type": "object",
            "minProperties": 1,
            "propertyNames": {
                "pattern": _TARGET_NAME,
                "patternErrorMessage": "a target's name: a letter or digit; then letters, digits, `_`, `.` and `-`",
            },
            "additionalProperties": {"$ref": "#/definitions/target"},
        },
    }
    return shapes.document(
        "wsync",
        "wsync.yaml",
        "A wsync project: its targets, and what it may do in each.",
        {**shapes.closed(properties, ["targets"]), "definitions": {"target": _target()}},
    )


def _target() -> JsonSchema:
    """A target is a workspace of the service, or the emulator: one excludes the other's settings."""
    emulated = {"required": ["emulator"], "properties": {"emulator": {"enum": [True, "true"]}}}
    alone = {"properties": {"api": False, "auth": False}}
    return {
        "description": "An environment.",
        **shapes.closed(_settings()),
        "allOf": [{**shapes.when(emulated, alone), "else": {"required": ["workspace_id", "api"]}}],
    }


def _settings() -> dict[str, JsonSchema]:
    url = shapes.plain(_URL, "write https://host/path; http:// is for this machine only")
    workspace = shapes.plain(
        "^[A-Za-z0-9_-]{1,64}$", "letters, digits, `_` and `-`, as in its URLs", ("integer", "boolean")
    )
    count = shapes.plain("^[0-9]{1,6}$", "a whole number from 0 on", ("integer",))
    return {
        "workspace_id": {
            "description": "The workspace to write to. Required unless `emulator: true`.",
            **workspace,
        },
        "api": {
            "description": "The pod of the account, or the base URL before /platform/v2/workspaces/…; hosts other than "
            "mParticle's must be named by WSYNC_ALLOW_HOSTS. Required unless `emulator: true`.",
            "anyOf": [{"enum": list(PODS)}, url],
        },
        "auth": {"description": f"The token endpoint. Default: {AUTH}.", **url},
        "emulator": {
            "description": "The embedded emulator of the API: no credentials, state in .wsync/.",
            **shapes.flag(),
        },
        "owns": _globs("What this project may delete when it is live and not declared. Default: nothing."),
        "protect": _globs("What is never deleted or replaced, whatever the manifests say."),
        "external": _globs("Live resources that manifests may refer to without declaring them."),
        "max_deletes": {
            "description": "How many deletes and replaces one apply may do. Default: 0.",
            **count,
            "minimum": 0,
            "maximum": 999_999,
        },
        "vars": _variables("Variables of this target, for {{ var.NAME }}."),
    }


def _globs(description: str) -> JsonSchema:
    names = "|".join(kinds())
    # A kind with a wildcard in it may match one; whether it does, the loader says.
    pattern = rf"^(?:\*|(?:{names}|[^/]*[*?\[][^/]*)/[\s\S]+)$"
    message = f"a glob on addresses: kind/id with `*` for any text, or `*` alone. Kinds: {', '.join(kinds())}"
    examples = [*(f"{name}/*" for name in kinds()), "*"]
    item = {**shapes.plain(pattern, message), "examples": examples}
    return {"description": description, "type": "array", "items": item}


def _variables(description: str) -> JsonSchema:
    message = "no template is rendered here: write the value itself"
    return {
        "description": description,
        "type": "object",
        "propertyNames": {
            "pattern": _VARIABLE_NAME,
            "patternErrorMessage": "a variable's name: letters, digits and `_`, and no digit first",
        },
        "additionalProperties": shapes.plain(None, message, shapes.LOOKS[1:]),
    }
