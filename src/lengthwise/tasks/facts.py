"""What the literature says about tasks of this library: lengths, published results, and the level of chance.

A definition stands in the file of its task; here is what only the page of tasks, ``lengthwise list --tasks`` and the
reports of experiments show. A task without an entry is shown without facts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

Evidence = Literal["data", "abstract", "quoted"]
EVIDENCE: dict[Evidence, str] = {
    "data": "read in the code or the result files of the source",
    "abstract": "read in the abstract of the source",
    "quoted": "quoted by a third party",
}
"""How sure a published number is."""


@dataclass(frozen=True)
class Setting:
    """What was trained."""

    longest: int
    """Longest training length, in the task's unit."""
    layers: int
    dim: int
    steps: int
    """Optimiser steps at most: some authors end a training early, or take the best of several checkpoints."""


@dataclass(frozen=True)
class Figure:
    """A published number: the share of examples whose whole answer is right."""

    model: str
    """The model by the source's name."""
    lengths: tuple[int, int]
    """Shortest and longest test length, in the task's unit."""
    share: float


@dataclass(frozen=True)
class Source:
    """Where figures come from, and what was trained there."""

    paper: str
    task: str
    """The task, with its options in brackets."""
    setting: Setting
    of: str
    """The model that has this setting; the sizes of the others are not at hand."""
    recipe: str
    """The recipe of this library with this setting."""


@dataclass(frozen=True)
class Published:
    """A published result."""

    says: str
    evidence: Evidence
    figures: tuple[Figure, ...] = ()
    """Numbers that can stand beside measured ones."""
    source: Source | None = None
    """The source of the figures."""


@dataclass(frozen=True)
class Facts:
    """Facts about a task with its default options."""

    chance: float | None
    """Exact match of the one answer that is most often right, at the length ``at``: a share; None for other metrics."""
    at: int
    """Length of ``chance``, in the task's unit: the longest training length of the authors, or else 50."""
    trained: str = ""
    """The authors' training lengths; empty if no source has data for the task."""
    tested: str = ""
    """The authors' test lengths."""
    published: tuple[Published, ...] = ()


def _in_each(ape: str, nope: str, setting: Setting, task: str, recipe: str) -> Published:
    """Return the result of arXiv 2410.02140, in per cent at 51–100 / 101–150."""
    where = f"`{task}`, at" if "[" in task else "At"
    figures = tuple(
        Figure(model, lengths, float(share) / 100)
        for model, shares in (("APE", ape), ("NoPE", nope))
        for lengths, share in zip(((51, 100), (101, 150)), shares.split(" / "), strict=True)
    )
    source = Source("arXiv 2410.02140", task, setting, "NoPE", recipe)
    return Published(f"{where} 51–100 / 101–150: APE {ape} %, NoPE {nope} %", "data", figures, source)


def _asentmax(task: str, at: Mapping[float, str], setting: Setting) -> Published:
    """Return the result of arXiv 2506.16640, in per cent by multiples of 64 symbols."""
    figures = tuple(
        Figure(model, (round(64 * times), round(64 * times)), float(share) / 100)
        for times, shares in at.items()
        for model, share in zip(("softmax", "entmax", "ASEntmax"), shares.split(" / "), strict=True)
    )
    said = ", ".join(f"at {times:,}×: {shares} %" for times, shares in at.items())
    source = Source("arXiv 2506.16640", task, setting, "ASEntmax", f"{task}-paper")
    return Published(f"Softmax / entmax / ASEntmax {said}", "quoted", figures, source)


def _chomsky(chance: float, at: int = 40) -> Facts:
    return Facts(chance, at, "1–40", "to 500")


def _regular(chance: float) -> Facts:
    return Facts(chance, 50, "to 50", "51–100, 101–150")


def _huang(task: str, chance: float, ape: str, nope: str, setting: Setting, trained: str = "to 50") -> Facts:
    found = _in_each(ape, nope, setting, task, f"{task}-paper")
    return Facts(chance, setting.longest, trained, "51–100, 101–150", (found,))


FACTS: dict[str, Facts] = {
    "copy": Facts(
        0,
        64,
        "32–64",
        "64 · 2^k",
        (
            _asentmax(
                "copy",
                {16: "99.4 / 99.4 / 99.4", 32: "96.1 / 96.3 / 96.3", 64: "85.5 / 0 / 86.6"},
                Setting(64, layers=2, dim=256, steps=156_250),
            ),
            Published("an independent reproduction has softmax at 16× at 65 ± 46 % over seeds", "data"),
        ),
    ),
    "reverse": Facts(
        0,
        64,
        "32–64",
        "to 8 · 64",
        (
            _asentmax(
                "reverse",
                {1.5: "36 / 100 / 100", 2: "0 / 93.5 / 99.8", 4: "0 / 28.5 / 96.4", 8: "0 / 2.5 / 56.7"},
                Setting(64, layers=6, dim=256, steps=234_375),
            ),
        ),
    ),
    "unique-copy": _huang("unique-copy", 0, "99.9 / 98.7", "18.0 / 0", Setting(50, layers=4, dim=256, steps=30_000)),
    "repeat-copy": _huang("repeat-copy", 0, "25.6 / 0", "28.0 / 0", Setting(50, layers=4, dim=256, steps=30_000)),
    "sort": Facts(
        0,
        64,
        "32–64",
        "2, 4, 8 · 64",
        (
            _asentmax(
                "sort",
                {2: "0 / 100 / 100", 4: "0 / 57.8 / 79.7", 8: "0 / 0 / 0"},
                Setting(64, layers=2, dim=256, steps=312_500),
            ),
            Published("an independent reproduction has softmax at 2× at 99 % at a learning rate of 6.4e-3", "data"),
            _in_each(
                "99.96 / 99.4",
                "99.8 / 80.6",
                Setting(50, layers=1, dim=256, steps=30_000),
                "sort[symbols=150,distinct=true]",
                "distinct-sort-paper",
            ),
        ),
    ),
    "duplicate-string": _chomsky(0),
    "missing-duplicate": _chomsky(1 / 2),
    "odds-first": _chomsky(0),
    "string-edit": Facts(0.0105, 15, "11–15", "1–10, 11–15, 16–20"),
    "stack-manipulation": _chomsky(0),
    "parity": _huang("parity", 1 / 2, "83.0 / 62.1", "74.5 / 63.3", Setting(50, layers=12, dim=768, steps=60_000)),
    "local-count": Facts(0, 128, "64–128", "64 · 2^k"),
    "bin-majority": _huang(
        "bin-majority", 1 / 2, "100 / 100", "100 / 100", Setting(50, layers=1, dim=16, steps=30_000), "1–50"
    ),
    "majority": _huang(
        "majority", 1 / 26, "99.6 / 97.8", "99.9 / 98.5", Setting(50, layers=1, dim=64, steps=30_000), "1–50"
    ),
    "interleaved-majority": _huang(
        "interleaved-majority",
        1 / 8,
        "96.8 / 84.7",
        "68.8 / 39.5",
        Setting(48, layers=12, dim=768, steps=60_000),
        "3–50",
    ),
    "mode": Facts(1 / 26, 50),
    "count": Facts(1 / 207, 50),
    "histogram": Facts(0, 100, "to 100", "to 100"),
    "string-equality": Facts(1 / 2, 50),
    "even-pairs": _chomsky(1 / 2),
    "flip-flop": Facts(0, 512, "512 (arXiv 2503.23174)"),
    "n-back": Facts(0, 64, "32–64", "64–4,096"),
    "induction": Facts(1 / 16, 256, "256", "64–1,048,576"),
    "flag-retrieval": Facts(1 / 10, 5, "5", "to 250"),
    "flagged-pair": Facts(1 / 10, 32),
    "unique-retrieval": Facts(1 / 5, 49, "4–49", "to 149", (Published("Generalises", "abstract"),)),
    "non-unique-retrieval": Facts(1 / 5, 49, "4–49", "to 149", (Published("Does not generalise", "abstract"),)),
    "n-gram-lookup": Facts(1 / 26, 50),
    "argmin-first-argmax": Facts(0.247, 128, "128", "64, 128"),
    "selective-copying": Facts(0, 4096, "4,096", "4,096"),
    "mqar": Facts(0, 64, "64 (4 pairs), 128 (8), 256 (16–64)", "512 (128 pairs), 1,024 (256)"),
    "forgetting-mqar": Facts(0, 50),
    "compositional-mqar": Facts(0, 50),
    "mqmtar": Facts(
        0,
        64,
        "32–64",
        "64–65,536",
        (
            _asentmax(
                "mqmtar",
                {
                    16: "99.5 / 99.5 / 99.7",
                    64: "97.8 / 92.7 / 99.6",
                    256: "80.2 / 66.8 / 99.0",
                    1024: "3.0 / 9.3 / 95.3",
                },
                Setting(64, layers=4, dim=512, steps=390_625),
            ),
            Published(
                "ASEntmax left its plateau in 0 of 10 reproductions by default, and in 3 of 3 with other settings",
                "data",
            ),
        ),
    ),
    "noisy-recall": Facts(0, 128, "128", "128; 256–1,024"),
    "fuzzy-recall": Facts(0.014, 128, "128", "128; 256–1,024"),
    "addition": Facts(
        0,
        33,
        "1–30 digits (2405.20671), 1–40 (2402.09371), 1–10 × 2–5 numbers (2410.15787)",
        "to 200 digits, 100, 11–15 × 6–7 numbers",
        (
            Published("Abacus positions, trained to 20 digits: up to 99 % at 100", "abstract"),
            Published(
                "index hints, FIRE and randomised positions, trained to 40: above 98 % at 100 in the best runs, with a "
                "large variance over seeds (2402.09371)",
                "abstract",
            ),
        ),
    ),
    "successor": Facts(
        0,
        6,
        "all below 2^20",
        "to 49 digits",
        (
            Published(
                "Calibrated biases: above 99 % at up to ten times the training length, in certain arithmetic tasks",
                "data",
            ),
        ),
    ),
    "multiplication": Facts(
        1 / 10,
        5,
        "1–5 × 1–2 digits, 1–10 × 1–4, or 1–6 × 1 (2310.11984)",
        "10 digits, or 11–15 × 5–6",
    ),
    "binary-addition": _huang(
        "binary-addition", 0, "26.8 / 0", "27.7 / 0", Setting(50, layers=12, dim=768, steps=60_000)
    ),
    "binary-multiplication": _chomsky(0),
    "square-root": _chomsky(0),
    "modular-arithmetic": _chomsky(1 / 5, 39),
    "modular-arithmetic-brackets": _chomsky(1 / 5),
    "solve-equation": _chomsky(1 / 5),
    "pairadd": Facts(1 / 10, 50),
    "listops": Facts(
        0.19,
        2000,
        "500–2,000",
        "500–2,000",
        (Published("Long Range Arena: local attention 15.8 %, Performer 18.0 %, Reformer 37.3 %", "data"),),
    ),
    "argmax-retrieval": Facts(1 / 10, 16, "5–16", "to 16,384"),
    "dictionary-lookup": Facts(1 / 10, 50),
    "latent-retrieval": Facts(1 / 10, 16, "16"),
    "contextual-retrieval": Facts(None, 9, "9", "9"),
    "set-matching": Facts(None, 32),
    "coupled-series": Facts(None, 8),
    "local-field": Facts(None, 64),
    "set-complement": Facts(None, 50),
    "tomita-1": _regular(1),
    "tomita-2": _regular(1),
    "tomita-3": _regular(0.012),
    "tomita-4": _regular(0),
    "tomita-5": _regular(0),
    "tomita-6": _regular(0),
    "tomita-7": _regular(0.068),
    "dyck-bounded": _regular(0),
    "aa-star": Facts(1, 50, "to 50 (paper), to 100 (code)", "51–100, 101–150"),
    "aaaa-star": Facts(1, 48, "to 50 (paper), to 500 (code)", "51–100, 101–150"),
    "abab-star": Facts(1, 48, "to 50 (paper), to 500 (code)", "51–100, 101–150"),
    "abcde-blocks": _regular(0),
    "one-d": _regular(0.02),
    "zero-twos": _regular(0),
    "dyck": _regular(0),
    "alternation": Facts(
        0.012,
        250,
        "201–250",
        "251–400",
        (Published("Theory: a decoder of d layers succeeds up to d + 2 blocks and fails at d + 3", "data"),),
    ),
    "group-word": Facts(0, 20, "2–20"),
    "cycle-navigation": _chomsky(1 / 5),
    "text": Facts(None, 256),
}
"""Facts by the name of the task."""
