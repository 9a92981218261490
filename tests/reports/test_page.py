"""The page as text: what stands in it, and that nothing of it comes from elsewhere or is taken for markup."""

import csv
import html
import json
import re
import struct
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from types import SimpleNamespace
from typing import Any

import pytest

from lengthwise.analysis import summarise
from lengthwise.analysis.settings import configuration
from lengthwise.evaluation.point import Measured
from lengthwise.experiments.config import ComparisonConfig, RunConfig
from lengthwise.experiments.record import Experiment, Run
from lengthwise.experiments.settings import read_comparison
from lengthwise.reports import write_report
from lengthwise.reports.text import percent

Make = Callable[..., Experiment]


def _write(experiment: Experiment) -> Path:
    return write_report(summarise(experiment), experiment.folder)


FIGURES = {"exact_match", "token_accuracy", "paired", "training_loss"}
ATTACK = '<script>alert("1")</script>'


def _text(path: Path) -> str:
    """The page without its markup, style, script and pictures."""
    page = re.sub(r"<(style|script|svg)\b.*?</\1>", " ", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page)).split())


def _numbers(path: Path) -> Any:
    with path.open(encoding="utf-8") as stream:
        return list(csv.DictReader(stream))


def test_lies_in_the_folder_and_is_small(experiment: Experiment, report: Path) -> None:
    assert report == experiment.folder / "report.html"
    assert report.stat().st_size < 3_000_000


def test_loads_nothing(report: Path) -> None:
    page = report.read_text(encoding="utf-8")
    assert not re.search(r"""(?:src|href(?!="#)|action)\s*=|url\(|@import|fetch\(|\bimport\b""", page)
    assert "default-src 'none'" in page


def test_contents_lead_to_every_heading(report: Path) -> None:
    page = report.read_text(encoding="utf-8")
    links = dict(re.findall(r'<li><a href="#([^"]+)">(.*?)</a></li>', page))
    assert links["exact-match"] == "Exact match"
    assert links == dict(re.findall(r'<h2 id="([^"]+)">(.*?)</h2>', page))
    assert len(links) == page.count("<h2") == 9


@pytest.mark.parametrize("metric", ["exact_match", "token_accuracy"])
def test_tables_hold_every_number(experiment: Experiment, report: Path, metric: str) -> None:
    text = _text(report)
    for name in experiment.config.mechanisms:
        points = [run.points for run in experiment.finalists(name) if run.points]
        for seeds in zip(*points, strict=True):
            shares, one = [point.values[metric].value for point in seeds], seeds[0].values[metric]
            ends = (min(shares), max(shares)) if len(shares) > 1 else (one.low, one.high)
            shown = [percent(share) for share in (sum(shares) / len(shares), *ends)]
            assert "{} [{}–{}]".format(*shown) in text
    assert "4,096 32× n = 64" in text


def test_tables_hold_the_size_of_every_test_set(sized: Experiment) -> None:
    text = _text(_write(sized))
    assert text.count("128 1× 512 4× 8,192 64× n = 32 Validation n = 1,600 n = 512 softmax+rope") == 2
    assert text.count("Dense n = 40 n = 40 softmax+rope") == text.count("Sparse n = 16,000 n = 512 softmax+rope") == 2


def test_shows_the_sweep_the_failure_and_how_to_repeat_it(experiment: Experiment, report: Path) -> None:
    text = _text(report)
    for run in experiment.runs:
        if run.trained and run.config.seed == 0:
            validation = run.trained.validation.values
            shown = f"{percent(validation['exact_match'].value)} % {validation['loss'].value:.3g} nats"
            assert shown in text
    assert "The loss became NaN at step 40; lower the learning rate." in text
    assert "100,032" in text
    assert experiment.command in text
    assert "4f2a91c" in text


def test_figures_are_png_at_twice_the_size(experiment: Experiment, report: Path) -> None:
    for name in FIGURES:
        png = (experiment.folder / "figures" / f"{name}.png").read_bytes()
        width, _ = struct.unpack(">II", png[16:24])
        assert png.startswith(b"\x89PNG\r\n\x1a\n")
        assert png.endswith(b"IEND\xaeB`\x82")
        assert width > 1700


def test_figures_come_in_every_form_that_a_paper_needs(experiment: Experiment, report: Path) -> None:
    folder = experiment.folder / "figures"
    endings = ("svg", "pdf", "png", "vl.json", "csv")
    assert {path.name for path in folder.iterdir()} == {f"{name}.{ending}" for name in FIGURES for ending in endings}
    for name in FIGURES:
        svg = (folder / f"{name}.svg").read_text(encoding="utf-8")
        assert svg.startswith("<svg")
        assert svg.count("role-legend-label") == (len(experiment.config.mechanisms) if name != "paired" else 0)
        assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")
        specification = json.loads((folder / f"{name}.vl.json").read_text(encoding="utf-8"))
        assert "vega-lite" in specification["$schema"]
        rows = _numbers(folder / f"{name}.csv")
        assert len(rows) == len(specification["datasets"]["rows"]) > 0
        assert "role-legend" not in report.read_text(encoding="utf-8")  # where the page has its own
        for mechanism in {row["mechanism"] for row in rows}:
            shown = rf"<(text|tspan)[^>]*>(against )?{re.escape(mechanism)}<"  # in its legend or over its panel
            assert re.search(shown, svg)


def test_tables_of_figures_are_the_numbers(experiment: Experiment, report: Path) -> None:
    rows = _numbers(experiment.folder / "figures" / "exact_match.csv")
    for name in experiment.config.mechanisms:
        for point in experiment.finalists(name)[0].points:
            wanted = {"mechanism": name, "split": point.split, "length": str(point.length)}
            [row] = [row for row in rows if wanted.items() <= row.items()]
            of = [
                p
                for run in experiment.finalists(name)
                for p in run.points
                if (p.split, p.length) == (point.split, point.length)
            ]
            assert float(row["mean"]) == pytest.approx(fmean(p.values["exact_match"].value for p in of))
            low, high = (fmean(getattr(p.values["exact_match"], end) for p in of) for end in ("low", "high"))
            assert float(row["interval_low"]) == pytest.approx(low)
            assert float(row["interval_high"]) == pytest.approx(high)


def test_several_seeds_do_not_hide_how_few_sequences_there_are(experiment: Experiment, report: Path) -> None:
    assert (
        "Bands: lowest to highest seed. Vertical bars: 95 % Wilson interval over sequences; with several seeds, the "
        "mean of each end over seeds." in _text(report)
    )
    assert "lowest–highest of 2 seeds] [94.3–100.0; 95 % interval over sequences]" in report.read_text(encoding="utf-8")


def test_escapes_what_it_shows(alone: Experiment) -> None:
    settings: Any = SimpleNamespace(
        model=SimpleNamespace(mechanism=ATTACK),
        train=alone.runs[0].config.train,
        seed=alone.config.base.seed,
        data_seed=None,
    )
    run = replace(
        alone.runs[0],
        config=settings,
        environment={ATTACK: ATTACK},
    )
    config = ComparisonConfig.model_construct(**dict(alone.config) | {"mechanisms": (ATTACK,)})
    failed = replace(run, failure=ATTACK, trained=None, points=())
    chosen = {ATTACK: alone.runs[0].learning_rate}
    page = _write(replace(alone, command=ATTACK, config=config, runs=(run, failed), chosen=chosen)).read_text(
        encoding="utf-8"
    )
    assert page.count("<script>") == 1  # its own
    assert page.count("&lt;script&gt;") > 10


def test_claims_that_are_not_decided_fold_away(sets: Experiment, sets_report: Path) -> None:
    page = sets_report.read_text(encoding="utf-8")
    (folded,) = re.finditer(r"<details>\s*<summary>(\d+) undecided claims?</summary>(.*?)</details>", page, re.S)
    rulings = [claim.ruling for claim in summarise(sets).claims]
    assert int(folded[1]) == folded[2].count('<td class="undecided">undecided</td>') == rulings.count("undecided") > 0
    assert '<td class="undecided">undecided</td>' not in page.replace(folded[0], "")
    assert page.replace(folded[0], "").count('<td class="chosen">') >= len(rulings) - int(folded[1]) > 0


def test_a_page_of_sets_speaks_of_sets(sets: Experiment, sets_report: Path) -> None:
    said = _text(sets_report).rsplit("How to repeat the experiment", 1)[0]
    assert "Training: 5 to 16 items per set" in said
    assert "Accuracy The share of sets answered correctly." in said
    assert "Mean cross-entropy of the answers" in said
    assert "items per second" in said
    assert not re.search("(?i)tokens?|sequences?|exact match", said)
    assert not re.search(
        r">[^<]*\b(tokens?|sequences?)\b",
        "".join(re.findall(r"<svg\b.*?</svg>", sets_report.read_text(encoding="utf-8"), re.S)),
    )
    figures = {path.stem for path in (sets.folder / "figures").glob("*.pdf")}
    assert figures == {"exact_match", "paired", "causes", "attention", "training_loss"}


def test_tables_of_sets_hold_the_numbers(sets: Experiment, sets_report: Path) -> None:
    text = _text(sets_report)
    points = [run.points[3] for run in sets.finalists("softmax")]
    shares = [sum(p.values[cause].numerator for p in points) / 10_000 for cause in ("dispersion", "ordering")]
    for name, share in zip(("wrong by dispersion", "wrong by ordering"), shares, strict=True):
        assert re.search(rf"{name}( [0-9.]+){{3}} {percent(share)} ", text)
    weights = [p.layers[0].dispersion.entropy for p in points]
    assert f"{sum(weights) / 10:.3g} [{min(weights):.3g}, {max(weights):.3g}]" in text
    assert "The drift of the global mean is measured from 16 items, the training length." in text


def test_folders_without_measurements_have_no_section_for_them(experiment: Experiment, report: Path) -> None:
    text = _text(report)
    assert "threshold-relative against the others" in text
    assert "Two causes of error" not in text
    assert "Attention at every length" not in text


def test_escapes_names_in_every_section(make_sets: Make) -> None:
    experiment = make_sets(mechanisms=("softmax", "entmax"), seeds=2)
    names = {"softmax": ATTACK, "entmax": ATTACK * 2}

    def renamed(run: Run) -> Run:
        model = SimpleNamespace(mechanism=names[run.mechanism])
        settings: Any = SimpleNamespace(model=model, train=run.config.train, seed=run.config.seed, data_seed=None)
        return replace(run, config=settings)

    config = ComparisonConfig.model_construct(**dict(experiment.config) | {"mechanisms": tuple(names.values())})
    chosen = {names[name]: rate for name, rate in experiment.chosen.items()}
    runs = tuple(map(renamed, experiment.runs))
    page = _write(replace(experiment, config=config, runs=runs, chosen=chosen)).read_text(encoding="utf-8")
    assert "Two causes of error" in page
    assert page.count("<script>") == 1  # its own


def test_one_run_is_a_page(alone: Experiment) -> None:
    text = _text(_write(alone))
    assert "softmax+rope on flip-flop" in text
    assert "Vertical bars: 95 % Wilson interval over sequences." in text


def test_many_mechanisms_are_shades_with_the_best_first(many: Experiment) -> None:
    page = _write(many).read_text(encoding="utf-8")
    name = "softmax+p-rope"  # of those that are alike the last
    heat, *_ = re.findall(r"<figure.*?</figure>", page, flags=re.DOTALL)
    assert "<polyline" not in heat
    labels = [label for label in re.findall(r"<text[^>]*>([^<]*)</text>", heat) if label in many.config.mechanisms]
    first = {"threshold-relative", "softmax+rope"}  # the latter is made up to be the worst
    assert labels[0] == "threshold-relative"
    assert labels[-1] == "softmax+rope"
    assert set(labels[1:-1]) == set(many.config.mechanisms) - first
    for split in many.config.base.evaluate.splits:
        for point in next(run.points for run in many.runs if run.mechanism == name):
            assert f"{name}, {split}" in heat
            assert percent(point.values["exact_match"].value).removesuffix(".0") in heat
    assert not (many.folder / "figures" / "paired.png").exists()
    assert page.index("threshold-relative</th>") < page.index("softmax+nape</th>") < page.index("softmax+rope</th>")


def test_the_shades_have_counterparts_in_the_dark(many: Experiment) -> None:
    page = _write(many).read_text(encoding="utf-8")
    used = set(re.findall(r'<path aria-label[^>]* fill="(#\w+)"', page))
    assert len(used) > 4
    for colour in used:
        assert f'svg [fill="{colour}"]' in page


def test_a_comparison_under_way_is_a_page(make_sets: Make) -> None:
    """No seed has its last points, so that there are lengths without a difference."""
    experiment = make_sets(seeds=2)
    runs = tuple(replace(run, points=run.points[:5]) for run in experiment.runs)
    assert "softmax against the others" in _text(_write(replace(experiment, runs=runs)))


def test_no_results_are_said(unfinished: Experiment) -> None:
    page = _write(unfinished)
    assert "Nothing is evaluated yet" in _text(page)
    assert not (unfinished.folder / "figures").exists()


def test_only_failures_are_a_page(alone: Experiment, fail: Callable[[Experiment, int, str], Experiment]) -> None:
    everything = replace(fail(alone, 0, "The disk is full."), chosen={})
    text = _text(_write(everything))
    assert "softmax+rope has no result: its only run failed." in text
    assert "The disk is full." in text


def test_survives_losses_that_are_no_numbers(alone: Experiment) -> None:
    metrics: list[dict[str, Any]] = [
        {"step": 10, "loss": float("nan")},
        {"step": 20, "loss": 0.0},
        {"step": 30, "loss": None},
    ]
    nan = Measured(*[float("nan")] * 5)
    points = tuple(replace(point, values=point.values | {"loss": nan}) for point in alone.runs[0].points)
    _write(replace(alone, runs=(replace(alone.runs[0], metrics=tuple(metrics), points=points),)))


def test_configuration_is_toml(experiment: Experiment) -> None:
    assert read_comparison(tomllib.loads(configuration(experiment))) == experiment.config
    assert configuration(experiment) in html.unescape(_write(experiment).read_text(encoding="utf-8"))


def test_configuration_of_one_run_is_that_of_the_run(alone: Experiment) -> None:
    assert RunConfig.read(tomllib.loads(configuration(alone))) == alone.runs[0].config
