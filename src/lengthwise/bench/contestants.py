"""Who is measured: every backend of threshold relative attention, with skipping and without, and its rivals.

Backends are looked up when they are needed, because it depends on the machine which of them there are.
"""

SDPA = "sdpa"
FLEX = "flex"
FORGETTING = "fla-forgetting"
REFERENCE = "reference"
NO_SKIPPING = "-no-skipping"
RIVALS = (SDPA, FLEX, FORGETTING)
DEFAULT = {
    "cpu": (SDPA, "native", "native-no-skipping", "blockwise", REFERENCE),
    "cuda": (SDPA, "triton", "triton-no-skipping", FLEX, FORGETTING, REFERENCE),
}


def known() -> list[str]:
    """Every name there can be, on this machine or on another; the reference never skips."""
    from lengthwise.ops.threshold_relative import BACKENDS

    backends = [name for name in dict.fromkeys(("native", "triton", "blockwise", *BACKENDS)) if name != REFERENCE]
    return [*RIVALS, *(name + suffix for name in backends for suffix in ("", NO_SKIPPING)), REFERENCE]


def backend(contestant: str) -> str:
    """The backend behind a contestant that is no rival."""
    return contestant.removesuffix(NO_SKIPPING)


def skip_tolerance(contestant: str) -> float | None:
    """The operator's argument: None is its default."""
    return 0.0 if contestant.endswith(NO_SKIPPING) else None


def skips(contestant: str) -> bool:
    """Whether it leaves keys unread whose weight is nothing."""
    return contestant not in (*RIVALS, REFERENCE) and skip_tolerance(contestant) is None
