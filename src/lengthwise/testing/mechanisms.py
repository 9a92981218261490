"""Checks of a mechanism: the list of its promises, each tested on a new layer."""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from lengthwise.attention.mechanism import NOPE, Mechanism, completed
from lengthwise.testing import layers, reading, weights
from lengthwise.testing.check import Check, parametrized, run_all
from lengthwise.testing.subjects import Layer, Model, Subject

if TYPE_CHECKING:
    import pytest

OF_CAUSAL: dict[str, Callable[[Any], None]] = {
    "a later token changes no earlier output": reading.later_tokens_change_nothing_earlier,
    "a cache changes no output": reading.cache_is_no_cache,
    "reading no tokens leaves a cache unchanged": reading.no_tokens_leave_a_cache_as_it_is,
    "packed documents stay apart in a cache": reading.packed_documents_through_the_cache,
}
OF_ALL: dict[str, Callable[[Any], None]] = {
    "packed documents give what separate ones give": reading.packed_documents_are_separate,
    "padding changes no output": reading.padding_changes_nothing,
    "a batch gives what its sequences give one by one": reading.batch_is_one_by_one,
    "the fast way gives what the reference gives": reading.fast_is_reference,
    "a module that is saved and loaded gives the same bits": reading.saved_is_loaded,
    "the output does not depend on torch's default dtype": reading.default_dtype_is_that_of_others,
}
OF_LAYERS: dict[str, Callable[[Any], None]] = {
    "positions can be given": layers.positions_can_be_said,
    "the output in bfloat16 stays close": layers.bfloat16_stays_near,
    "training mode and evaluation mode give the same": layers.mode_makes_no_difference,
    "no tokens in give no tokens out": layers.nothing_in_nothing_out,
}
COMPILED: dict[str, Callable[[Any], None]] = {
    "the compiled layer gives what the eager one gives": layers.compiled_is_eager,
    "one compiled graph serves all lengths": layers.one_graph_serves_all_lengths,
    "the layer can be exported for all lengths": layers.exported_for_all_lengths,
}


def check_mechanism(mechanism: str | Mechanism, *, compiled: bool = False) -> None:
    """Test all promises of a mechanism.

    Args:
        mechanism: its name, as in ``softmax+my_parts:Logarithmic``, or the name of one part, such as
            ``my_parts:SoftCap``; without a weights part, softmax is added. Parts that act before the first layer of a
            model are checked in a small decoder.
        compiled: True to compile and export the layer, too, which takes seconds.

    Raises:
        AssertionError: if a promise is broken; one sentence names the mechanism, the place, and the expected value.
        InputError: if there is no such part, or if the parts do not go together.
    """
    run_all(mechanism_checks(mechanism, compiled=compiled))


def parametrize_mechanisms(*mechanisms: str | Mechanism, compiled: bool = False) -> "pytest.MarkDecorator":
    """Make every promise of every mechanism a case of a pytest function, which takes ``check`` and calls it."""
    return parametrized(check for each in mechanisms for check in mechanism_checks(each, compiled=compiled))


def mechanism_checks(mechanism: str | Mechanism, *, compiled: bool = False) -> Iterator[Check]:
    """Yield the checks of :func:`check_mechanism` one by one."""
    parsed = mechanism if isinstance(mechanism, Mechanism) else Mechanism.parse(completed(mechanism))
    kind = Layer if parsed == parsed.in_layers else Model
    promises = OF_CAUSAL | OF_ALL if parsed.traits.causal else dict(OF_ALL)
    if kind is Layer:
        promises |= _of_layer(parsed)
    for promise, check in promises.items():
        yield Check(str(parsed), promise, _on(kind, parsed, check))
    if compiled and kind is Layer:
        for promise, check in COMPILED.items():
            # Linear attention reads chunks of 64 tokens, and torch cannot prove that a padded length is a multiple of
            # 64.
            if check is not layers.exported_for_all_lengths or parsed.traits.route != "linear":
                yield Check(str(parsed), promise, _on(kind, parsed, check), compiles=True)


def _of_layer(mechanism: Mechanism) -> dict[str, Callable[[Any], None]]:
    traits, promises = mechanism.traits, dict(OF_LAYERS)
    if traits.causal:
        promises["no gradient reaches a later token"] = layers.no_gradient_reaches_later_tokens
    if traits.bidirectional:
        promises["without a causal mask it reads both ways"] = layers.reads_both_ways
    if traits.weighs:
        promises["hidden keys have a weight of 0"] = weights.hidden_keys_weigh_nothing
    if traits.normalised:
        promises["the weights of a query sum to 1"] = weights.rows_sum_to_one
    alone = mechanism.position == NOPE  # no position part affects queries, keys or scores
    if alone and traits.permutation_invariant:
        promises["the order of the keys makes no difference"] = weights.order_makes_no_difference
    if alone and traits.keys_enter_by_products:
        promises["keys enter through products alone"] = weights.keys_enter_by_products
    return promises


def _on(kind: type[Subject], mechanism: Mechanism, check: Callable[[Any], None]) -> Callable[[], None]:
    return lambda: check(kind(mechanism))
