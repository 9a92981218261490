"""Certificates of trained decoders, language by language: proved, refuted or undecided, over seeds.

    python benchmarks/certificates.py [--task tomita-4 …] [--seeds 3] [--out runs/certificates]

Each decoder has hard attention to the newest kept key (``newest-kept``, strict but for flip-flop). It is trained with
annealed gates, and then certified. The same command carries on after a stop. At the end, ``OUT/certificates.md`` has a
table: the verdicts over the seeds; of the networks proved right, how many are so with the gates that training ended
with, the states, the smallest margin of logits and the smallest score; of those refuted, the length of the shortest
counterexample.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from lengthwise.certify.certificate import FILE
from lengthwise.certify.star_free import is_star_free
from lengthwise.cli import options
from lengthwise.experiments.certifying import certify_run
from lengthwise.experiments.comparison import compare
from lengthwise.experiments.settings import read_comparison
from lengthwise.files import write
from lengthwise.recipes import find
from lengthwise.tasks import load

LAYERS = {
    "flip-flop": 2,
    "tomita-1": 2,
    "tomita-2": 2,
    "tomita-4": 3,
    "tomita-7": 2,
    "one-d": 2,
    "zero-twos": 2,
    "abcde-blocks": 2,
    "alternation": 3,
    "dyck-bounded[depth=2]": 3,
    "dyck-bounded[depth=3]": 4,
    "dyck-bounded[depth=4]": 4,
    "even-pairs": 3,
    "n-back[symbols=3,back=1]": 3,
    "flag-retrieval[symbols=3]": 3,
    "tomita-3": 3,
    "tomita-5": 3,
    "tomita-6": 3,
    "aa-star": 3,
    "abab-star": 3,
    "parity": 3,
    "cycle-navigation": 3,
}
"""Layers of the decoder for each language."""
HEADS = ("language", "layers", "star-free", "right at the training length", "proved", "with trained gates", "refuted",
         "undecided", "states", "smallest margin", "smallest score", "shortest counterexample")  # fmt: skip


def settings(name: str, seeds: int, steps: int) -> dict[str, Any]:
    """The recipe of the task with other steps and layers, at one rate."""
    recipe = find(name).settings
    mechanism = "newest-kept" if name == "flip-flop" else "newest-kept[strict=true]"
    tree: dict[str, Any] = {**recipe, "task": name, "mechanisms": [mechanism], "seeds": seeds}
    tree["learning_rates"] = [1e-3 if name == "flip-flop" else 3e-3]
    tree["model"] = {**recipe["model"], "layers": LAYERS[name]}
    if name != "flip-flop":
        tree["train"] = {**recipe["train"], "steps": steps}
    tree["evaluate"] = {**recipe["evaluate"], "lengths": [recipe["train"]["length"]]}
    return tree


def spread(values: list[float], digits: str) -> str:
    """The least and the greatest of some numbers; one if they are equal."""
    ends = [f"{value:{digits}}" for value in (min(values), max(values))] if values else []
    return "–".join(dict.fromkeys(ends)) or "–"


def row(name: str, right: list[float], found: list[dict[str, Any]]) -> str:
    """The line of the table for one language."""
    kinds = {kind: [each for each in found if each["verdict"] == kind] for kind in ("proved", "refuted", "undecided")}
    proved = kinds["proved"]
    machine = load(name).machine
    assert machine is not None
    cells = (
        f"`{name}`",
        LAYERS[name],
        {True: "yes", False: "no", None: "?"}[is_star_free(machine)],
        f"{100 * np.mean(right):.1f}",
        len(proved),
        sum((each["soft_margin"] or 0) > 0 for each in proved),
        len(kinds["refuted"]),
        len(kinds["undecided"]),
        spread([each["states"] for each in proved], ",d"),
        spread([each["smallest_margin"] for each in proved], ".1f"),
        spread([min(each["smallest_scores"]) for each in proved], ".0e"),
        spread([len(each["counterexample"]["tokens"]) for each in kinds["refuted"]], "d"),
    )
    return f"| {' | '.join(map(str, cells))} |"


def main(
    task: Annotated[list[str] | None, typer.Option(help="Repeat for each. Default: all of them.")] = None,
    seeds: int = 3,
    steps: int = 1_500,
    jobs: options.Jobs = None,
    out: Path = Path("runs/certificates"),
) -> None:
    """Certificates of trained decoders, language by language."""
    lines = [f"| {' | '.join(HEADS)} |", f"|{'---|' * len(HEADS)}"]
    for name in task or LAYERS:
        config = read_comparison(settings(name, seeds, steps))
        folder = out / "-".join(name.replace("[", ",").replace("]", "").replace("=", ",").split(","))
        experiment = compare(config, folder, processes=options.processes(jobs, config.base.train), resume=True)
        right, found = [], []
        for run in experiment.finalists(config.mechanisms[0]):
            if not (run.folder / FILE).exists():
                certify_run(run.folder, prefixes=1_000_000)
            found.append(json.loads((run.folder / FILE).read_text(encoding="utf-8")))
            right += [point.values["exact_match"].value for point in run.points[:1]]
        lines.append(row(name, right, found))
        print(lines[-1], flush=True)
        write(out / "certificates.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    typer.run(main)
