"""The pictures of a certificate: the network as an automaton, and who keeps whom in each layer and head."""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import altair as alt
from markupsafe import Markup

from lengthwise.certify import Certificate
from lengthwise.certify.behaviour import behaviour
from lengthwise.certify.decisions import KEPT
from lengthwise.reports.drawing import FONT
from lengthwise.reports.palette import INK, LINE, MECHANISMS, PAPER, SOFT
from lengthwise.tasks import Task

MOST_STATES, MOST_VECTORS = 40, 24
"""Larger automata and layers are not drawn."""
SHORT = 12
"""Number of last tokens that name a state."""


def automaton(certificate: Certificate, task: Task) -> Markup | None:
    """Draw the smallest machine that answers as the network does; None if it has too many states.

    States have the names of the shortest sequences that lead to them. A wrong answer is drawn in another colour.
    """
    import pygraphviz

    machine = behaviour(certificate.verdict)
    if len(machine.moves) > MOST_STATES:
        return None
    font = {"fontname": FONT.split(",")[-2].strip(" '"), "fontsize": 11}
    graph = pygraphviz.AGraph(directed=True, strict=False, rankdir="LR", bgcolor="transparent", pad=0.1)
    graph.node_attr.update(
        shape="box", style="rounded,filled", fillcolor=PAPER.light, color=LINE.light, fontcolor=INK.light, **font
    )
    graph.edge_attr.update(color=SOFT.light, fontcolor=SOFT.light, arrowsize=0.6, **font)
    for state, tokens in machine.shortest_paths().items():
        name = task.spell(tokens[-SHORT:]) if tokens else "start"
        graph.add_node(state, label=f" … {name} " if len(tokens) > SHORT else f" {name} ")  # bare <…> would be HTML
    for state, row in enumerate(machine.moves):
        labels: dict[tuple[int, tuple[int, int | None]], list[int]] = {}
        for token, move in row.items():
            labels.setdefault(move, []).append(token)
        for (to, (said, asked)), tokens in labels.items():
            answer = "" if asked is None else f" → {_spelled(certificate, task, said)}"
            wrong = (
                {"color": MECHANISMS[1].light, "fontcolor": MECHANISMS[1].light} if asked not in (None, said) else {}
            )
            graph.add_edge(state, to, label=f" {', '.join(task.names[token] for token in tokens)}{answer} ", **wrong)
    with _without_warnings():
        drawn = graph.draw(format="svg:svg:core", prog="dot").decode()
    return Markup(drawn[drawn.index("<svg") :])


@contextmanager
def _without_warnings() -> Iterator[None]:
    """Silence the standard error of C: Graphviz brings a font library that warns of each newer setting it meets."""
    kept, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)


def kept(certificate: Certificate, task: Task) -> dict[str, tuple[Any, list[dict[str, Any]]]]:
    """Draw for each layer which keys a query keeps, by head, where the layer has few vectors."""
    tokens = sorted({token for row in certificate.task.moves for token in row})
    shown, names = tokens, {token: task.names[token] for token in tokens}
    charts = {}
    for layer, level in enumerate(certificate.verdict.levels, 1):
        if len(shown) <= MOST_VECTORS:
            rows = [
                {
                    "head": f"head {head}",
                    "query": names[query],
                    "key": names[key],
                    "kept": "yes" if table[query, key] == KEPT else "no",
                }
                for head, table in enumerate(level.decisions.kept)
                for query in shown
                for key in shown
            ]
            charts[f"kept-{layer}"] = (_grid([names[vector] for vector in shown]), rows)
        read = [
            ", ".join("–" if vector < 0 else names[vector] for vector in attended) for _, *attended in level.recipes
        ]
        of = [f"{names[vector]} ({seen})" for (vector, *_), seen in zip(level.recipes, read, strict=True)]
        names = dict(enumerate(of if layer == 1 else (f"#{number}" for number in range(len(of)))))
        shown = list(names)
    return charts


def _grid(order: Sequence[str]) -> Any:
    """Draw a square for each query and key, dark if the key is kept."""
    turned = alt.Axis(labelAngle=0 if max(map(len, order)) < 4 else -60, labelLimit=220)
    return (
        alt.Chart(alt.NamedData("rows"))
        .mark_rect(stroke=LINE.light)
        .encode(
            alt.X("key:N", title=None, sort=list(order), axis=turned),
            alt.Y("query:N", title=None, sort=list(order), axis=alt.Axis(labelLimit=220)),
            alt.Color(
                "kept:N", scale=alt.Scale(domain=["yes", "no"], range=[MECHANISMS[0].light, PAPER.light]), legend=None
            ),
        )
        .properties(width=alt.Step(16), height=alt.Step(16))
        .facet(alt.Facet("head:N", title=None), columns=4)
        .properties(padding={"left": 40, "top": 5, "right": 5, "bottom": 30})  # for names wider than is estimated
    )


def _spelled(certificate: Certificate, task: Task, said: int) -> str:
    """Write an answer; the network may say what is none."""
    return task.spell_answer(said) if said in set(certificate.task.answers) else str(said)
