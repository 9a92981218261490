"""The proof for gates that are not zero: enclosures of all vectors, from the machine of the limit.

With a forget gate g, all keys but the newest kept one weigh at most e^(s* - s) g / (1 - g) of it, for its score s and
the largest score s*. So a head's output is near to that in the limit, and whatever a token's vector can be lies in an
:class:`~lengthwise.certify.enclosure.Enclosure` around the vector of the limit. If no score in the enclosures changes
its sign, the network keeps the keys that its limit keeps, and if no margin of logits does, it gives the same answers.
Rounding is enclosed too, in any order of summation: batches, caches and machines change nothing.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int
from torch import Tensor, nn

from lengthwise.certify.decisions import INEXACT, KEPT
from lengthwise.certify.enclosure import ELEMENTARY, UNIT, Enclosure, RangeError
from lengthwise.certify.extraction import BlockedError, Level, still_to_come
from lengthwise.certify.mealy import MealyMachine, Symbol
from lengthwise.certify.network import NOBODY, Layer, Network

SMALLEST = 104.0
"""A key whose logit is so far below the largest one adds nothing: the smallest number of float32 is e^-103.3."""
SLACK, LEAST = 1.001, 1e-20
"""Weights are rounded: relatively by their logits, and blockwise gives each of the kept keys e^-78.6 at least."""
AT_ONCE = 64
"""Vectors whose directions are in memory together."""


class Heads(NamedTuple):
    """The enclosures of a layer's queries, keys and values, heads first, and bounds on its gates."""

    query: Enclosure
    key: Enclosure
    value: Enclosure
    log_gate: Float[Tensor, "heads vectors"]
    """The logarithm of a query's gate at most."""
    low: Float[Tensor, "heads head_dim"]
    high: Float[Tensor, "heads head_dim"]
    """Between these lie the components of all values."""


def soft_margins(network: Network, machine: MealyMachine, levels: list[Level]) -> dict[Symbol, float]:
    """Bound from below by how much the right logit is larger than all others, for each symbol with an answer.

    Args:
        network: the network, in whose limit the machines were found.
        machine: the machine of the task.
        levels: what was found about the layers.

    Raises:
        BlockedError: if a score may have another sign than in the limit.
    """
    try:
        return _margins(network, machine, levels)
    except RangeError as error:
        raise BlockedError(str(error)) from None


def _margins(network: Network, machine: MealyMachine, levels: list[Level]) -> dict[Symbol, float]:
    vectors = Enclosure.of(network.tokens)
    for number, (layer, level) in enumerate(zip(network.layers, levels, strict=True), 1):
        if layer.has_output:
            raise BlockedError("The argument does not know output parts.")
        vectors = _after(layer, vectors, level, _meet(machine, len(vectors.centre), layer.strict), number)
        machine = level.minimal
    logits = vectors.normalised(network.model.norm.weight).linear(network.model.head.weight)
    found: dict[Symbol, float] = {}
    for at, answer in {symbol for row in machine.moves for _, symbol in row.values()}:
        if answer is not None:
            centre, directions, box = (part[at] for part in logits)
            apart = torch.linalg.vector_norm(directions[:, [answer]] - directions, ord=1, dim=0) + box[answer] + box
            margin = centre[answer] - centre - apart
            margin[answer] = torch.inf
            found[at, answer] = float(margin.min())
    return found


def _meet(machine: MealyMachine, vectors: int, strict: bool) -> Bool[Tensor, "queries keys"]:
    """Return which vectors can be that of a query and that of a key before it, or of itself if it sees itself."""
    to_come = torch.from_numpy(still_to_come(machine, vectors))
    meet = torch.eye(vectors, dtype=torch.bool, device="cpu") & (not strict)
    for row in machine.moves:
        for to, (vector, _) in row.values():
            meet[:, vector] |= to_come[to]
    return meet


def _after(layer: Layer, vectors: Enclosure, level: Level, meet: Tensor, number: int) -> Enclosure:
    """Enclose the vectors that a layer makes."""
    block, matrix = layer.block, layer.block.attention.project.matrix
    assert isinstance(matrix, nn.Linear)
    normalised = vectors.normalised(block.attention_norm.weight)
    of = _heads(layer, normalised, number)
    score, off = _scores(of, layer)
    certain = score.abs() > off
    if not bool((certain | ~meet).all()):
        share = float((off / score.abs())[:, meet].max())
        raise BlockedError(f"Layer {number}: a score may differ by {share:.2g} times its distance from the threshold.")
    if not bool((((score > 0) == torch.from_numpy(level.decisions.kept == KEPT)) | ~meet).all()):
        raise BlockedError(f"Layer {number}: a score has another sign than was found in the limit.")
    highest = torch.where(meet & (score > 0), score + off, -torch.inf).amax(-1)
    recipes, made = torch.tensor(level.recipes, dtype=torch.long, device="cpu"), list[Enclosure]()
    base = normalised if block.add_to_normalised else vectors
    for rows in recipes.split(AT_ONCE):
        attended = _attended(of, rows[:, 0], rows[:, 1:], highest, score - off).linear(matrix.weight, matrix.bias)
        stream = _away_from_zero(base.at(rows[:, 0]).plus_independent(attended), number).reduced()
        inner = stream.normalised(block.feed_forward_norm.weight)
        feed = block.feed_forward
        fed = inner.linear(feed.gate_and_up.weight, feed.gate_and_up.bias).gated()
        fed = fed.linear(feed.down.weight, feed.down.bias)
        made.append(_away_from_zero((inner if block.add_to_normalised else stream).plus(fed), number).reduced())
    return Enclosure(*(torch.cat(parts) for parts in zip(*made, strict=True)))


def _away_from_zero(of: Enclosure, number: int) -> Enclosure:
    """Return the sets, none of which reaches 0, where a vector has no direction that a norm could keep."""
    reach = of.radius.norm(dim=-1) / of.centre.norm(dim=-1)
    if not bool((reach < 1).all()):
        raise BlockedError(f"Layer {number}: a vector may differ by its own length.")
    return of


def _heads(layer: Layer, normalised: Enclosure, number: int) -> Heads:
    """Enclose queries, keys and values."""
    attention, weights = layer.block.attention, layer.weights
    width = attention.sizes.head_dim

    def split(of: Enclosure) -> Enclosure:
        heads = Enclosure(*(part.unflatten(-1, (-1, width)).movedim(-2, 0) for part in of))
        every = torch.arange(len(heads.centre), dtype=torch.long, device="cpu").repeat_interleave(
            layer.heads // len(heads.centre)
        )
        return heads.at(every)

    query, key, value = (
        split(normalised.linear(projection.weight)) for projection in (attention.query, attention.key, attention.value)
    )
    gate = normalised.linear(weights.forget.weight, weights.forget.bias)
    subtracted = float(weights.annealed) if weights.options.anneal else 0.0
    log_gate = (F.logsigmoid(gate.centre + gate.radius) - subtracted) * (1 - ELEMENTARY)
    query, key = (_away_from_zero(of, number).normalised(eps=weights.EPS).reduced() for of in (query, key))
    radius = value.radius
    return Heads(query, key, value, log_gate.mT, (value.centre - radius).amin(1), (value.centre + radius).amax(1))


def _scores(of: Heads, layer: Layer) -> tuple[Float[Tensor, "heads queries keys"], Float[Tensor, "heads queries keys"]]:
    """Return the distances of scores from the threshold, and by how much each can differ."""
    query, key = of.query, of.key
    score = query.centre @ key.centre.mT * layer.scale - layer.threshold
    off = query.radius @ key.radius.mT + query.box @ key.centre.abs().mT + query.centre.abs() @ key.box.mT
    for axis in range(query.directions.shape[-2]):
        off += (query.directions[..., axis, :] @ key.centre.mT).abs()
    for axis in range(key.directions.shape[-2]):
        off += (query.centre @ key.directions[..., axis, :].mT).abs()
    terms = query.largest @ key.largest.mT * layer.scale + abs(layer.threshold)
    return score, off * layer.scale + (query.centre.shape[-1] + 3) * UNIT * terms + INEXACT


def _attended(
    of: Heads,
    vector: Int[Tensor, " rows"],
    attended: Int[Tensor, "rows heads"],
    highest: Float[Tensor, "heads vectors"],
    lowest: Float[Tensor, "heads queries keys"],
) -> Enclosure:
    """Enclose what the heads of tokens get: the value of the newest kept key, and a share of any other value."""
    heads = torch.arange(attended.shape[1], dtype=torch.long, device="cpu")
    found, log_gate = attended != NOBODY, of.log_gate[:, vector].mT
    key = attended.clamp(min=0)
    above = (highest[:, vector].mT - lowest[heads, vector[:, None], key]).where(found, 0.0)
    others = SLACK * above.exp() * log_gate.exp() / -log_gate.expm1() + LEAST
    share = (others / (1 + others)).where(others.isfinite(), 1.0)
    value = of.value.at(heads, key)
    furthest = torch.maximum(of.high - value.centre, value.centre - of.low) + value.radius
    off = share[..., None] * furthest
    # Two for each key that weighs anything, in the sums of values and of weights, and some for the rest.
    roundings = 2 * (SMALLEST + above) / -log_gate + 32
    off = (off + roundings[..., None] * UNIT * (value.largest + off)) * found[..., None]
    directions = value.directions * found[..., None, None]
    by_head = torch.einsum("rhde,hg->rhdge", directions, torch.eye(len(heads), dtype=torch.float64, device="cpu"))
    centre, box = ((part * found[..., None]).flatten(1) for part in (value.centre, value.box))
    return Enclosure(centre, by_head.flatten(3).flatten(1, 2), box).widened(off.flatten(1))
