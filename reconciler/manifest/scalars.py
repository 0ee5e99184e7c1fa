"""Renders the text scalars of a manifest for one target: variables, references to secrets, included files.

Laws: a file comes in only from inside the project and is rendered with variables alone; a scalar that fails leaves the
others to be rendered, so that everything wrong is told at once.
"""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from reconciler.errors import Problem, did_you_mean, inert
from reconciler.fields import SecretRef
from reconciler.manifest.documents import Manifest, hard_link
from reconciler.manifest.exposure import looks_like_a_template
from reconciler.manifest.template import Context, TemplateError, evaluate, is_template
from reconciler.project import PROJECT_FILE, codes
from reconciler.project.files import Unusable, names_beside, read
from reconciler.project.findings import Finding, Steps
from reconciler.strictyaml import decode, unseen

_REMEMBERED = 200  # characters: longer templates are hardly ever the same


@dataclass(slots=True)
class Rendered:
    """A manifest's fields with every template evaluated.

    `failed`: where one could not be; its own text still stands there. `problems`: inside of included files.
    """

    body: Mapping[str, object]
    includes: set[str] = field(default_factory=set)
    failed: set[Steps] = field(default_factory=set)
    findings: list[Finding] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


class _NotIncluded(Exception):
    """A file could not be included, or the problems in it are told at their own place."""

    def __init__(self, code: str, message: str, hint: str | None, problems: Sequence[Problem] = ()) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.problems = problems


class Included:
    """The files that manifests of a project include, each read once, whatever the target."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._texts: dict[str, str | _NotIncluded] = {}
        self.warnings: list[Problem] = []

    def text(self, folder: str, path: str) -> tuple[str, str]:
        """The name of a file, relative to the project, and its text. `path` is relative to `folder`."""
        name = _normal(folder, path)
        if name not in self._texts:
            self._texts[name] = self._read(name, path)
        text = self._texts[name]
        if isinstance(text, _NotIncluded):
            raise text
        return name, text

    def _read(self, name: str, path: str) -> str | _NotIncluded:
        try:
            raw, linked = read(self._root, name)
        except Unusable as unusable:
            hint = self._nearest(name, path) or unusable.hint
            return _NotIncluded(unusable.code, f"`file('{inert(path, 120)}')`: {unusable.message}", hint)
        if linked:
            self.warnings.append(hard_link(name))
        text, problems = decode(raw, name)
        return _NotIncluded("", "", None, problems) if text is None else text

    def _nearest(self, name: str, path: str) -> str | None:
        beside = names_beside(self._root, name)
        if posixpath.basename(name) in beside:
            return None
        with contextlib.suppress(_NotIncluded):
            from_root = _normal("", path)
            if posixpath.basename(from_root) in names_beside(self._root, from_root):
                return f"paths are relative to the manifest's own folder, and {path} to the project's"
        near = did_you_mean(posixpath.basename(name), beside)
        return f"did you mean `{posixpath.join(posixpath.dirname(path), near)}`?" if near else None


def _normal(folder: str, path: str) -> str:
    """The name, relative to the project, of a file that may be included. Raises `_NotIncluded`."""
    name = posixpath.normpath(posixpath.join(folder, path))
    parts = name.split("/")
    if name == "." or not path or unseen(path) or "\\" in path or path.endswith("/"):
        why = "no path of a file"
    elif posixpath.isabs(path) or path[1:2] == ":":
        why = "an absolute path"
    elif parts[0] == "..":
        why = "a path that leaves the project"
    elif any(part.startswith(".") for part in parts):
        why = "a hidden path"
    elif parts[-1].casefold() == PROJECT_FILE:
        why = "the project's own file"
    else:
        return name
    hint = "name a file inside the project, relative to this manifest"
    raise _NotIncluded(codes.INCLUDE, f"`file('{inert(path, 120)}')`: {why}", hint)


class Rendering:
    """Renders manifests for one target."""

    def __init__(self, included: Included, variables: Mapping[str, str]) -> None:
        self._included = included
        self._variables = variables
        self._inner = Context(variables, None)
        self._contexts: dict[str, Context] = {}
        self._values: dict[str, str | SecretRef] = {}
        self._taken: list[str] = []

    def render(self, manifest: Manifest) -> Rendered:
        rendered = Rendered(manifest.body)
        folder, _, _ = manifest.origin.file.name.rpartition("/")
        body = self._mapping(manifest.body, (), folder, rendered)
        rendered.body = body
        return rendered

    def _mapping(
        self, data: Mapping[str, object], path: Steps, folder: str, into: Rendered
    ) -> Mapping[str, object]:
        """The mapping itself where no template stands in it: aliases share data, so nothing is changed in place."""
        changed: dict[str, object] | None = None
        for key, value in data.items():
            if type(value) is str:
                if "{" not in value or not is_template(value):
                    continue
                new = self._scalar(value, (*path, key), folder, into)
            elif value is None:
                continue
            else:
                new = self._other(value, (*path, key), folder, into)
            if new is not value:
                if changed is None:
                    changed = dict(data)
                changed[key] = new
        return data if changed is None else changed

    def _other(self, value: object, path: Steps, folder: str, into: Rendered) -> object:
        if isinstance(value, dict):
            return self._mapping(value, path, folder, into)
        if isinstance(value, list):
            return [self._other(item, (*path, n), folder, into) for n, item in enumerate(value)]
        if isinstance(value, str) and is_template(value):
            return self._scalar(value, path, folder, into)
        return value

    def _scalar(self, text: str, path: Steps, folder: str, into: Rendered) -> object:
        known = self._values.get(text)
        if known is not None:
            return known
        context = self._contexts.get(folder)
        if context is None:
            context = self._contexts[folder] = Context(
                self._variables, lambda path: self._include(folder, path)
            )
        self._taken.clear()
        try:
            value = evaluate(text, context)
        except TemplateError as error:
            into.findings.append(_failure(error, path, text))
        except _NotIncluded as error:
            into.problems += error.problems
            if not error.problems:
                into.findings.append(_failure(error, path, text))
        else:
            into.includes.update(self._taken)
            if not self._taken and len(text) <= _REMEMBERED:
                self._values[text] = value
            return value
        into.failed.add(path)
        return text

    def _include(self, folder: str, path: str) -> str:
        name, text = self._included.text(folder, path)
        self._taken.append(name)
        if not is_template(text):
            return text
        try:
            value = evaluate(text, self._inner)
        except TemplateError as error:
            problem = Problem(error.code, "error", error.message, name, error.line, 1, hint=error.hint)
            raise _NotIncluded("", "", None, [problem]) from None
        assert isinstance(value, str)  # without `read_file`, secrets are refused
        return value


def _failure(error: TemplateError | _NotIncluded, path: Steps, text: str) -> Finding:
    return Finding(error.code, error.message, path, error.hint, show=looks_like_a_template(text))
