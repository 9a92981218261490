"""Attention that is swapped and fine-tuned, against training from scratch with the same steps (arXiv 2103.13076).

    python benchmarks/swapping.py [--recipe dictionary-lookup] [--source softmax] [--mechanism t2r] [--share 0.2] …

For each seed, a model with the source mechanism is trained by the recipe. Its attention is swapped, evaluated as it is,
and fine-tuned with a share of the recipe's steps. Another model has the new mechanism from the beginning and gets the
same steps on the same examples. What the folder holds is not trained again. At the end there is a table in Markdown:
the main metric with its mean over seeds and its 95 % interval, and the paired difference at each length.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from lengthwise.configuration import merge
from lengthwise.experiments.config import RunConfig
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.run import evaluate_run, train_run
from lengthwise.recipes import find
from lengthwise.statistics.estimate import student_mean
from lengthwise.statistics.paired import sign_flip_test


def finished(path: Path, config: RunConfig) -> RunFolder:
    """Train and evaluate a run as far as its folder lacks it."""
    folder = RunFolder(path)
    folder.claim(config, resume=True)
    train_run(folder)
    evaluate_run(folder)
    return folder


def arms(base: RunConfig, mechanism: str, steps: int, out: Path) -> dict[str, RunFolder]:
    """Run all arms of one seed."""
    source = finished(out / "source", base)
    swapped = {"start": str(source.path), "model": {"mechanism": mechanism}}
    return {
        f"{base.model.mechanism}, {base.train.steps:,} steps": source,
        "swapped, 0 steps": finished(out / "swapped-0", base.vary(**swapped, train={"steps": 0})),
        f"swapped, {steps:,} steps": finished(out / "swapped", base.vary(**swapped, train={"steps": steps})),
        f"{mechanism} from scratch, {steps:,} steps": finished(
            out / "scratch", base.vary(model={"mechanism": mechanism}, train={"steps": steps})
        ),
    }


def cell(values: Sequence[float], least: float) -> str:
    """The mean of shares or of their differences with its interval, for example 91.2 [88.0, 94.4]."""
    found = student_mean(values)
    return f"{100 * found.value:.1f} [{100 * max(found.low, least):.1f}, {100 * min(found.high, 1):.1f}]"


def main(
    recipe: Annotated[str, typer.Option(help="Recipe of the task and of all trainings.")] = "dictionary-lookup",
    source: Annotated[str, typer.Option(help="Mechanism that is trained first.")] = "softmax",
    mechanism: Annotated[str, typer.Option(help="Mechanism that takes its place.")] = "t2r",
    share: Annotated[float, typer.Option(help="Share of the recipe's steps for fine-tuning.")] = 0.2,
    length: Annotated[list[int] | None, typer.Option(help="Evaluated; repeatable. Default: the recipe's.")] = None,
    seeds: Annotated[int, typer.Option(help="Seeds, counted from 0.")] = 3,
    out: Annotated[Path, typer.Option(help="Folder of the runs.")] = Path("runs/swapping"),
) -> None:
    changes: dict[str, Any] = {"model": {"mechanism": source}}
    if length:
        changes["evaluate"] = {"lengths": length}
    base = RunConfig.read(merge(find(recipe).settings, changes))
    steps, metric = round(share * base.train.steps), base.build_task().main
    if metric.unit != "%":
        raise typer.BadParameter(f"{recipe} measures {metric.label}, and this table is of shares.")
    values: dict[int, dict[str, list[float]]] = {}
    for seed in range(seeds):
        for arm, run in arms(base.vary(seed=seed), mechanism, steps, out / f"seed-{seed}").items():
            for point in run.points:
                if point.split == base.evaluate.splits[0]:
                    values.setdefault(point.length, {}).setdefault(arm, []).append(point.value(metric))
    names = list(next(iter(values.values())))
    print(f"| length | {' | '.join(names)} | swapped − scratch | p |\n|{'---|' * (len(names) + 3)}")
    for at, of in values.items():
        *_, swapped, scratch = of.values()
        ahead = [mine - theirs for mine, theirs in zip(swapped, scratch, strict=True)]
        cells = [f"{at:,}", *(cell(of[name], 0) for name in names), cell(ahead, -1), f"{sign_flip_test(ahead):.2f}"]
        print(f"| {' | '.join(cells)} |")


if __name__ == "__main__":
    typer.run(main)
