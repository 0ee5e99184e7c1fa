"""Takes a mapping of settings apart, key by key, and collects everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from reconciler.errors import did_you_mean
from reconciler.fields import Wrong
from reconciler.project import codes
from reconciler.project.findings import Finding, Steps
from reconciler.resource import kinds

_KEY = re.compile(r"[a-z][a-z_]{0,39}")
_VARIABLE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_HARMLESS = re.compile(r"[\w. -]{0,24}")  # no URL, which may hold a password
_WHY = {
    "workspace_id": "every target names the workspace it writes to (or says `emulator: true`)",
    "api": "one of us1, us2, eu1, au1, or an https:// base URL (or say `emulator: true`)",
}


@dataclass(slots=True)
class Look:
    """Collects what is wrong while a document is taken apart."""

    findings: list[Finding] = field(default_factory=list)

    def say(
        self, code: str, message: str, path: Steps, *, hint: str | None = None, key: bool = False
    ) -> None:
        self.findings.append(Finding(code, message, path, hint, key))

    def wrong(self, path: Steps, message: str, *, hint: str, show: bool = False) -> None:
        self.findings.append(Finding(codes.SETTING_WRONG, message, path, hint, show=show))

    def mapping(self, value: object, path: Steps, what: str) -> Mapping[str, object]:
        if isinstance(value, dict):
            return value
        hint = "write its entries below it, indented"
        self.say(
            codes.SETTING_WRONG, f"{what} is a mapping, `key: value`", path, hint=hint, key=value is None
        )
        return {}

    def known_keys(self, mapping: Mapping[str, object], path: Steps, known: Sequence[str], what: str) -> None:
        for key in mapping.keys() - set(known):
            named = f"unknown key `{key}`" if _KEY.fullmatch(key) else "unknown key"
            near = did_you_mean(key, known)
            listed = f"keys of {what}: {', '.join(known)}"
            hint = f"did you mean `{near}`? {listed}" if near else listed
            self.say(codes.SETTING_UNKNOWN, f"{named} in {what}", (*path, key), hint=hint, key=True)

    def text(self, value: object, path: Steps) -> str | None:
        """The text of a scalar; None, with a finding, of anything else."""
        name = next(str(step) for step in reversed(path) if isinstance(step, str))
        if isinstance(value, str) and not _is_template(value):
            return value
        if isinstance(value, str):
            self.wrong(path, "a template: none is rendered here", hint="write the value itself")
        elif value is None:
            hint = 'give it a value, or delete the line ("" for an empty text)'
            self.say(codes.SETTING_WRONG, f"`{name}` is empty", path, hint=hint, key=True)
        else:
            self.wrong(path, f"`{name}` is one text, not a list or mapping", hint="write it on one line")
        return None

    def spelled(
        self,
        mapping: Mapping[str, object],
        key: str,
        path: Steps,
        fn: Callable[[str], str],
        default: str | None,
    ) -> str:
        """A value in the spelling of `fn`, which raises `Wrong`. Without a default the key must be there."""
        if key not in mapping:
            if default is None:
                self.say(codes.SETTING_MISSING, f"`{key}` is missing", (*path, key), key=True, hint=_WHY[key])
            return default or ""
        text = self.text(mapping[key], (*path, key))
        if text is None:
            return ""
        try:
            return fn(text)
        except Wrong as wrong:
            harmless = _HARMLESS.fullmatch(text) is not None
            self.wrong((*path, key), f"`{key}`: {wrong.message}", hint=wrong.hint or "", show=harmless)
            return ""

    def globs(self, mapping: Mapping[str, object], key: str, path: Steps) -> tuple[str, ...]:
        value = mapping.get(key, [])
        if not isinstance(value, list):
            self.wrong(
                (*path, key),
                f"`{key}` is a list of address globs",
                hint=f'write [] for none, or ["{_example()}"]',
            )
            return ()
        texts = [(n, self.text(item, (*path, key, n))) for n, item in enumerate(value)]
        for n, text in texts:
            if text is not None and (hint := _glob_hint(text)):
                message = f"`{key}` holds no glob on addresses (`kind/id`) here"
                self.wrong((*path, key, n), message, hint=hint, show=True)
        return tuple(text for _, text in texts if text is not None)

    def variables(self, mapping: Mapping[str, object], path: Steps) -> dict[str, str]:
        if "vars" not in mapping:
            return {}
        values = self.mapping(mapping["vars"], (*path, "vars"), "`vars`")
        for name in values:
            if not _VARIABLE_NAME.fullmatch(name):
                hint = "letters, digits and `_`, and no digit first: it is written {{ var.NAME }}"
                self.say(
                    codes.SETTING_WRONG, "no name for a variable", (*path, "vars", name), hint=hint, key=True
                )
        texts = {name: self.text(value, (*path, "vars", name)) for name, value in values.items()}
        return {name: text for name, text in texts.items() if text is not None}


def _is_template(text: str) -> bool:
    return any(tag in text for tag in ("{{", "{%", "{#"))


def _glob_hint(text: str) -> str | None:
    """What is wrong with a glob, as a hint; None for a good one."""
    if text == "*":
        return None
    kind, slash, rest = text.partition("/")
    if not slash or not rest:
        return f"write kind/id with `*` for any text, such as {_example()}, or `*` alone for everything"
    if any(fnmatchcase(name, kind) for name in kinds()):
        return None
    near = did_you_mean(kind, kinds())
    return f"did you mean `{near}/…`? Kinds: {', '.join(kinds())}" if near else f"kinds: {', '.join(kinds())}"


def _example() -> str:
    return f"{next(iter(kinds()))}/*"
