"""The subspaces in which a trained reader compares two latent variables (arXiv 2602.04752).

    python benchmarks/covariances.py [--seeds 3] [--out runs/covariances]

Trains the toy model on latent variables of 3 and 5, 3 and 3, and 5 and 7 bits, and estimates the contrastive covariance
of each variable from 40,960 queries. ``OUT/covariances.md`` has a line for each seed: accuracy; the ranks, which are
the numbers of bits if the model compares the variables apart; and how often the heavier of two items becomes the
lighter one when the two exchange their coefficients in the subspace of one variable, or in as many random dimensions
of the keys. The two items share the query's other variable, so that the exchanged variable alone decides.
"""

from pathlib import Path

import torch
import typer
from torch import Tensor

from lengthwise.cli import options
from lengthwise.experiments.comparison import compare
from lengthwise.experiments.run import load_model
from lengthwise.experiments.settings import read_comparison
from lengthwise.files import write
from lengthwise.models import SetReader
from lengthwise.probes.covariances import Subspace, contrastive_covariance, subspace
from lengthwise.recipes import find
from lengthwise.tasks.sets.latent_retrieval import LatentRetrieval
from lengthwise.training.seeds import generator

SIZES = ((3, 5), (3, 3), (5, 7))
PAIRS = 80 * 512


def vectors(model: SetReader, query: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
    """Return the query and key vectors of the model's one head, each (pairs, head_dim)."""
    asked, key, _ = model.attention.projected(model.psi_q(query)[:, None], model.psi_x(items)[:, None])
    return asked[:, 0, 0], key[:, 0, 0]


@torch.no_grad()
def found(model: SetReader, task: LatentRetrieval, factor: int) -> Subspace:
    """Return the subspace of a latent variable."""
    drawn = task.contrast(generator("covariances", factor), PAIRS, factor)
    (query, alike), (_, other) = (vectors(model, drawn.query, items) for items in (drawn.alike, drawn.other))
    return subspace(contrastive_covariance(query, alike, other))


@torch.no_grad()
def turned(model: SetReader, task: LatentRetrieval, factor: int, of: Subspace) -> float:
    """Return how often the item that shares the query's variable loses its lead when the two items exchange it."""
    drawn = task.contrast(generator("exchange", factor), 4096, factor)
    (query, alike), (_, other) = (vectors(model, drawn.query, items) for items in (drawn.alike, drawn.other))
    first, second = of.exchanged(alike, other)
    lead = ((query * (alike - other)).sum(-1) > 1e-3).double()
    return float((lead * ((query * (first - second)).sum(-1) < 0)).sum() / lead.sum())


def random_subspace(of: Subspace) -> Subspace:
    """Return as many random dimensions of the keys."""
    torch.manual_seed(0)
    return Subspace(of.strengths, of.query, torch.linalg.qr(torch.randn_like(of.key))[0])


def main(
    seeds: int = 3,
    jobs: options.Jobs = None,
    out: Path = Path("runs/covariances"),
) -> None:
    """The subspaces in which a reader compares two latent variables."""
    recipe = find("latent-retrieval")
    lines = ["| bits | seed | accuracy | ranks | exchanged | in random dimensions |", "|---|---|---|---|---|---|"]
    for first, second in SIZES:
        changed = {
            "task": f"latent-retrieval[first={first},second={second}]",
            "mechanisms": ["softmax"],
            "learning_rates": recipe.learning_rates,
            "bracket": recipe.bracket,
            "seeds": seeds,
        }
        config = read_comparison(recipe.settings | changed)
        folder = out / f"{first}-{second}"
        experiment = compare(config, folder, processes=options.processes(jobs, config.base.train), resume=True)
        for run in experiment.finalists("softmax"):
            model, task = load_model(run.folder), run.config.build_task()
            assert isinstance(model, SetReader)
            assert isinstance(task, LatentRetrieval)
            subspaces = [found(model, task, factor) for factor in (0, 1)]
            exchanged = [turned(model, task, factor, of) for factor, of in enumerate(subspaces)]
            random = [turned(model, task, factor, random_subspace(of)) for factor, of in enumerate(subspaces)]
            right = run.points[0].value(task.main)
            ranks = ", ".join(str(of.rank) for of in subspaces)
            cells = (", ".join(f"{100 * share:.1f}" for share in of) for of in (exchanged, random))
            lines.append(
                f"| {first}, {second} | {run.config.seed} | {100 * right:.1f} | {ranks} | {' | '.join(cells)} |"
            )
            print(lines[-1], flush=True)
    write(out / "covariances.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    typer.run(main)
