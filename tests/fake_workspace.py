"""An in-memory workspace with the API's semantics, a switch for each thing that is not known about it, and an oracle.

It stores true values, secrets included, and notes in `violations` what no client of ours may ever send. It knows
nothing of HTTP or of faults: `fault_server` puts both around it.
"""

from __future__ import annotations

import copy
import itertools
import re
import threading
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from reconciler.resource import Resource, fields, kinds, sounds_secret, variant_of, variants

Document = dict[str, Any]
MASK = "************"
HEALTH = {"/connections": "healthy", "/data-models": "valid", "/inputs/data-pipelines": "idle"}


@dataclass
class Switches:
    """What is unknown about the API, as api-facts lists it. Set them on `server.workspace.switches`, at any time."""

    duplicate_post: Literal["400", "409", "upsert"] = "400"
    delete_in_use: Literal["refuse", "allow"] = "refuse"
    missing_reference: Literal["refuse", "allow"] = "refuse"
    left_out_on_put: Literal["clear", "keep"] = "clear"
    secrets: Literal["mask", "omit", "clear"] = "mask"
    mask_in_put: Literal["store", "keep"] = "store"
    put_answer: Literal[200, 204] = 200
    post_answer: Literal[200, 201, 204] = 200
    delete_answer: Literal[200, 202, 204] = 204
    lag: float = 0.0  # seconds that reads are behind writes


@dataclass(frozen=True)
class Reply:
    status: int
    document: object = None  # None: no body


@dataclass(frozen=True)
class _Undo:
    at: float
    path: str
    id: str
    before: Document | None


@dataclass
class Workspace:
    """Collections by path (`/connections` …), each a dictionary of documents by id, in order of creation."""

    switches: Switches = field(default_factory=Switches)
    collections: dict[str, dict[str, Document]] = field(default_factory=lambda: {path: {} for path in HEALTH})
    runs: dict[str, list[Document]] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)
    page_size: int = 50
    _history: list[_Undo] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)
    _run_ids: itertools.count[int] = field(default_factory=lambda: itertools.count(1000))

    # ------------------------------------------------------------------- for tests

    def seed(self, kind: str, document: Document) -> None:
        """Puts a resource there as if somebody had made it in the user interface. Unknown keys are kept as they are."""
        path = kinds()[kind].path
        stored = {"status": HEALTH[path], "errors": [], **_stamps("created"), **copy.deepcopy(document)}
        self._set(path, str(document["id"]), stored)

    def stored(self, kind: str, identifier: str) -> Document | None:
        """What is really stored, secrets in clear; None if nothing is."""
        with self._lock:
            return copy.deepcopy(self.collections[kinds()[kind].path].get(identifier))

    def edit(self, kind: str, identifier: str, path: str, value: object) -> None:
        """A change made behind the client's back, at a dotted path."""
        with self._lock:
            document = copy.deepcopy(self.collections[kinds()[kind].path][identifier])
            put_at(document, path, value)
            self._set(kinds()[kind].path, identifier, document | _stamps("last_modified"))

    def remove(self, kind: str, identifier: str) -> None:
        self._set(kinds()[kind].path, identifier, None)

    def settle(self) -> None:
        """What was done so far is seen by every read, however far reads are behind."""
        with self._lock:
            self._history.clear()

    def snapshot(self) -> dict[str, dict[str, Document]]:
        """All that is stored, without what the server stamps on it."""
        with self._lock:
            computed = Resource.computed
            return {
                path: {i: {k: v for k, v in d.items() if k not in computed} for i, d in documents.items()}
                for path, documents in copy.deepcopy(self.collections).items()
            }

    # ------------------------------------------------------------------- the API

    def handle(
        self, method: str, path: str, query: dict[str, str], body: object, *, stale: bool = False
    ) -> Reply:
        """One request, `path` below the workspace. `stale`: a read that does not see the latest write."""
        with self._lock:
            collection = next((c for c in self.collections if path == c or path.startswith(f"{c}/")), None)
            if collection is None:
                return _error(404, "no such endpoint")
            rest = path[len(collection) + 1 :].split("/") if path != collection else []
            match method, rest:
                case "GET", []:
                    provider = query.get("serviceProvider")
                    found = self._seen(collection, stale=stale).values()
                    shown = [self._shown(d) for d in found if provider in (None, d.get("service_provider"))]
                    return Reply(200, shown)
                case "GET", [identifier]:
                    document = self._seen(collection, stale=stale).get(identifier)
                    return Reply(200, self._shown(document)) if document else _error(404, "not found")
                case "POST", []:
                    return self._create(collection, body)
                case "POST", ["trigger"]:
                    return self._trigger(collection, body)
                case "PUT", [identifier]:
                    return self._update(collection, identifier, body)
                case "DELETE", [identifier]:
                    return self._delete(collection, identifier)
                case "GET", [identifier, *more] if identifier in self.collections[collection]:
                    return self._health(collection, identifier, more, query)
            return _error(404, "not found")

    def _create(self, path: str, body: object) -> Reply:
        if not isinstance(body, dict) or not isinstance(body.get("id"), str):
            return _error(400, "id is required")
        identifier = body["id"]
        self._judge(path, "POST", body)
        if identifier in self.collections[path] and self.switches.duplicate_post != "upsert":
            return _error(int(self.switches.duplicate_post), f"{identifier} already exists")
        missing = [
            f"{k}/{i}" for k, i in _references(path, body) if i not in self.collections[kinds()[k].path]
        ]
        if missing:
            self.violations.append(f"POST {path} {identifier} before {', '.join(missing)}")
            if self.switches.missing_reference == "refuse":
                return _error(400, f"{', '.join(missing)} does not exist")
        self._set(path, identifier, self._made(path, body) | _stamps("created"))
        shown = self._shown(self.collections[path][identifier])
        return Reply(self.switches.post_answer, None if self.switches.post_answer == 204 else shown)

    def _update(self, path: str, identifier: str, body: object) -> Reply:
        old = self.collections[path].get(identifier)
        if not isinstance(body, dict):
            return _error(400, "a body is required")
        self._judge(path, "PUT", body)
        if old is None:
            return _error(404, f"{identifier} was not found")
        new = self._made(path, body)
        for secret in secret_paths(path, body):
            if self.switches.mask_in_put == "keep" and at(new, secret) == MASK:
                put_at(new, secret, at(old, secret))
        if self.switches.left_out_on_put == "keep":
            new = _merged(old, new)
        stamps = {k: old.get(k) for k in ("created_on", "created_by")}
        self._set(path, identifier, new | stamps | _stamps("last_modified"))
        shown = self._shown(self.collections[path][identifier])
        return Reply(self.switches.put_answer, None if self.switches.put_answer == 204 else shown)

    def _delete(self, path: str, identifier: str) -> Reply:
        if identifier not in self.collections[path]:
            return _error(404, f"{identifier} was not found")
        kind = next(k for k, cls in kinds().items() if cls.path == path)
        users = [
            i
            for other, documents in self.collections.items()
            for i, document in documents.items()
            if (kind, identifier) in _references(other, document)
        ]
        if users:
            self.violations.append(f"DELETE {path}/{identifier} while {', '.join(users)} refers to it")
            if self.switches.delete_in_use == "refuse":
                return _error(400, f"{identifier} is in use by {', '.join(users)}")
        self._set(path, identifier, None)
        status = self.switches.delete_answer
        return Reply(status, {"status": "accepted"} if status == 202 else None)

    def _trigger(self, path: str, body: object) -> Reply:
        identifier = body.get("pipeline_id") if isinstance(body, dict) else None
        document = self.collections[path].get(str(identifier))
        if document is None:
            return _error(404, f"{identifier} was not found")
        if document.get("status") not in ("idle", "faulted"):
            return _error(400, f"Pipeline {identifier} is already in progress.")
        document["status"] = "running"
        run = {"id": next(self._run_ids), "pipeline_id": identifier, "type": "manual", "status": "running"}
        self.runs.setdefault(str(identifier), []).append(run)
        return Reply(200, {"pipeline_run_id": run["id"], "status": "attempt_requested"})

    def _health(self, path: str, identifier: str, more: list[str], query: dict[str, str]) -> Reply:
        document, runs = self.collections[path][identifier], self.runs.get(identifier, [])
        match more:
            case ["report"]:
                latest = {"latest_pipeline_run": runs[-1]} if runs else {}
                return Reply(
                    200,
                    {
                        "pipeline_id": identifier,
                        "status": document["status"],
                        "errors": document["errors"],
                        **latest,
                    },
                )
            case ["runs"]:
                page, size = (
                    int(query.get("currentPage", 1)),
                    min(int(query.get("pageSize", 50)), self.page_size),
                )
                items = runs[(page - 1) * size : page * size]
                more_pages = page * size < len(runs)
                # `total_items` is wrong in the reference's own example, so it is wrong here.
                return Reply(
                    200,
                    {
                        "items": items,
                        "current_page": page,
                        "page_size": size,
                        "total_items": 1,
                        "has_next_page": more_pages,
                    },
                )
            case ["runs", run_id]:
                run = next((r for r in runs if str(r["id"]) == run_id), None)
                return Reply(200, run) if run else _error(404, "no such run")
            case _:
                return _error(404, "not found")

    # ------------------------------------------------------------------- inside

    def _set(self, path: str, identifier: str, document: Document | None) -> None:
        with self._lock:
            documents = self.collections[path]
            self._history.append(_Undo(time.monotonic(), path, identifier, documents.get(identifier)))
            if document is None:
                documents.pop(identifier, None)
            else:
                documents[identifier] = document

    def _seen(self, path: str, *, stale: bool) -> dict[str, Document]:
        """What a read sees of a collection: the state of `lag` seconds ago, or before the latest write."""
        documents = dict(self.collections[path])
        horizon = time.monotonic() - self.switches.lag
        for n, change in enumerate(reversed(self._history)):
            if not (change.at > horizon or (stale and n == 0)):
                break
            if change.path == path:
                documents.pop(change.id, None)
                if change.before is not None:
                    documents[change.id] = change.before
        return documents

    def _made(self, path: str, body: Document) -> Document:
        own = Resource.computed
        kept = {k: copy.deepcopy(v) for k, v in body.items() if k not in own}
        return kept | {
            "status": HEALTH[path],
            "errors": [],
            "last_modified_on": None,
            "last_modified_by": None,
        }

    def _shown(self, document: Document) -> Document:
        shown = copy.deepcopy(document)
        path = next((p for p, ds in self.collections.items() if ds.get(document["id"]) is document), None)
        path = path or next(p for p in self.collections if _looks_like(p, document))
        for secret in secret_paths(path, document):
            if at(shown, secret) is not None and self.switches.secrets != "clear":
                put_at(shown, secret, MASK if self.switches.secrets == "mask" else None)
        return shown

    def _judge(self, path: str, method: str, body: Document) -> None:
        """The oracle: what no client of ours may send."""
        what = f"{method} {path} {body.get('id')}"
        for key in sorted(body.keys() & Resource.computed):
            self.violations.append(f"{what}: {key} is the server's")
        kind = next(cls for cls in kinds().values() if cls.path == path)
        for f in fields(variant_of(kind, body)).values():
            value = at(body, f.path)
            if f.secret and (value is None or not str(value).strip()) and f.required:
                self.violations.append(f"{what}: {f.path} is missing")
            if f.secret and isinstance(value, str) and not value.strip("*\u2022"):
                self.violations.append(f"{what}: {f.path} is a mask")
            if not f.secret and isinstance(value, str) and re.search(r"\{\{.*\}\}", value):
                self.violations.append(f"{what}: {f.path} is a template")


def _error(status: int, message: str) -> Reply:
    return Reply(status, {"statusCode": status, "errors": [{"message": message}]})


def _stamps(verb: str) -> Document:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
    return {f"{verb}_on": now, f"{verb}_by": "someone@example.com"}


def secret_paths(path: str, document: Document) -> list[str]:
    """Write-only fields by their marks, and under an unknown provider by their names."""
    kind = next(cls for cls in kinds().values() if cls.path == path)
    model = variant_of(kind, document)
    if model is kind and variants(kind):
        config = document.get("config")
        return [f"config.{k}" for k in config if sounds_secret(k)] if isinstance(config, dict) else []
    return [f.path for f in fields(model).values() if f.secret]


def _references(path: str, document: Document) -> list[tuple[str, str]]:
    kind = next(cls for cls in kinds().values() if cls.path == path)
    return [
        (f.ref.kind, value)
        for f in fields(variant_of(kind, document)).values()
        if f.ref and isinstance(value := at(document, f.path), str)
    ]


def _looks_like(path: str, document: Document) -> bool:
    marks = {
        "/connections": "service_provider",
        "/data-models": "type",
        "/inputs/data-pipelines": "pipeline_type",
    }
    return marks[path] in document


def at(document: object, path: str) -> object:
    """The value at a dotted path; None where there is none."""
    for part in path.split("."):
        document = document.get(part) if isinstance(document, dict) else None
    return document


def put_at(document: Document, path: str, value: object) -> None:
    """Sets a value at a dotted path; None removes it."""
    *above, leaf = path.split(".")
    for part in above:
        document = document.setdefault(part, {})
    if value is None:
        document.pop(leaf, None)
    else:
        document[leaf] = value


def _merged(old: Document, new: Document) -> Document:
    """New over old, one level into mappings: an explicit null wins, what is left out stays."""
    merged = old | new
    for key, value in new.items():
        if isinstance(value, dict) and isinstance(old.get(key), dict):
            merged[key] = old[key] | value
    return merged
