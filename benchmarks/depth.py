"""Which depth the alternating blocks need: exact match on L_k by the number of layers (arXiv 2506.16055).

    python benchmarks/depth.py [--depth 1 …] [--seeds 3] [--out runs/depth]

Theory says that a decoder of d layers without positions finds block d + 2, and not block d + 3. For each depth, k is
d + 1, d + 2 and d + 3. The same command carries on after a stop. At the end, ``OUT/depth.md`` has a table: mean over
the seeds, and the least and the greatest seed in brackets.
"""

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from lengthwise.analysis.arms import arms
from lengthwise.cli import options
from lengthwise.experiments.comparison import compare
from lengthwise.experiments.record import Experiment
from lengthwise.experiments.settings import read_comparison
from lengthwise.files import write

LENGTHS = (64, 96, 128)


def settings(depth: int, blocks: int, seeds: int) -> dict[str, Any]:
    """The authors' experiment at the scale of a laptop: shorter sequences, the rest of a recipe for a laptop."""
    return {
        "task": f"alternation[blocks={blocks}]",
        "mechanisms": ["softmax+nope"],
        "learning_rates": [1e-3, 3e-3],
        "bracket": 1,
        "seeds": seeds,
        "model": {"layers": depth, "dim": 64, "heads": 4},
        "train": {"shortest": 48, "length": LENGTHS[0], "steps": 2_000, "batch_size": 32, "warmup": 0.1},
        "evaluate": {"lengths": LENGTHS, "sequences": 512, "tokens": 131_072},
    }


def row(experiment: Experiment, depth: int, blocks: int) -> str:
    """The line of the table for one depth and language."""
    cells, (models,) = [], arms(experiment).values()
    for length in LENGTHS:
        found = [100 * p.values["exact_match"].value for model in models for p in model.points if p.length == length]
        cells.append(f"{np.mean(found):.1f} ({min(found):.1f}–{max(found):.1f})")
    holds = "yes" if blocks <= depth + 2 else "no"
    return f"| {depth} | L_{blocks} | {holds} | {' | '.join(cells)} |"


def main(
    depth: Annotated[list[int] | None, typer.Option(help="Layers; repeat for each. Default: 1, 2 and 3.")] = None,
    seeds: int = 3,
    jobs: options.Jobs = None,
    out: Path = Path("runs/depth"),
) -> None:
    """Which depth the alternating blocks need."""
    heads = [f"{length} symbols" for length in LENGTHS]
    lines = [f"| layers | language | theory | {' | '.join(heads)} |", f"|---|---|---|{'---|' * len(heads)}"]
    for layers in depth or (1, 2, 3):
        for blocks in (layers + 1, layers + 2, layers + 3):
            config = read_comparison(settings(layers, blocks, seeds))
            folder = out / f"{layers}-layers-{blocks}-blocks"
            experiment = compare(config, folder, processes=options.processes(jobs, config.base.train), resume=True)
            lines.append(row(experiment, layers, blocks))
            print(lines[-1], flush=True)
    write(out / "depth.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    typer.run(main)
