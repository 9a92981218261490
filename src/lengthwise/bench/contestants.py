"""Who is measured: torch's own attention, and every backend of threshold relative attention, with skipping and without.

Backends are looked up when they are needed, because it depends on the machine which of them there are.
"""

from lengthwise.ops.threshold_relative import BACKENDS

SDPA = "sdpa"
REFERENCE = "reference"
NO_SKIPPING = "-no-skipping"
DEFAULT = (SDPA, "native", "native-no-skipping", "blockwise", REFERENCE)


def known() -> list[str]:
    """Every name there can be, on this machine or on another; the reference never skips."""
    backends = [name for name in dict.fromkeys(("native", "blockwise", *BACKENDS)) if name != REFERENCE]
    return [SDPA, *(name + suffix for name in backends for suffix in ("", NO_SKIPPING)), REFERENCE]


def backend(contestant: str) -> str:
    """The backend behind a contestant other than SDPA."""
    return contestant.removesuffix(NO_SKIPPING)


def skip_tolerance(contestant: str) -> float | None:
    """The operator's argument: None is its default."""
    return 0.0 if contestant.endswith(NO_SKIPPING) else None
