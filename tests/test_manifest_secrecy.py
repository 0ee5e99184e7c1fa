"""Whatever is wrong with a manifest, what may be a secret in it is never shown; and nothing makes loading fall over."""

from __future__ import annotations

import contextlib
import copy
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from manifest_samples import ALL, EVENTS, PIPELINE, REDSHIFT, SNOWFLAKE, WSYNC, problems, with_line, write

from reconciler.errors import InvalidProject, Problem
from reconciler.manifest import load, validate
from reconciler.project import load_project
from reconciler.strictyaml import read_documents

CANARY = "c4n4ry'Hunter2%\\: {#x"
PIECES = ("c4n4ry", "Hunter2")

SAMPLES: list[dict[str, Any]] = [read_documents(text.encode(), "x")[0][0].data for text in ALL]  # type: ignore[misc]
SECRETS = {"password", "service_account_key", "partner_feed_key"}

thorough = settings(max_examples=150)


def told(folder: Path, text: str) -> list[Problem]:
    (write(folder) / "all.yaml").write_text(text)
    found = load_project(folder)
    return validate(found, list(found.targets.values()))[0]


def assert_unseen(found: Sequence[Problem]) -> None:
    for problem in found:
        text = repr(problem)
        assert not any(piece in text for piece in PIECES), problem
        assert str(InvalidProject([problem])).count("c4n4ry") == 0


def leaves(data: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for key, value in data.items():
        if isinstance(value, dict):
            yield from leaves(value, (*above, key))
            yield (*above, key)
        else:
            yield (*above, key)


def replaced(data: dict[str, Any], path: tuple[str, ...], value: object) -> dict[str, Any]:
    data = copy.deepcopy(data)
    place = data
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    return data


def block(data: object, indent: str = "") -> str:
    """Block-style YAML with every text in double quotes."""
    if not isinstance(data, dict) or not data:
        return f" {json.dumps(data)}\n"
    lines = "".join(f"{indent}{json.dumps(k)}:{block(v, indent + '  ')}" for k, v in data.items())
    return f"\n{lines}" if indent else lines


WRONG: list[object] = [
    CANARY, [CANARY], {CANARY: "x"}, {"a": CANARY}, {"password": CANARY}, [{"password": CANARY}], CANARY * 9, f"{CANARY}\n{CANARY}",
]  # fmt: skip


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: str(sample["id"]))
@pytest.mark.parametrize("style", [block, json.dumps])
def test_f052_no_error_in_any_field_of_any_model_shows_what_stands_there(
    tmp_path: Path, sample: dict[str, Any], style: Any
) -> None:
    documents = []
    for path in leaves(sample):
        for wrong in WRONG:
            data = replaced(sample, path, wrong)
            documents.append(style(data))
            # The same beside a password in plain text.
            others = [p for p in leaves(sample) if p[-1] in SECRETS and p[: len(path)] != path]
            documents += [style(replaced(data, other, CANARY)) for other in others]
    for n in range(0, len(documents), 20):
        found = told(tmp_path, "\n---\n".join(documents[n : n + 20]))
        assert found
        assert_unseen(found)


@pytest.mark.parametrize(
    "secret",
    [
        "{{ c4n4ry }}", "{{ 'c4n4ry' | Hunter2 }}", "{{ c4n4ry() }}", "{{ var.c4n4ry }}", "{{ file('c4n4ry') }}", "{{ file('/c4n4ry') }}",
        "{% Hunter2 %}", "c4n4ry{{ 7*7 }}Hunter2", "{{ secret('c4n4ry Hunter2') }}", "{{ secret('X') }}c4n4ry", "c4n4ry {{ secret('X') }}",
        "{{ secret('X') | c4n4ry }}", "{{ secret(c4n4ry) }}", "{{ c4n4ry", "{# c4n4ry #}", "}}c4n4ry{{", "{{ 'c4n4ry' }}", "{%c4n4ry{{Hunter2",
    ],
)  # fmt: skip
@pytest.mark.parametrize("key", ["password", "passwrd", "pass word c4n4ry"])
def test_f036_f052_a_secret_that_looks_like_a_template_is_refused_unseen(
    tmp_path: Path, key: str, secret: str
) -> None:
    found = told(
        tmp_path,
        with_line(
            SNOWFLAKE, "password: \"{{ secret('SNOWFLAKE_PASSWORD') }}\"", f"{key}: {json.dumps(secret)}"
        ),
    )
    assert found
    assert_unseen(found)


@pytest.mark.parametrize(
    ("sample", "old", "new"),
    [
        (SNOWFLAKE, "kind: connection", "kind: c4n4ry"),
        (SNOWFLAKE, "kind: connection", "Hunter2: connection"),
        (SNOWFLAKE, "service_provider: Snowflake", "service_provider: c4n4ry"),
        (SNOWFLAKE, "service_provider: Snowflake", "service_provider: {c4n4ry: Hunter2}"),
        (SNOWFLAKE, "state: active", "state: c4n4ry"),
        (SNOWFLAKE, "  warehouse:", "  c4n4ry-Hunter2: x\n  warehouse:"),
        (SNOWFLAKE, "  warehouse:", "  Hunter2:\n  warehouse:"),
        (SNOWFLAKE, "  warehouse:", "  wharehouse: c4n4ry # Hunter2\n  warehouse:"),
        (SNOWFLAKE, "id: snowflake", "id: c4n4ry!"),
        (PIPELINE, "delay: 15m", "delay: c4n4ry-7"),
        (PIPELINE, "delay: 15m", "delay: 7 Hunter2"),
        (PIPELINE, "start: 2023-02-01T00:00:00Z", "start: c4n4ry"),
        (PIPELINE, "connection_id: snowflake", "connection_id: c4n4ry!"),
        (EVENTS, "ignore: [state, schedule]", "ignore: [c4n4ry]"),
        (EVENTS, "protect: true", "protct: c4n4ry"),
        (EVENTS, "partner_feed_id: 0", "partner_feed_id: c4n4ry7"),
        (EVENTS, "data_plan_version: \"2\"", "data_plan_version: c4n4ry7"),
        (REDSHIFT, "port: 05439", "port: c4n4ry1"),
        (REDSHIFT, "port: 05439", "targets: [c4n4ry]"),
    ],
)  # fmt: skip
def test_f054_a_secret_in_place_of_a_key_a_variant_or_a_word_is_not_echoed(
    tmp_path: Path, sample: str, old: str, new: str
) -> None:
    found = told(tmp_path, with_line(sample, old, new))
    assert found
    assert_unseen(found)


def test_f022_the_value_of_an_unknown_key_is_not_shown_but_the_key_is(tmp_path: Path) -> None:
    found = told(
        tmp_path, with_line(SNOWFLAKE, "password: \"{{ secret('SNOWFLAKE_PASSWORD') }}\"", "passwrd: c4n4ry")
    )
    assert [(p.code, p.excerpt, p.length) for p in found] == [("WS111", "  passwrd: …", 7)]
    assert found[0].hint is not None
    assert found[0].hint.startswith("did you mean `password`?")


@pytest.mark.parametrize(
    "secret",
    [
        "c4n4ry #x",
        "&c4n4ry",
        "*c4n4ry",
        "@c4n4ry",
        "c4n4ry: Hunter2",
        "!c4n4ry",
        "%c4n4ry",
        "c4n4ry",
        "'c4n4ry'",
        "|\n    c4n4ry",
    ],
)
def test_f025_a_literal_secret_is_refused_whatever_yaml_makes_of_it(tmp_path: Path, secret: str) -> None:
    text = with_line(SNOWFLAKE, "\"{{ secret('SNOWFLAKE_PASSWORD') }}\"", secret)
    (write(tmp_path) / "all.yaml").write_text(text)
    found = problems(tmp_path)
    assert_unseen(found)


def test_how_long_a_hidden_value_is_is_not_shown_either(tmp_path: Path) -> None:
    found = told(tmp_path, with_line(SNOWFLAKE, "\"{{ secret('SNOWFLAKE_PASSWORD') }}\"", "c4n4ry-Hunter2"))
    assert [(p.excerpt, p.column, p.length) for p in found] == [("  password: …", 13, 1)]


# ------------------------------------------------------------------------------ properties

values = st.one_of(
    st.none(),
    st.sampled_from(
        [
            CANARY,
            "",
            "true",
            "active",
            "{{ var.database }}",
            "{{ secret('X') }}",
            "{{ var.x",
            "x" * 300,
            "2023-01-01",
        ]
    ),
)
shapes: st.SearchStrategy[Any] = st.recursive(
    values,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from([CANARY, "password", "type", "config", "state", "Hunter2"]), inner, max_size=3),
    ),
    max_leaves=5,
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """A document with a few things in it replaced, renamed, put in or taken out, in one of two styles."""
    data = copy.deepcopy(draw(st.sampled_from(SAMPLES)))
    for _ in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from(list(leaves(data))))
        place = data
        for step in path[:-1]:
            place = place[step]
        match draw(st.sampled_from(["replace", "rename", "delete", "insert"])):
            case "replace":
                place[path[-1]] = draw(shapes)
            case "rename":
                place[draw(st.sampled_from(["nam", CANARY, f"{path[-1]}s", "lifecycle", "targets"]))] = (
                    place.pop(path[-1])
                )
            case "delete":
                place.pop(path[-1])
            case _:
                place[draw(st.sampled_from(["passwrd", CANARY, "source_account_id", "status"]))] = draw(
                    shapes
                )
        if not data:
            break
    return block(data) if draw(st.booleans()) else json.dumps(data)


@thorough
@given(st.lists(mutated(), min_size=1, max_size=3))
def test_law_4_no_mutation_of_valid_manifests_raises_anything_else_or_echoes_a_secret(
    tmp_path_factory: pytest.TempPathFactory, documents: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("p")
    found = told(folder, "\n---\n".join(documents))
    # A name, a text or an id may be anything: only what is refused could be a secret.
    assert_unseen([p for p in found if p.severity == "error"])
    project = load_project(folder)
    try:
        load(project, project.targets["dev"])
    except InvalidProject as invalid:
        assert any(p.severity == "error" for p in found)
        assert_unseen(invalid.problems)
    else:
        assert not [p for p in found if p.severity == "error" and "(target prod)" not in p.message]


@thorough
@given(st.data())
def test_no_bytes_whatever_raise_anything_but_invalid_project(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("p")
    for name, text in (("wsync.yaml", WSYNC), ("all.yaml", "---\n".join(ALL))):
        raw = bytearray(text.encode())
        for _ in range(data.draw(st.integers(0, 3), label=name)):
            start = data.draw(st.integers(0, len(raw)))
            end = min(len(raw), start + data.draw(st.integers(0, 40)))
            raw[start:end] = data.draw(
                st.one_of(
                    st.binary(max_size=5),
                    st.sampled_from(
                        [b"{{", b": ", b"- ", b"\n---\n", b"&a *a", b"\t", b"'", b"kind: model\n"]
                    ),
                )
            )
        (folder / name).write_bytes(raw)
    with contextlib.suppress(InvalidProject):
        project = load_project(folder)
        for target in project.targets.values():
            load(project, target)
