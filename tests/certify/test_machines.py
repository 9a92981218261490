"""The machine of a network: it is the network, to the last bit, and as small as can be."""

import json
from collections.abc import Callable
from itertools import product
from typing import Any

import pytest
import torch

from lengthwise import Decoder
from lengthwise.certify import Limits, MooreMachine, certify
from lengthwise.certify.behaviour import coverage
from lengthwise.certify.certificate import Certificate, layers_of
from lengthwise.certify.mealy import MealyMachine, Row
from lengthwise.certify.walking import ENDED, MOST_LEFT, _walks, agreement

Make = Callable[..., Decoder]
NETWORKS: dict[str, dict[str, Any]] = {
    "plain": {},
    "strict": {"mechanism": "newest-kept[strict=true]"},
    "one layer": {"layers": 1},
    "grouped heads": {"heads": 4, "kv_heads": 2},
    "threshold": {"mechanism": "newest-kept[threshold=0.5,strict=true]"},
    "negative threshold": {"mechanism": "newest-kept[threshold=-0.5]"},
    "output part": {"mechanism": "newest-kept+layer-norm"},
    "by head": {"mechanism": "newest-kept+rms-norm@heads"},
    "gate": {"mechanism": "newest-kept+gate"},
    "as in the paper": {"paper_faithful": True},
    "one head": {"heads": 1, "layers": 3},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_machine_and_network_give_the_same_bits(name: str, make: Make, any_tokens: MooreMachine) -> None:
    model = make(**NETWORKS[name])
    verdict = certify(model, any_tokens, Limits(states=20_000))
    assert verdict.machine.moves, verdict.reason
    agreed = agreement(model, verdict.machine, verdict.logits, prefixes=20_000)
    assert agreed.prefixes >= 20_000
    assert agreed.different == 0


def test_a_sequence_that_ends_ends_the_walk(make: Make) -> None:
    pair = MooreMachine.of(0, lambda state: {state: state + 1} if state < 2 else {}, lambda state: 0 if state else None)
    model = make()
    verdict = certify(model, pair)
    agreed = agreement(model, verdict.machine, verdict.logits, prefixes=100)
    assert agreed.prefixes % 2 == 0
    assert agreed.different == 0


def test_walks_read_answers_to_their_end() -> None:
    """Zeros of any number, a one, and then two tokens of an answer."""
    rows: list[Row] = [{0: (0, (0, None)), 1: (1, (1, 3))}, {3: (2, (2, 4))}, {4: (3, (3, None))}, {}]
    machine = MealyMachine(rows)
    tokens, vectors = next(_walks(machine, torch.Generator().manual_seed(0)))
    assert tokens[0, -3:].tolist() == [1, 3, 4]
    assert (vectors != ENDED).all()
    assert set(vectors.unique().tolist()) == {0, 1, 2, 3}


def test_a_long_end_is_begun_near_the_end_of_the_length_alone() -> None:
    """The tables of a walk would otherwise grow with the longest sequence of a task."""
    chain: list[Row] = [{1: (state + 1, (1, None))} for state in range(1, MOST_LEFT + 3)]
    machine = MealyMachine([{0: (0, (0, None)), 1: (1, (1, None))}, *chain, {}])
    tokens, vectors = next(_walks(machine, torch.Generator().manual_seed(0)))
    assert (vectors != ENDED).all()
    assert (tokens[:, : -MOST_LEFT - 1] == 0).all()


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_no_input_shorter_than_the_counterexample_is_wrong(
    strict: bool, seed: int, make: Make, any_tokens: MooreMachine
) -> None:
    model = make("newest-kept[strict=true]" if strict else "newest-kept", seed)
    verdict = certify(model, any_tokens)
    assert verdict.kind == "refuted"
    assert verdict.said != verdict.expected

    def right(tokens: tuple[int, ...]) -> bool:
        with torch.no_grad():
            return int(model(torch.tensor([tokens])).logits[0, -1].argmax()) == tokens[-1]

    assert not right(verdict.counterexample)
    for length in range(1, len(verdict.counterexample)):
        assert all(map(right, product(range(3), repeat=length)))


def test_a_network_that_repeats_its_input_is_proved(make: Make, any_tokens: MooreMachine) -> None:
    model = make(dim=16)
    with torch.no_grad():
        for block in model.blocks:
            block.attention.project.matrix.weight.zero_()
            block.feed_forward.down.weight.zero_()
        model.head.weight.copy_(model.embedding.weight)
    verdict = certify(model, any_tokens)
    assert verdict.kind == "proved"
    assert verdict.smallest_margin > 1
    assert verdict.transitions >= 3


def test_an_answer_that_rounding_decides_is_left_open(make: Make) -> None:
    model = make()
    with torch.no_grad():
        hidden = model(torch.tensor([[0]])).hidden[0, 0, 0]
        model.head.weight.zero_()
        model.head.weight[:, 0] = hidden.sign() * torch.tensor([1.0, 1.0 + 2**-23, 1.0])
    first_token = MooreMachine.of(None, lambda state: {0: 1} if state is None else {}, lambda state: state)
    verdict = certify(model, first_token)
    assert verdict.kind == "undecided"
    assert 0 < verdict.smallest_margin < 1e-6
    assert "Rounding decides an answer" in verdict.reason


def test_limits_are_said(make: Make, any_tokens: MooreMachine) -> None:
    verdict = certify(make(), any_tokens, Limits(states=2))
    assert verdict.kind == "undecided"
    assert "more than 2 states" in verdict.reason
    assert "vectors" in certify(make(), any_tokens, Limits(vectors=2)).reason
    assert "seconds" in certify(make(), any_tokens, Limits(seconds=0)).reason


def test_a_search_carries_on_behind_what_is_known(make: Make, any_tokens: MooreMachine) -> None:
    model = make(layers=3)
    whole = certify(model, any_tokens)
    most = [len(level.machine.moves) for level in whole.levels]
    assert most[0] < most[1]
    short = certify(model, any_tokens, Limits(states=most[0]))
    assert [short.kind, len(short.levels)] == ["undecided", 1]
    tree = json.loads(json.dumps(Certificate("any", any_tokens, model.config, "", short, None).tree()))
    seen = []

    def watch(layer: int, states: int) -> bool:
        seen.append((layer, states))
        return False

    again = certify(model, any_tokens, known=layers_of(tree), watch=watch)
    assert seen[0][0] == 2
    assert again.machine == whole.machine
    assert torch.equal(again.logits, whole.logits)
    assert again.counterexample == whole.counterexample


def test_a_search_that_is_stopped_says_so(make: Make, any_tokens: MooreMachine) -> None:
    verdict = certify(make(), any_tokens, watch=lambda layer, states: layer == 2)
    assert verdict.kind == "undecided"
    assert verdict.reason == "Layer 2 of 2: The search was stopped."
    assert len(verdict.levels) == 1


def test_states_with_the_same_future_become_one() -> None:
    # Two states that differ in their numbers alone, and one that makes another symbol.
    machine = MealyMachine(
        [{0: (1, (0, None)), 1: (2, (0, None))}, {0: (3, (5, 1))}, {0: (3, (5, 1))}, {0: (0, (6, 1))}]
    )
    small, merged = machine.minimal()
    assert merged == [0, 1, 1, 2]
    assert small.moves == [{0: (1, (0, None)), 1: (1, (0, None))}, {0: (2, (5, 1))}, {0: (0, (6, 1))}]
    assert machine.shortest(lambda symbol: symbol == (6, 1)) == [0, 0, 0]
    assert machine.shortest(lambda symbol: symbol == (7, 1)) is None
    assert machine.symbol([1, 0]) == (5, 1)


def test_what_training_showed_is_counted_up_to_where_a_sequence_leaves_the_task() -> None:
    machine = MealyMachine([{0: (1, (0, None))}, {0: (2, (0, None))}, {}])
    assert coverage(machine, [torch.tensor([[0, 0, 0]])]) == (3, 3)
    assert coverage(machine, [torch.tensor([[0], [0]]), torch.tensor([[0]])]) == (2, 3)
    assert coverage(machine, [torch.tensor([[9, 0]])]) == (1, 2), "a token that the machine does not know leaves it"
