"""A new kind is one new class: loader, planner, applier, renderers, schema and emulator read the registry."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, ClassVar, Literal

import jsonschema
import pytest
from conftest import Wsync
from emulated import emulated
from planning import SNOWFLAKE, edited, planned, refused, steps, the_change
from worlds import Document

import reconciler
from reconciler import resource, schema
from reconciler.diff import FieldChange
from reconciler.fields import (
    Canonical,
    Delay,
    Destination,
    Immutable,
    Integer,
    Part,
    Ref,
    RequiredIf,
    Risk,
    Secret,
    Text,
    When,
)
from reconciler.plan.change import Action
from reconciler.resource import Resource, kinds


def as_set(value: object) -> object:
    return sorted(map(repr, value)) if isinstance(value, list) else value


class Receiver(Part):
    """Where a feed sends its rows."""

    endpoint: Annotated[Text, Destination(), "Its URL."]
    api_key: Annotated[Secret, "Its key."]
    pin: Annotated[Secret | None, "A second key."] = None
    retry: Annotated[Delay | None, "How long it is tried again."] = None


class Window(Part):
    """When it may run."""

    opens: Annotated[Integer, "Hour of the day."]
    closes: Annotated[Integer | None, "Hour of the day."] = None


class Feed(Resource):
    """A feed: what another service is sent."""

    kind: ClassVar = "feed"
    path: ClassVar = "/feeds"
    unhealthy: ClassVar = frozenset({"broken"})

    format: Annotated[Literal["json", "csv"], Immutable(), "The format of its rows."]
    delimiter: Annotated[Text | None, RequiredIf(When("format", ("csv",))), "Between two values."] = None
    source_id: Annotated[
        Text, Ref("connection", shared="shared-source"), Risk("re-routes"), "Where rows come from."
    ]
    labels: Annotated[list[Text], Canonical(as_set), "Labels, in any order."]
    passphrase: Annotated[Secret | None, "What its files are encrypted with."] = None
    compress: Annotated[bool | None, "Whether rows are packed."] = None
    receiver: Receiver
    window: Window | None = None


resource._KINDS.pop("feed")  # until a test asks for it
resource._forget()


@pytest.fixture(autouse=True)
def feed() -> Iterator[None]:
    """The kind, for as long as a test of this file runs."""
    resource._KINDS["feed"] = Feed
    resource._forget()
    yield
    del resource._KINDS["feed"]
    resource._forget()


FEED: Document = {
    "kind": "feed",
    "id": "audiences",
    "name": "Audiences",
    "format": "json",
    "source_id": "snowflake",
    "labels": ["b", "a"],
    "receiver": {"endpoint": "https://r.example", "api_key": "{{ secret('FEED_KEY') }}", "retry": "60m"},
}
SECRETS = {"SNOWFLAKE_PASSWORD": "snow-canary-1", "FEED_KEY": "feed-canary-1"}


def test_it_comes_after_what_it_refers_to() -> None:
    assert [*kinds()] == ["connection", "model", "feed", "pipeline"]


# -------------------------------------------------------------------------------- planning


def test_it_is_planned_by_its_marks() -> None:
    assert steps(planned([FEED, SNOWFLAKE], [])) == ["create connection/snowflake", "create feed/audiences"]
    assert planned([FEED], [edited(FEED, {"labels": ["a", "b"], "receiver.retry": "1h"})]).no_op == 1
    change = the_change(planned([FEED, SNOWFLAKE], [edited(FEED, labels=["a"]), SNOWFLAKE]))
    assert change.fields == (FieldChange("labels", ["a"], ["b", "a"]),)
    assert change.secrets == {"receiver.api_key": "FEED_KEY"}


def test_its_immutables_replace_it_and_its_destinations_and_marks_are_risks() -> None:
    csv = edited(FEED, format="csv", delimiter=";")
    change = the_change(planned([csv, SNOWFLAKE], [FEED, SNOWFLAKE]))
    assert (change.action, change.reasons) == (Action.REPLACE, ("format cannot change in place",))
    moved = edited(FEED, {"receiver.endpoint": "https://evil.example", "source_id": "other"})
    world = [SNOWFLAKE, edited(SNOWFLAKE, id="other")]
    assert the_change(planned([moved, *world], [FEED, *world])).risks == (
        "credential-retargeted",
        "re-routes",
    )


def test_its_references_guard_and_share() -> None:
    plan = planned(
        [edited(SNOWFLAKE, id="other")],
        [edited(SNOWFLAKE, id="other"), SNOWFLAKE, FEED],
        owns=("connection/*",),
    )
    assert refused(plan) == {
        "connection/snowflake": "feed/audiences still refers to it: re-point or delete that first"
    }
    second = edited(FEED, id="second")
    change = the_change(planned([edited(SNOWFLAKE, name="x"), FEED, second], [SNOWFLAKE, FEED, second]))
    assert change.risks == ("shared-source",)
    assert change.reasons == ("used by feed/audiences, feed/second",)
    broken = planned([FEED, SNOWFLAKE], [FEED | {"status": "broken"}, SNOWFLAKE])
    assert [str(u.address) for u in broken.unhealthy] == ["feed/audiences"]


def test_each_secret_that_would_be_lost_is_told_with_its_line_and_place() -> None:
    held = edited(FEED, {"receiver.pin": "1234", "passphrase": "x"})
    assert refused(planned([edited(FEED, name="x"), SNOWFLAKE], [held, SNOWFLAKE])) == {
        "feed/audiences": "it holds passphrase, receiver.pin, which this would clear and nobody can read back: "
        "add `passphrase: \"{{ secret('NAME') }}\"` and `pin: \"{{ secret('NAME') }}\"` under `receiver` "
        "to its manifest (or null, to let it go)"
    }


# --------------------------------------------------------------------- the whole of the tool


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "wsync.yaml").write_text("targets: {local: {emulator: true, owns: ['*'], max_deletes: 9}}\n")
    (tmp_path / "all.yaml").write_text("---\n".join(json.dumps(d) + "\n" for d in (SNOWFLAKE, FEED)))
    return tmp_path


def declare(project: Path, *documents: Document) -> None:
    (project / "all.yaml").write_text("---\n".join(json.dumps(d) + "\n" for d in documents))


def test_it_is_validated_planned_applied_and_found_as_declared(wsync: Wsync, project: Path) -> None:
    assert wsync("validate", "-C", project).code == 0
    plan = wsync("plan", "-C", project, "-f", "json").document
    assert [c["address"] for c in plan["changes"]] == ["connection/snowflake", "feed/audiences"]
    done = wsync("apply", "-C", project, "--expect", plan["digest"], "-f", "json", env=SECRETS)
    assert (done.code, done.document["result"]) == (0, "applied"), done
    assert wsync("plan", "-C", project, "--detailed-exitcode", "-f", "json").code == 0
    declare(project, SNOWFLAKE, edited(FEED, {"format": "csv", "delimiter": ";"}))
    done = wsync("apply", "-C", project, "--auto-approve", "-f", "json", env=SECRETS)
    assert (done.code, [c["action"] for c in done.document["changes"]]) == (0, ["replace"]), done
    declare(project, SNOWFLAKE)
    done = wsync("apply", "-C", project, "--auto-approve", "-f", "json", env=SECRETS)
    assert (done.code, [c["action"] for c in done.document["changes"]]) == (0, ["delete"]), done


def test_a_mapping_that_may_be_left_out_is_kept_changed_and_unset_as_a_whole(
    wsync: Wsync, project: Path
) -> None:
    def applied(window: object) -> list[tuple[str, object, object]]:
        declare(project, SNOWFLAKE, edited(FEED, window=window))
        done = wsync("apply", "-C", project, "--auto-approve", "-f", "json", env=SECRETS)
        assert done.code == 0, done
        assert wsync("plan", "-C", project, "--detailed-exitcode").code == 0
        feed = (c for c in done.document["changes"] if c["kind"] == "feed")
        return [(f["path"], f["before"], f["after"]) for c in feed for f in c["fields"]]

    assert ("window.opens", None, 3) in applied({"opens": "3", "closes": 9})
    assert applied(None) == []
    assert applied({"opens": 4}) == [("window.opens", 3, 4)]
    assert applied("null") == [("window.opens", 4, None), ("window.closes", 9, None)]
    assert applied(None) == []


def test_its_secret_is_never_shown(wsync: Wsync, project: Path) -> None:
    done = wsync("apply", "-C", project, "--auto-approve", "-v", env=SECRETS)
    assert done.code == 0, done
    assert "feed-canary-1" not in done.out + done.err
    for file in project.rglob("*"):
        assert not file.is_file() or b"feed-canary-1" not in file.read_bytes()


@pytest.mark.parametrize("form", ["text", "markdown"])
def test_it_is_rendered(wsync: Wsync, project: Path, form: str) -> None:
    done = wsync("plan", "-C", project, "-f", form)
    assert done.code == 0, done
    for expected in ("feed/audiences", "secret('FEED_KEY')"):
        assert expected in done.out
    graph = wsync("graph", "-C", project)
    assert "feed/audiences" in graph.out
    assert "connection/snowflake" in graph.out


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        ({"formt": "json", "format": None}, ("unknown field `formt`", "did you mean `format`?")),
        ({"format": "jsn"}, ("did you mean `json`?",)),
        ({"format": "csv"}, ("`delimiter` is missing", "`format: csv`")),
        ({"labels": "a"}, ("`labels`",)),
        ({"source_id": "snowflak"}, ("connection/snowflak", "did you mean `snowflake`?")),
        ({"receiver.api_key": "hunter2"}, ("plain text",)),
        ({"receiver.retry": "1:30"}, ("not a duration",)),
    ],
)  # fmt: skip
def test_what_is_wrong_with_it_is_told_in_its_own_words(
    wsync: Wsync, project: Path, edits: dict[str, object], said: tuple[str, ...]
) -> None:
    declare(project, SNOWFLAKE, edited(FEED, edits))
    done = wsync("validate", "-C", project)
    assert done.code == 1
    assert "hunter2" not in done.out + done.err
    for expected in said:
        assert expected in done.out + done.err


def test_its_manifests_have_a_schema(project: Path) -> None:
    found = schema.SCHEMAS["manifest"]()
    validator = jsonschema.Draft202012Validator(found)
    assert list(validator.iter_errors(FEED)) == []
    for window in ({"opens": 3}, {"opens": "3", "closes": None}, "null"):
        assert list(validator.iter_errors(edited(FEED, window=window))) == []
    wrong: tuple[dict[str, object], ...] = (
        {"window": {}}, {"window": {"open": 3}}, {"window": 3}, {"format": "xml"}, {"labels": "a"}, {"labels": [["a"]]},
        {"formt": "json"}, {"name": None},
    )  # fmt: skip
    for edits in wrong:
        assert list(validator.iter_errors(edited(FEED, edits))), edits


def test_the_emulator_serves_it() -> None:
    body = {k: v for k, v in edited(FEED, {"receiver.api_key": "feed-canary-1"}).items() if k != "kind"}
    with emulated() as api:
        assert api.call("POST", "/feeds", body).status == 400  # there is no such connection
        connection = {k: v for k, v in SNOWFLAKE.items() if k != "kind"}
        api.post("/connections", connection)
        api.post("/feeds", body)
        [listed] = api.get("/feeds")
        assert listed["labels"] == ["b", "a"]
        assert "feed-canary-1" not in json.dumps(api.get("/feeds/audiences"))
        assert api.call("DELETE", "/connections/snowflake").status == 400
        assert api.put("/feeds/audiences", body | {"name": "New"}).status == 200
        assert api.call("PUT", "/feeds/audiences", body | {"format": "csv", "delimiter": ";"}).status == 400
        assert api.call("DELETE", "/feeds/audiences").status == 204


# ------------------------------------------------------------------- nothing is known by name

# What plays the service's part, runs of pipelines (which no other kind has), and the demo's own project.
BY_NAME = ("kinds/", "emulator/", "client/runs.py", "client/reading.py", "cli/demo")


def test_the_engine_knows_no_kind_and_no_field_by_name() -> None:
    """Told by names that are no plain English: `connection_id` anywhere, `connection` where it is a text of its own."""
    del resource._KINDS["feed"]  # its names are this file's
    resource._forget()
    own, anywhere = set(kinds()), {kind.path for kind in kinds().values()}
    for kind in kinds().values():
        for model in (kind, *resource.variants(kind).values()):
            for path in resource.fields(model):
                anywhere |= {name for name in (path, path.rsplit(".", 1)[-1]) if not name.isalpha()}
    resource._KINDS["feed"] = Feed  # for the fixture to take away
    root = Path(reconciler.__file__).parent
    found = [
        f"{file.relative_to(root)}:{line}: {text}"
        for file in sorted(root.rglob("*.py"))
        if not file.relative_to(root).as_posix().startswith(BY_NAME)
        for line, text in _texts(ast.parse(file.read_text(encoding="utf-8")))
        if text in own or anywhere.intersection(re.findall(r"[\w./-]*\w", text))
    ]
    assert len(anywhere) > 30
    assert found == []


def _texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every text in the code but docstrings, and every attribute that is no plain word."""
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    docs = {
        id(getattr(n.body[0], "value", None)) for n in ast.walk(tree) if isinstance(n, documented) and n.body
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.lineno, node.value
        elif isinstance(node, ast.Attribute) and not node.attr.isalpha():
            yield node.lineno, node.attr
