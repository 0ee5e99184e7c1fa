"""The emulator's switches: one for each thing the reference leaves open, the most likely answer first.

Each field carries what the command line and the admin endpoint need to know of it, so that neither
lists the switches again.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from reconciler.errors import UsageError, did_you_mean


def _choice(default: str, *others: str, doc: str) -> Any:
    meta = {"default": default, "choices": (default, *others), "doc": doc}
    return dataclasses.field(default=default, metadata=meta)


def _number(default: float, unit: str, doc: str) -> Any:
    meta = {"default": default, "choices": (), "unit": unit, "doc": doc}
    return dataclasses.field(default=default, metadata=meta)


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """How the emulator behaves where the service's behaviour is unknown, or is to be provoked."""

    duplicate_post: str = _choice("400", "409", "upsert", doc="Answer to creating what exists already.")
    delete_in_use: str = _choice(
        "refuse",
        "allow",
        doc="Deleting what another resource refers to: a 400, or an orphan that is faulted.",
    )
    left_out: str = _choice("clear", "keep", doc="What a PUT does to an optional field that it leaves out.")
    secrets: str = _choice("mask", "omit", doc="How answers show a connection's secrets.")
    mask_in_put: str = _choice(
        "store", "keep", doc="A mask sent as a secret: becomes the secret, or leaves the old one."
    )
    put_answer: str = _choice("200", "204", doc="Answer to a PUT: with the resource, or empty.")
    bad_login: str = _choice(
        "off",
        "505-before",
        "505-after",
        doc="A connection that cannot log in (user `nobody`, or a secret `wrong-password`) answers 505, "
        "before or after it is stored.",
    )
    report_after_create: float = _number(
        0, "seconds", "For so long after its creation a pipeline's report answers 404."
    )
    timestamps: str = _choice(
        "Z",
        "naive",
        "millis",
        doc="Timestamps in answers: `…:08Z`, `…:08.413` without a zone, or `…:08.413Z`.",
    )
    on_demand: str = _choice("on_demand", "on-demand", doc="Spelling of that schedule in answers.")
    legacy_aliases: str = _choice("off", "on", doc="Whether answers name fields as the API's v1 did.")
    read_lag: float = _number(0, "seconds", "For so long, GETs answer what was there before a write.")
    rate_limit: float = _number(
        0, "requests", "So many are answered per window, then 429 with Retry-After; 0 is off."
    )
    rate_window: float = _number(60, "seconds", "The window of the rate limit.")
    latency: float = _number(0, "seconds", "Each request waits so long before it is carried out.")
    token_lifetime: float = _number(28800, "seconds", "For so long a token of the token endpoint is good.")
    run_queued: float = _number(1, "seconds", "For so long a new run is queued.")
    run_running: float = _number(2, "seconds", "For so long it then runs.")
    run_result: str = _choice("success", "failed", doc="How runs end; a failed one faults its pipeline.")

    def changed(self, changes: Mapping[str, object]) -> Switches:
        """These switches with some of them set; numbers may be text. Raises UsageError on an unknown name or value."""
        known = {switch.name: switch for switch in describe()}
        values: dict[str, Any] = {}
        for name, value in changes.items():
            if name not in known:
                near = did_you_mean(name, known)
                raise UsageError(
                    "the emulator has no such switch",
                    hint=f"did you mean `{near}`?" if near else f"there are: {', '.join(known)}",
                )
            values[name] = known[name].read(value)
        return dataclasses.replace(self, **values)


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch, as an option or a document may present it. `choices` is empty for a number, which has a unit."""

    name: str
    default: str | float
    choices: tuple[str, ...]
    unit: str | None
    doc: str

    @property
    def option(self) -> str:
        """The name of the command line option."""
        return "--" + self.name.replace("_", "-")

    def read(self, value: object) -> str | float:
        """A value as the switch keeps it. Raises UsageError."""
        if self.choices:
            if str(value) in self.choices:
                return str(value)
            raise UsageError(
                f"switch `{self.name}` takes no such value", hint="one of: " + ", ".join(self.choices)
            )
        try:
            number = (
                float(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else -1
            )
        except (ValueError, OverflowError):
            number = -1
        if not 0 <= number < math.inf:
            raise UsageError(
                f"switch `{self.name}` takes no such value", hint=f"a number of {self.unit}, 0 or more"
            )
        return number


def describe() -> Iterator[Switch]:
    """Every switch, in order."""
    for field in dataclasses.fields(Switches):
        meta = field.metadata
        default: str | float = meta["default"]
        yield Switch(field.name, default, meta["choices"], meta.get("unit"), meta["doc"])
