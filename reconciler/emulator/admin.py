"""The endpoints under `/_emulator`: everything a test wants to set, break, move on or look at.

They need the bearer token as all others do, and leave no trace in the request log.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from reconciler.emulator import byhand, store
from reconciler.emulator.answers import read_time, spell_time
from reconciler.emulator.call import Answer, Call, Endpoint, Refusal
from reconciler.emulator.faults import as_json, read_fault
from reconciler.emulator.requestlog import search
from reconciler.emulator.switches import Switches, describe
from reconciler.fields import Wrong
from reconciler.resource import kinds

if TYPE_CHECKING:
    from reconciler.emulator.app import Emulator

BASE: Final = "/_emulator"


def endpoints(emulator: Emulator) -> Iterator[Endpoint]:
    table: list[tuple[str, str, Callable[[Emulator, Call], Answer], str]] = [
        ("GET", "", _about, "What this emulator is"),
        ("GET", "/switches", _switches, "All switches"),
        ("PATCH", "/switches", _set_switches, "Set some switches"),
        ("GET", "/faults", _faults, "Faults that are still to come"),
        ("POST", "/faults", _add_fault, "Add a fault"),
        ("DELETE", "/faults", _clear_faults, "Forget all faults"),
        ("GET", "/clock", _clock, "The emulator's time"),
        ("POST", "/clock", _set_clock, "Move, stop or restart the clock"),
        ("GET", "/requests", _requests, "The request log"),
        ("DELETE", "/requests", _clear_requests, "Empty the request log"),
        ("DELETE", "/tokens", _revoke, "Revoke every token of the token endpoint"),
        ("POST", "/reset", _reset, "Empty the state, and all as it was at the start"),
    ]
    for method, path, function, summary in table:
        yield Endpoint(method, BASE + path, functools.partial(function, emulator), summary, is_admin=True)
    for method, path, handler, summary in byhand.TABLE:
        yield Endpoint(method, BASE + path, handler, summary, is_admin=True)


# --------------------------------------------------------------- switches, faults and log


def _about(emulator: Emulator, _call: Call) -> Answer:
    state = None if emulator.path is None else str(emulator.path)
    return Answer(
        200,
        {
            "schema": store.SCHEMA_VERSION,
            "state": state,
            "keep_secrets": emulator.keep_secrets,
            "kinds": list(kinds()),
        },
    )


def _switches(emulator: Emulator, call: Call) -> Answer:
    if call.query.get("describe") == "1":
        return Answer(200, [asdict(switch) for switch in describe()])
    return Answer(200, asdict(emulator.switches))


def _set_switches(emulator: Emulator, call: Call) -> Answer:
    emulator.switches = emulator.switches.changed(call.body)
    return Answer(200, asdict(emulator.switches))


def _faults(emulator: Emulator, _call: Call) -> Answer:
    return Answer(200, [as_json(rule) for rule in emulator.faults.rules])


def _add_fault(emulator: Emulator, call: Call) -> Answer:
    emulator.faults.rules.append(read_fault(call.body))
    return _faults(emulator, call)


def _clear_faults(emulator: Emulator, _call: Call) -> Answer:
    emulator.faults.rules.clear()
    return Answer(204)


def _requests(_emulator: Emulator, call: Call) -> Answer:
    return Answer(200, search(call.db, call.query))


def _clear_requests(_emulator: Emulator, call: Call) -> Answer:
    call.db.execute("DELETE FROM request")
    return Answer(204)


def _revoke(_emulator: Emulator, call: Call) -> Answer:
    call.db.execute("DELETE FROM token")
    return Answer(204)


def _reset(emulator: Emulator, call: Call) -> Answer:
    store.clear(call.db)
    emulator.switches = emulator.first_switches
    emulator.faults.rules.clear()
    emulator.rate_limit.answered.clear()
    return Answer(204)


# ------------------------------------------------------------------------------ the clock


def _clock(_emulator: Emulator, call: Call) -> Answer:
    now, stands = store.read_clock(call.db)
    return Answer(200, {"now": spell_time(now, Switches(timestamps="millis")), "stands_still": stands})


def _set_clock(emulator: Emulator, call: Call) -> Answer:
    """`{"at": timestamp}` stops it there, `{"advance": seconds}` moves it on, `{"real": true}` sets it right."""
    now, stands = store.read_clock(call.db)
    match call.body:
        case {"real": True}:
            store.set_clock(call.db)
        case {"at": str(text)}:
            try:
                store.set_clock(call.db, at=read_time(text))
            except Wrong as wrong:
                raise Refusal(400, f"at: {wrong.message}") from None
        case {"advance": int() | float() as seconds} if 0 <= seconds < math.inf:
            store.set_clock(call.db, at=now + seconds if stands else None, ahead=now + seconds - time.time())
        case _:
            raise Refusal(400, 'one of {"at": timestamp}, {"advance": seconds from 0}, {"real": true}')
    return _clock(emulator, call)
