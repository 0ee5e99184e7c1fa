"""Faults on demand: rules that make chosen requests fail on their way, before or after they are carried out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from fnmatch import fnmatchcase
from typing import Any, Final

from reconciler.emulator.call import errors_body
from reconciler.errors import UsageError, did_you_mean

ACTIONS: Final = ("status", "reset", "cut", "delay", "hang")
WHENS: Final = ("before", "after")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One rule. It lets `skip` matching requests pass, then strikes `times` of them.

    `path` is a glob over the whole path. `when` tells whether the request is carried out first. `action`:
    `status` answers `status` with `body` (text, or a JSON document; default an error of the API) and `headers`;
    `reset` resets the connection without a byte of answer; `cut` sends the first half of the answer and closes;
    `delay` goes on after `seconds`; `hang` says nothing for `seconds`, then resets.
    """

    method: str = "*"
    path: str = "*"
    when: str = "before"
    action: str = "status"
    skip: int = 0
    times: int = 1
    status: int = 503
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 3600.0

    def matches(self, method: str, path: str) -> bool:
        return self.method in ("*", method) and fnmatchcase(path, self.path)

    def answer_body(self) -> str:
        if self.body is None:
            return json.dumps(errors_body(self.status, [f"Injected fault {self.status}."]))
        return self.body if isinstance(self.body, str) else json.dumps(self.body)

    def __str__(self) -> str:
        shown = f"{self.action} {self.status}" if self.action == "status" else self.action
        return f"{shown}, {self.when}"


def read_fault(document: Mapping[str, Any]) -> Fault:
    """A rule from JSON. Raises UsageError on an unknown key or a value of the wrong type."""
    defaults = asdict(Fault())
    for name, value in document.items():
        if name not in defaults:
            near = did_you_mean(name, defaults)
            raise UsageError("a fault has no such key", hint=f"did you mean `{near}`?" if near else None)
        wanted = (int, float) if name == "seconds" else type(defaults[name])
        if name != "body" and (not isinstance(value, wanted) or isinstance(value, bool)):
            raise UsageError(f"`{name}` of a fault is of the wrong type")
    fault = Fault(**document)
    fine = (
        fault.action in ACTIONS
        and fault.when in WHENS
        and fault.skip >= 0
        and fault.times >= 1
        and 100 <= fault.status <= 599
        and 0 <= fault.seconds < math.inf
        and all(isinstance(v, str) for v in fault.headers.values())
    )
    if not fine:
        raise UsageError(
            "no such fault",
            hint=f"action: {', '.join(ACTIONS)}; when: {', '.join(WHENS)}; skip from 0, times from 1, status 100 to 599",
        )
    return replace(fault, method=fault.method.upper())


def as_json(fault: Fault) -> dict[str, Any]:
    return {f.name: getattr(fault, f.name) for f in fields(fault)}


@dataclass(slots=True)
class Faults:
    """The rules of one server process, oldest first; each request is struck by the first that is ready."""

    rules: list[Fault] = field(default_factory=list)

    def take(self, method: str, path: str) -> Fault | None:
        """The fault for this request, if any; counts it."""
        for n, rule in enumerate(self.rules):
            if not rule.matches(method, path):
                continue
            if rule.skip:
                self.rules[n] = replace(rule, skip=rule.skip - 1)
                continue
            if rule.times > 1:
                self.rules[n] = replace(rule, times=rule.times - 1)
            else:
                del self.rules[n]
            return rule
        return None
