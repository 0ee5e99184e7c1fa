"""Files to manifests: each document that declares a resource, with our own keys taken off.

Nothing here depends on a target. Law: a file or document that could not be understood is a problem, never a resource
that is simply not there.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from reconciler.errors import Problem
from reconciler.manifest import own_keys
from reconciler.manifest.exposure import shown
from reconciler.project import PROJECT_FILE, Project, codes
from reconciler.project.files import Unusable, manifest_files, read
from reconciler.project.findings import File, Finding, Shown, doubtful_lines
from reconciler.resource import Address, Resource
from reconciler.strictyaml import Document, read_documents

_TREE_LIMIT = 16 * 1024 * 1024
# Thousands of small manifests may go beyond it, as far as this.
_BYTES_PER_DOCUMENT = 1024
_HARD_LIMIT = 64 * 1024 * 1024
_ID = re.compile(r"[A-Za-z0-9_-]{1,256}")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a manifest stands; enough to find its places again. `doubtful`: lines of it that are not to be shown."""

    file: File
    index: int
    line: int
    kind: type[Resource] | None
    doubtful: frozenset[int] = frozenset()

    @property
    def place(self) -> str:
        return f"{self.file.name}:{self.line}"

    def doubting(self, findings: Sequence[Finding]) -> Origin:
        """The same, where also the values that these findings are about may be secret."""
        lines = doubtful_lines(findings, self.file, self.index)
        return replace(self, doubtful=self.doubtful | lines)

    def problem(self, finding: Finding, address: Address | None) -> Problem:
        known = _shown(self.file.raw, self.index, self.kind)
        where = str(address) if address else None
        return finding.problem(self.file, self.index, known, self.doubtful, where)


@dataclass(frozen=True, slots=True)
class Manifest:
    """One document, not yet rendered. `body` holds the API's own fields; `targets` is None for every target."""

    origin: Origin
    kind: type[Resource]
    body: Mapping[str, object]
    protect: bool = False
    ignore: tuple[str, ...] = ()
    targets: frozenset[str] | None = None


@dataclass(slots=True)
class Reading:
    """What came of reading a project's files, apart from the manifests. `files`: how many were read.

    `broken`: files in which something is declared that could not be understood. `incomplete`: files could not even be
    read, so that what is declared in them is unknown. `unnamed`: kinds of which something has an id that could not be
    rendered.
    """

    problems: list[Problem] = field(default_factory=list)
    files: int = 0
    documents: int = 0
    broken: list[File] = field(default_factory=list)
    incomplete: bool = False
    unnamed: set[str] = field(default_factory=set)


def manifests(project: Project, reading: Reading) -> Iterator[Manifest]:
    """Every manifest of the project in order of place, each file read once. What is wrong goes into `reading`."""
    names, problems = manifest_files(project.root)
    reading.problems += problems
    reading.incomplete = any(p.severity == "error" for p in problems)
    size = 0
    for name in names:
        try:
            raw, linked = read(project.root, name)
        except Unusable as unusable:
            reading.problems.append(unusable.problem(name))
            reading.incomplete = True
            continue
        size += len(raw)
        if size > _HARD_LIMIT:
            break
        reading.files += 1
        if linked:
            reading.problems.append(hard_link(name))
        yield from _of_file(File(name, raw), project, reading)
    if size > min(_HARD_LIMIT, max(_TREE_LIMIT, reading.documents * _BYTES_PER_DOCUMENT)):
        message, hint = "all manifests together are larger than 16 MiB", "split the project in two"
        reading.problems.append(Problem(codes.TOO_LARGE, "error", message, PROJECT_FILE, hint=hint))
    if not reading.documents and not any(p.severity == "error" for p in reading.problems):
        message = f"no manifest anywhere below {PROJECT_FILE}: nothing is declared"
        hint = (
            "declare a resource in a *.yaml file beside it; what is live already, under the id it has there"
        )
        reading.problems.append(Problem(codes.NOTHING, "error", message, PROJECT_FILE, hint=hint))


def hard_link(name: str) -> Problem:
    message, hint = "the file has other names as well (hard links)", "put a copy here"
    return Problem(codes.HARD_LINK, "warning", message, name, hint=hint)


def usable_id(value: object) -> str | None:
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def _of_file(file: File, project: Project, reading: Reading) -> Iterator[Manifest]:
    documents, problems = read_documents(file.raw, file.name)
    reading.problems += problems
    reading.documents += len(documents)
    understood = not any(p.severity == "error" for p in problems)
    for document in documents:
        manifest = _manifest(file, document, project, reading)
        if manifest is not None:
            yield manifest
        else:
            understood = False
    if not understood:
        reading.broken.append(file)


def _manifest(file: File, document: Document, project: Project, reading: Reading) -> Manifest | None:
    findings: list[Finding] = []
    kind = own_keys.kind(document.data, findings)
    data = document.data if isinstance(document.data, dict) else {}
    origin = Origin(file, document.index, document.line, kind)
    protect, ignore, targets = False, tuple[str, ...](), None
    if kind is not None:
        if "lifecycle" in data:
            protect, ignore = own_keys.lifecycle(data["lifecycle"], findings)
        if "targets" in data:
            targets = own_keys.targets(data["targets"], project, findings)
    if findings:
        name = usable_id(data.get("id"))
        address = Address(kind.kind, name) if kind and name else None
        origin = origin.doubting(findings)
        reading.problems += [origin.problem(finding, address) for finding in findings]
    if kind is None:
        return None
    body = {key: value for key, value in data.items() if key not in own_keys.OWN_KEYS}
    return Manifest(origin, kind, body, protect, ignore, targets)


@functools.lru_cache(maxsize=1)
def _data(raw: bytes) -> dict[int, object]:
    return {document.index: document.data for document in read_documents(raw, "")[0]}


@functools.lru_cache(maxsize=16)
def _shown(raw: bytes, index: int, kind: type[Resource] | None) -> Shown:
    return shown(kind, _data(raw).get(index))
