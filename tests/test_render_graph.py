"""Who refers to whom."""

from __future__ import annotations

import json

from reconciler.render import graph
from reconciler.resource import Address, Declared, DesiredState, Source, kinds

PIPELINES = {
    "orders-hourly": {"connection_id": "snowflake", "data_model_id": "orders"},
    "orders-daily": {"connection_id": "legacy'\"`|x", "data_model_id": "orders"},
}


def desired() -> DesiredState:
    values: dict[Address, dict[str, str]] = {
        Address("pipeline", name): refs for name, refs in PIPELINES.items()
    }
    values |= {
        Address("connection", "snowflake"): {},
        Address("model", "orders"): {},
        Address("model", "unused"): {},
    }
    return DesiredState(
        {a: Declared(a, kinds()[a.kind], refs, {}, Source("x.yaml", 1)) for a, refs in values.items()}
    )


def test_a_tree_below_what_nothing_refers_to() -> None:
    assert (
        graph.text(desired())
        == """\
pipeline/orders-daily
├─ connection/legacy'"`|x  (external)
└─ model/orders
pipeline/orders-hourly
├─ connection/snowflake
└─ model/orders
model/unused  (nothing refers to it)
"""
    )
    assert graph.text(DesiredState({})) == "Nothing is declared.\n"


def test_mermaid_takes_no_label_for_markup() -> None:
    drawn = graph.mermaid(desired())
    assert drawn.startswith("flowchart LR\n")
    assert '["connection/legacy#39;#34;#96;#124;x  (external)"]' in drawn
    assert drawn.count(" --> ") == 4


def test_dot_quotes_its_labels() -> None:
    drawn = graph.dot(desired())
    assert 'label="connection/legacy\'\\"`|x  (external)", style=dashed' in drawn
    assert drawn.count(" -> ") == 4
    assert drawn.endswith("}\n")


def test_json_has_nodes_and_edges() -> None:
    found = json.loads(graph.document(desired()))
    assert {"address": "model/unused", "external": False} in found["nodes"]
    assert {"from": "pipeline/orders-hourly", "to": "model/orders"} in found["edges"]
