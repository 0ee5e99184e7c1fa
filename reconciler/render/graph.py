"""Who refers to whom: as a tree for people, as Mermaid for Markdown, as DOT for Graphviz."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from reconciler.render.document import json_document
from reconciler.render.terminal import disarmed, shown
from reconciler.resource import Address, DesiredState, rank

References = Mapping[Address, Sequence[Address]]


def references(desired: DesiredState) -> References:
    """What each declared resource refers to, declared or external, in the order of kinds."""
    return {
        address: sorted({target for _, target in desired.resources[address].refs()}, key=_order)
        for address in sorted(desired.resources, key=_order)
    }


def _order(address: Address) -> tuple[int, str]:
    return rank(address.kind), address.id


def text(desired: DesiredState) -> str:
    """A tree below each resource to which no other refers."""
    graph = references(desired)
    used = {target for targets in graph.values() for target in targets}
    roots = [address for address in graph if address not in used]
    if not graph:
        return "Nothing is declared.\n"
    # What refers to others comes first; what neither refers nor is referred to is worth a word, last.
    lines: list[str] = []
    for root in sorted(roots, key=lambda a: (not graph[a], *_order(a))):
        lines.append(shown(root) + ("" if graph[root] else "  (nothing refers to it)"))
        lines += _below(root, graph, "")
    return disarmed("\n".join(lines) + "\n")


def _below(address: Address, graph: References, indent: str) -> Iterator[str]:
    targets = graph.get(address, ())
    for n, target in enumerate(targets):
        last = n == len(targets) - 1
        yield f"{indent}{'└─' if last else '├─'} {_named(target, graph)}"
        yield from _below(target, graph, indent + ("   " if last else "│  "))


def _named(address: Address, graph: References) -> str:
    return shown(address) + ("" if address in graph else "  (external)")


def mermaid(desired: DesiredState) -> str:
    """A Mermaid flowchart, ready for a fence in Markdown."""
    graph = references(desired)
    names = _names(graph)
    lines = ["flowchart LR"]
    lines += [f'  {name}["{_entities(_named(a, graph))}"]' for a, name in names.items()]
    lines += [f"  {names[a]} --> {names[target]}" for a in graph for target in graph[a]]
    return "\n".join(lines) + "\n"


def markdown(desired: DesiredState) -> str:
    """A Mermaid flowchart in its fence."""
    return f"```mermaid\n{mermaid(desired)}```\n"


def _entities(label: str) -> str:
    """Mermaid takes a label as Markdown and HTML: whatever could mean something becomes a number."""
    return re.sub(r"[^\w /.()-]", lambda m: f"#{ord(m[0])};", label)


def dot(desired: DesiredState) -> str:
    """A Graphviz digraph."""
    graph = references(desired)
    names = _names(graph)
    lines = ["digraph wsync {", "  rankdir=LR;", "  node [shape=box];"]
    lines += [
        f'  {name} [label="{_quoted(_named(a, graph))}"{"" if a in graph else ", style=dashed"}];'
        for a, name in names.items()
    ]
    lines += [f"  {names[a]} -> {names[target]};" for a in graph for target in graph[a]]
    return disarmed("\n".join([*lines, "}"]) + "\n")


def _quoted(label: str) -> str:
    return label.replace("\\", "\\\\").replace('"', '\\"')


def _names(graph: References) -> dict[Address, str]:
    everyone = [*graph, *(target for targets in graph.values() for target in targets)]
    return {address: f"n{n}" for n, address in enumerate(dict.fromkeys(everyone))}


def document(desired: DesiredState) -> str:
    """Nodes and edges as a JSON document."""
    graph = references(desired)
    nodes = [{"address": str(a), "external": a not in graph} for a in _names(graph)]
    edges = [{"from": str(a), "to": str(target)} for a in graph for target in graph[a]]
    return json_document({"nodes": nodes, "edges": edges})
