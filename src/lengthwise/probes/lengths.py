"""The lengths at which a language model is measured."""

from lengthwise.errors import InputError
from lengthwise.pretrained.source import Source
from lengthwise.probes.config import ProbeConfig

_SHORTEST, _LONGEST = 64, 4096
"""Bounds of the default lengths, which double from the first to the second."""


def lengths(source: Source, config: ProbeConfig) -> tuple[int, ...]:
    """Return the lengths of a probe of ``source`` in ascending order [tokens].

    Raises:
        InputError: for lengths that the model can never read, or beyond its positions unless ``config.beyond``.
    """
    if config.lengths is None:
        longest = min(_LONGEST, source.positions or _LONGEST)
        return tuple(_SHORTEST * 2**power for power in range((longest // _SHORTEST).bit_length())) or (longest,)
    longest = config.lengths[-1]
    if source.positions is None or longest <= source.positions:
        return config.lengths
    if not source.extends:
        raise InputError(
            f"{source.name} has learned positions for {source.positions:,} tokens and none beyond; it can never read "
            f"{longest:,} tokens, so give a shorter length."
        )
    if not config.beyond:
        raise InputError(
            f"{source.name} was made for {source.positions:,} positions, and a length of {longest:,} exceeds them; "
            "give a shorter length, or use lengthwise probe --beyond."
        )
    return config.lengths
