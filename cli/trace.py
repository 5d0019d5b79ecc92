"""`argosy trace`: shows an order's trace, from the edge to the last consumer, as a tree."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text
from rich.tree import Tree

from cli import output, spans
from cli.environment import NoSystem, trace_files
from cli.spans import Node, Trace

_LATEST = 20
_QUERY = ("db.query.text", "db.statement")
_LONGEST_QUERY = 60
_A_MILLION = 1_000_000


def trace(
    what: Annotated[
        str | None, typer.Argument(help="The id of an order or of a trace. Default: the latest trace.")
    ] = None,
    file: Annotated[Path | None, typer.Option(exists=True, dir_okay=False, help="Read spans from a file.")] = None,
    queries: Annotated[bool, typer.Option("--queries", help="Show database statements too.")] = False,
    as_json: output.AsJson = False,
) -> None:
    """Show the trace of an order: calls, consumed events, and how long each took.

    The stack must run with ARGOSY_TRACES=1. Spans arrive within seconds.

    For example: argosy trace 0199d1c0-7d2e-7cc4-8f1b-2f6d8a3f9b10 --queries
    """
    found = spans.traces(spans.read([file] if file else trace_files()))
    if what is None:
        rows = [one.summary() for one in found[-_LATEST:]]
        output.show(rows, list(rows[0]) if rows else [], as_json=as_json, empty="No traces yet.")
        return
    matching = spans.about(found, what)
    if not matching:
        raise NoSystem(f"no trace concerns {what}: it may not have arrived yet, or is no longer kept")
    for one in matching:
        if as_json:
            output.show_json(one.tree())
        else:
            output.people().print(draw(one, queries=queries))


def draw(trace: Trace, *, queries: bool) -> Tree:
    """The trace as a tree for people."""
    tree = Tree(Text(f"trace {trace.id}  {trace.summary()['time']}  {trace.milliseconds:.1f} ms", style="bold"))
    for root in trace.roots:
        _draw(tree, root, trace, queries=queries)
    return tree


def _draw(above: Tree, node: Node, trace: Trace, *, queries: bool) -> None:
    if not queries and _is_query(node):
        return
    branch = above.add(_label(node, trace))
    for child in node.children:
        _draw(branch, child, trace, queries=queries)


def _is_query(node: Node) -> bool:
    attributes = node.span["attributes"]
    return "db.system" in attributes or "db.system.name" in attributes


def _label(node: Node, trace: Trace) -> Text:
    span, attributes = node.span, node.span["attributes"]
    took = (span["end"] - span["start"]) / _A_MILLION
    label = Text.assemble((f"{took:.1f} ms ", "dim"), (f"{span['service']} ", "cyan"), _said(node))
    if "argosy.event.type" in attributes:
        label.append(f" {attributes['argosy.event.type']}", "magenta")
    if span["status"] == "error":
        label.append(f" {attributes.get('error.type') or 'error'}", "red")
    elif "argosy.reason" in attributes:
        label.append(f" {attributes['argosy.reason']}", "yellow")
    label.append(f" +{(span['start'] - trace.start) / _A_MILLION:.1f}", "dim")
    return label


def _said(node: Node) -> str:
    attributes = node.span["attributes"]
    name = str(node.span["name"])
    if _is_query(node):
        text = next((str(attributes[key]) for key in _QUERY if key in attributes), name)
        return " ".join(text.split())[:_LONGEST_QUERY] if " " in text else name
    if "url.full" in attributes:
        return f"{name} {str(attributes['url.full']).partition('?')[0]}"
    short = name.rpartition(".")[2] if "rpc.system" in attributes else name
    return f"→ {short}" if node.span["kind"] == "client" else short
