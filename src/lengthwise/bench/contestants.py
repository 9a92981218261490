"""The contestants: every backend of threshold relative attention, with skipping and without, and its rivals.

Backends are looked up only when they are needed, because the available backends depend on the machine.
"""

SDPA = "sdpa"
LLAMA = "llama"
FLEX = "flex"
FLA_FORGETTING = "fla-forgetting"
FORGETTING = "forgetting"
ALIBI = "alibi"
STICK_BREAKING = "stick-breaking"
SIGMOID = "sigmoid"
SOFTPICK = "softpick"
ENTMAX = "entmax"
FIRE = "fire"
REFERENCE = "reference"
NO_SKIPPING = "-no-skipping"
RIVALS = (SDPA, FLEX, FLA_FORGETTING, FORGETTING, ALIBI, STICK_BREAKING, FIRE, SIGMOID, SOFTPICK, ENTMAX)
HORIZONS = {
    "cpu": (FORGETTING, ALIBI, STICK_BREAKING, FIRE),
    "cuda": (FORGETTING, ALIBI, STICK_BREAKING),
}
"""Rivals on the walk of this package, whose queries stop at a horizon, by device."""
DEFAULT = {
    "cpu": (SDPA, "native", "native-no-skipping", "blockwise", REFERENCE),
    "cuda": (SDPA, "triton", "triton-no-skipping", FLEX, FLA_FORGETTING, REFERENCE),
}


def known() -> list[str]:
    """Return the name of every contestant, available on this machine or not; the reference never skips."""
    from lengthwise.ops.threshold_relative import BACKENDS

    backends = [name for name in dict.fromkeys(("native", "triton", "blockwise", *BACKENDS)) if name != REFERENCE]
    return [*RIVALS, *(name + suffix for name in backends for suffix in ("", NO_SKIPPING)), REFERENCE]


def backend(contestant: str) -> str:
    """Return the backend of a contestant that is not a rival."""
    return contestant.removesuffix(NO_SKIPPING)


def skip_tolerance(contestant: str) -> float | None:
    """Return the operator's argument ``skip_tolerance`` for a contestant; None stands for the operator's default."""
    return 0.0 if contestant.endswith(NO_SKIPPING) else None


def skips(contestant: str, device: str) -> bool:
    """Return True if the contestant skips keys whose weight is negligible."""
    ours = contestant not in (*RIVALS, REFERENCE)
    return contestant in HORIZONS[device] or (ours and skip_tolerance(contestant) is None)
