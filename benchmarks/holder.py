"""Does weight on the input that shows the answer predict failure with length, or entropy, or variance?

    python benchmarks/holder.py [--task flip-flop …] [--seeds 3] [--out runs/holder]

Trains each mechanism on each task with the laptop's recipe, and measures one head at every length: the head that gives
that input, the holder, most weight at the training length. ``OUT/holder.md`` has a line for each mechanism and length:
the share of right answers; the holder's weight, the entropy and the variance in that head; and the share of right
answers when the holder has the largest, and when it has the smallest weight in all heads of the head's layer. A second
table has the correlations of the three quantities with the share of right answers, over lengths and seeds.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from lengthwise.cli import options
from lengthwise.errors import InputError
from lengthwise.experiments.comparison import compare
from lengthwise.experiments.run import load_model
from lengthwise.experiments.settings import read_comparison
from lengthwise.files import write
from lengthwise.probes.holder import Exchange, Looks, looks
from lengthwise.recipes import find
from lengthwise.tasks import Task

TASKS = ("flip-flop", "argmax-retrieval", "mqar")
SEQUENCES = ("softmax+rope", "softmax+alibi", "softmax", "threshold-relative")
SETS = ("softmax", "log-n", "softmax+layer-norm")
EXCHANGES: tuple[Exchange, ...] = ("largest", "smallest")
QUANTITIES = ("mass", "entropy", "variance")


def measured(folder: Path, task: Task, lengths: tuple[int, ...], examples: int) -> np.ndarray:
    """Return (lengths, 6): right answers, the three quantities, and right answers after each exchange."""
    rows: list[list[float]] = []
    model, head = load_model(folder), (0, 0)
    for length in lengths:
        found = looks(model, task, length, examples=examples)
        if not rows:
            mass = found.mass.mean(0)
            head = divmod(int(mass.argmax()), mass.shape[1])
        rows.append([share(found), *(float(getattr(found, name)[:, *head].mean()) for name in QUANTITIES)])
        for exchange in EXCHANGES:
            try:
                changed = looks(model, task, length, examples=examples, exchange=exchange, layers=[head[0]])
                rows[-1].append(share(changed))
            except InputError:
                rows[-1].append(np.nan)
    return np.array(rows)


def share(found: Looks) -> float:
    return float(found.right.double().mean())


def correlations(points: np.ndarray) -> list[str]:
    """Correlate each quantity with the share of right answers over (seeds, lengths, 6); – where nothing varies."""
    right = points[..., 0].flatten()
    columns = [points[..., 1 + place].flatten() for place in range(len(QUANTITIES))]
    varies = right.std() > 1e-3
    return [f"{np.corrcoef(right, column)[0, 1]:+.2f}" if varies and column.std() > 0 else "–" for column in columns]


def main(
    task: Annotated[list[str] | None, typer.Option(help="A recipe; repeat for each.")] = None,
    mechanism: Annotated[list[str] | None, typer.Option(help="Repeat for each.")] = None,
    seeds: int = 3,
    examples: int = 512,
    jobs: options.Jobs = None,
    out: Path = Path("runs/holder"),
) -> None:
    """Weight on the input that shows the answer, by length."""
    heads = ["right", "holder's weight", "entropy / log n", "variance", "right, largest", "right, smallest"]
    lines = [f"| task | mechanism | length | {' | '.join(heads)} |", f"|---|---|---|{'---|' * len(heads)}"]
    below = [f"| task | mechanism | {' | '.join(QUANTITIES)} |", f"|---|---|{'---|' * len(QUANTITIES)}"]
    for name in task or TASKS:
        recipe = find(name)
        mechanisms = mechanism or (SETS if name == "argmax-retrieval" else SEQUENCES)
        sweep = {"learning_rates": recipe.learning_rates, "bracket": recipe.bracket, "seeds": seeds}
        config = read_comparison(recipe.settings | sweep | {"mechanisms": list(mechanisms)})
        experiment = compare(config, out / name, processes=options.processes(jobs, config.base.train), resume=True)
        lengths = tuple(length for length in recipe.evaluate.lengths if length <= 4096)
        for arm in config.mechanisms:
            runs = experiment.finalists(arm)
            drawn = runs[0].config.build_task()
            points = np.stack([measured(run.folder, drawn, lengths, examples) for run in runs])
            for place, length in enumerate(lengths):
                cells = [f"{mean:.3f}" for mean in points[:, place].mean(0)]
                lines.append(f"| {name} | {arm} | {length:,} | {' | '.join(cells)} |")
            below.append(f"| {name} | {arm} | {' | '.join(correlations(points))} |")
            print(below[-1], flush=True)
    write(out / "holder.md", "\n".join([*lines, "", *below]) + "\n")


if __name__ == "__main__":
    typer.run(main)
