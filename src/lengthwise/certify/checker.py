"""The check of a certificate, which trusts no finding in it, and shares no code with what wrote it.

It computes in float64 with NumPy, from the weights and the formulas of the decoder alone. What the certificate says of
its network and its task, it takes as it stands: the caller sees that these are the ones that are meant. It follows the
moves that the certificate claims: whatever a later query can ask for must be the same on all ways to a state, and every
move must make the vector that is claimed. What it finds about the answers then holds after every sequence of the task.
"""

import hashlib
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import load_file

from lengthwise.certify.soft_checker import OpenError, smallest_margin

NEAR = 1e-5
"""A score that is nearer to the threshold, or a margin of logits that is smaller, cannot be called."""
NOBODY = -1
Array = np.ndarray
Machine = list[dict[int, tuple[int, tuple[int, int | None]]]]
"""By state and token: the next state, the number of a vector, and the answer that is asked."""


class BrokenError(Exception):
    """The certificate does not hold; the argument says why in one sentence."""


class Replayed(NamedTuple):
    """What holds of a certificate."""

    verdict: str
    soft_margin: float | None = None
    """A bound on all margins for the gates of the network, found here if the proof needs it or the certificate claims
    that it is positive."""


def replay(certificate: Path, weights: Path) -> Replayed:
    """Check a certificate against the file of the weights.

    Raises:
        BrokenError: if a claim of the certificate is wrong, or too near to call.
    """
    claimed = json.loads(certificate.read_text(encoding="utf-8"))
    model, task = claimed["model"], claimed["task"]
    if hashlib.sha256(weights.read_bytes()).hexdigest() != model["sha256"]:
        raise BrokenError("The weights are not those that the certificate is about.")
    if claimed["verdict"] == "undecided":
        return Replayed("undecided")
    if model["output"] != "none":
        raise BrokenError(f"The output part {model['output']!r} cannot be replayed here.")
    held = {name: of.astype(np.float64) for name, of in load_file(weights).items()}
    vectors = held["embedding.weight"]
    machine: Machine = [
        {int(token): (to, (int(token), task["answers"][to])) for token, to in row.items()} for row in task["moves"]
    ]
    layers = {name.split(".")[1] for name in held if name.startswith("blocks.")}
    if len(claimed["levels"]) != len(layers):
        raise BrokenError(f"The certificate has {len(claimed['levels'])} layers, and the network {len(layers)}.")
    blocks, meets = list[dict[str, Array]](), list[Array]()
    for layer, level in enumerate(claimed["levels"]):
        prefix = f"blocks.{layer}."
        blocks.append({name.removeprefix(prefix): of for name, of in held.items() if name.startswith(prefix)})
        later = _later(machine, len(vectors))
        meets.append(_meet(machine, later, model["strict"]))
        machine, vectors = _layer(level, blocks[-1], model, machine, later, vectors)
    logits = _norm(vectors, held["norm.weight"]) @ held.get("head.weight", held["embedding.weight"]).T
    symbols = {symbol for row in machine for _, symbol in row.values()}
    margins = [logits[at, answer] - np.delete(logits[at], answer).max() for at, answer in symbols if answer is not None]
    if min(map(abs, margins)) < NEAR:
        raise BrokenError(f"A margin between logits is smaller than {NEAR:g}, which is too near to call.")
    found = "proved" if min(margins) > 0 else "refuted"
    if found != claimed["verdict"]:
        raise BrokenError(f"The certificate says {claimed['verdict']}, and the machine is {found}.")
    if found == "refuted":
        state, at, answer = 0, NOBODY, None
        for token in claimed["counterexample"]["tokens"]:
            state, (at, answer) = machine[state][token]
        if answer is None or logits[at].argmax() == answer:
            raise BrokenError("The model answers rightly to the counterexample.")
    gated = not model["mechanism"].startswith("newest-kept")  # whose gates are the limit
    if not (found == "proved" and gated) and (claimed["soft_margin"] or 0) <= 0:
        return Replayed(found)
    try:
        soft = smallest_margin(blocks, claimed["levels"], meets, held, model, symbols)
    except OpenError as why:
        raise BrokenError(f"It does not hold for the gates that the network has: {why}.") from None
    if soft <= 0:
        raise BrokenError(f"For the gates that the network has, a margin of logits may be {soft:.2g}.")
    return Replayed(found, soft)


def _meet(machine: Machine, later: Array, strict: bool) -> Array:
    """Return which vectors, in rows, can be that of a query that sees a key with a vector, in columns."""
    meet = np.eye(later.shape[1], dtype=bool) & (not strict)
    for row in machine:
        for to, (vector, _) in row.values():
            meet[:, vector] |= later[to]
    return meet


def _layer(
    level: dict[str, Any], block: dict[str, Array], model: dict[str, Any], below: Machine, later: Array, vectors: Array
) -> tuple[Machine, Array]:
    """Check the claims about one layer; return the machine up to it, and the vectors that it makes."""
    heads = model["heads"]
    normalised = _norm(vectors, block["attention_norm.weight"])
    query, key, value = (
        _heads(normalised @ block[f"attention.{name}.weight"].T, heads, model["head_dim"])
        for name in ("query", "key", "value")
    )
    scores = np.einsum("uhe,whe->huw", _norm(query), _norm(key)) / np.sqrt(query.shape[-1]) - model["threshold"]
    moves = [{int(token): (to, made) for token, (to, made) in row.items()} for row in level["moves"]]
    under, recipes = level["under"], [tuple(recipe) for recipe in level["recipes"]]
    if under[0] != 0 or level["merged"][0] != 0:
        raise BrokenError("A layer does not begin in the state in which the machine below begins.")
    held = {0: np.full((heads, len(vectors)), NOBODY)}
    waiting = [0]
    for state in waiting:
        if moves[state].keys() != below[under[state]].keys():
            raise BrokenError(f"The moves of state {state} are not those that the task allows.")
        for token, (to, (vector, _)) in below[under[state]].items():
            target, made = moves[state][token]
            asked = later[to] if model["strict"] else later[to] | (np.arange(len(vectors)) == vector)
            if (np.abs(scores[:, asked, vector]) < NEAR).any():
                raise BrokenError(f"A score is nearer to the threshold than {NEAR:g}, which is too near to call.")
            after = np.where(scores[:, :, vector] > 0, vector, held[state])
            if recipes[made] != (vector, *(held[state] if model["strict"] else after)[:, vector]):
                raise BrokenError(f"A move of state {state} makes another vector than is claimed.")
            if under[target] != to:
                raise BrokenError(f"A move of state {state} leads to a state over another state of the machine below.")
            if target not in held:
                held[target] = after
                waiting.append(target)
            elif (held[target] != after)[:, later[to]].any():
                raise BrokenError(f"Two ways to state {target} leave different memories.")
    merged: dict[int, Any] = {}
    for state in held:
        row = {
            token: (level["merged"][to], (made, below[under[state]][token][1][1]))
            for token, (to, made) in moves[state].items()
        }
        if merged.setdefault(level["merged"][state], row) != row:
            raise BrokenError(f"State {state} is merged with another one that has another future.")
    return [merged[number] for number in range(len(merged))], _outputs(recipes, block, model, vectors, value)


def _outputs(
    recipes: list[tuple[int, ...]], block: dict[str, Array], model: dict[str, Any], vectors: Array, value: Array
) -> Array:
    """Compute the vectors that a layer makes: attention to one vector per head, then SwiGLU."""
    table = np.array(recipes)
    source, attended = table[:, 0], table[:, 1:]
    found = value[attended, np.arange(attended.shape[1])] * (attended != NOBODY)[..., None]
    normalised = _norm(vectors, block["attention_norm.weight"])[source]
    stream = normalised if model["paper_faithful"] else vectors[source]
    stream = stream + _linear(found.reshape(len(table), -1), block, "attention.project.matrix")
    normalised = _norm(stream, block["feed_forward_norm.weight"])
    gate, up = np.split(_linear(normalised, block, "feed_forward.gate_and_up"), 2, axis=-1)
    stream = normalised if model["paper_faithful"] else stream
    return stream + _linear(gate / (1 + np.exp(-gate)) * up, block, "feed_forward.down")


def _later(machine: Machine, vectors: int) -> Array:
    """Return which vectors can come from each state on, by state."""
    later = np.zeros((len(machine), vectors), bool)
    changed = True
    while changed:
        changed = False
        for state in reversed(range(len(machine))):
            after = later[state].copy()
            for to, (vector, _) in machine[state].values():
                after |= later[to]
                after[vector] = True
            changed |= bool((after != later[state]).any())
            later[state] = after
    return later


def _norm(x: Array, weight: Array | float = 1.0) -> Array:
    return weight * x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6)


def _linear(x: Array, block: dict[str, Array], name: str) -> Array:
    return x @ block[f"{name}.weight"].T + block.get(f"{name}.bias", 0.0)


def _heads(x: Array, heads: int, head_dim: int) -> Array:
    """Split into heads; those of keys and values are repeated for the queries that share them."""
    split = x.reshape(len(x), -1, head_dim)
    return np.repeat(split, heads // split.shape[1], axis=1)
