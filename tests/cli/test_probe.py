"""``lengthwise probe``, on models of three layers: what it prints, what it writes, how it stops, what it refuses."""

import dataclasses
import errno
import io
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest
from rich.console import Console

from lengthwise.errors import RunError
from lengthwise.probes import run
from lengthwise.probes.config import ProbeConfig
from lengthwise.probes.language_model import LanguageModelProbe
from lengthwise.reports.probe import Summary, table, write
from lengthwise.reports.text import signed

Call = Callable[..., Any]


@pytest.fixture
def file(tmp_path: Path, words: Callable[[int], str]) -> Path:
    path = tmp_path / "words.txt"
    path.write_text(words(400), encoding="utf-8")
    return path


def _command(model: Path, *options: object, out: Path) -> list[object]:
    return ["probe", model, "--lengths", "8:32", "--windows", 5, "--out", out, *options]


def test_a_causal_model(lengthwise: Call, saved: Call, file: Path, tmp_path: Path) -> None:
    answer = lengthwise(*_command(saved("llama"), "--text", file, out=tmp_path / "out"))
    assert answer.code == 0, answer.error
    written = json.loads((tmp_path / "out" / "probe.json").read_text(encoding="utf-8"))
    assert written["config"]["lengths"] == [8, 16, 32]
    assert written["environment"]["transformers"]
    assert written["model"]["name"] == "tiny-llama"
    assert written["tokens"]["text"] == "words.txt"
    assert [layer["name"] for layer in written["layers"]] == [f"model.layers.{i}.self_attn" for i in range(3)]
    for number, layer in enumerate(written["layers"]):
        assert layer["measured"] == "the input of o_proj"
        assert layer["slope"]["low"] <= layer["slope"]["value"] <= layer["slope"]["high"]
        row = next(line.split() for line in answer.out.splitlines() if line.split()[:1] == [str(number)])
        assert signed(layer["slope"]["value"]) == row[1]
        first, last = layer["lengths"]["8"], layer["lengths"]["32"]
        shown = [first["deviation"], last["deviation"]]
        assert [f"{value:.2g}" for value in shown] == row[4:6]
        shown = [end[of] for of in ("entropy", "first", "largest") for end in (first, last)]
        assert [f"{value:.2f}" for value in shown] == row[7:13]
    assert "Layer 0 is model.layers.0.self_attn; measured: the input of o_proj." in " ".join(answer.out.split())
    assert [bucket["last"] for bucket in written["perplexity"]] == [31]
    assert f"{written['perplexity'][0]['perplexity']:.2f}" in answer.out
    ends = [fmean(layer["lengths"][length]["resolution"] for layer in written["layers"]) for length in ("8", "32")]
    assert f"attention resolution from {ends[0]:.2g} to {ends[1]:.2g}." in " ".join(answer.out.split())
    assert "From 8 to 32 tokens, over 5 windows, the deviation of the attention output" in " ".join(answer.out.split())
    assert f"Report: {tmp_path / 'out' / 'report.html'}" in answer.out


def test_the_page(lengthwise: Call, saved: Call, file: Path, tmp_path: Path) -> None:
    lengthwise(*_command(saved("llama"), "--text", file, out=tmp_path / "out"))
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    written = json.loads((tmp_path / "out" / "probe.json").read_text(encoding="utf-8"))
    loading = r"""(?:src|href(?!="#)|action)\s*=|url\(|@import|fetch\(|\bimport\b"""
    assert not re.search(loading, page)
    assert "default-src 'none'" in page
    names = ["deviation", "global", "perplexity", "slope", "weights"]
    assert page.count("<figure") == page.count('class="marks"') == len(names)
    endings = ("svg", "pdf", "png", "vl.json", "csv")
    drawn = {path.name for path in (tmp_path / "out" / "figures").iterdir()}
    assert drawn == {f"{name}.{ending}" for name in names for ending in endings}
    assert 'aria-label="layer 2, model.layers.2.self_attn · 32 tokens · entropy / log n' in page
    for layer in written["layers"]:
        for point in layer["lengths"].values():
            assert f"{point['deviation']:.3g}<small>{point['fixed_deviation']:.3g}</small>" in page
            assert f"{point['entropy']:.3f}<small>{point['first']:.3f}</small>" in page
            assert f"<td>{point['resolution']:.3g}</td>" in page
    assert written["environment"]["command"] in page
    assert written["tokens"]["sha256"] in page


def test_a_masked_model(lengthwise: Call, saved: Call, file: Path, tmp_path: Path) -> None:
    answer = lengthwise(*_command(saved("bert"), "--text", file, out=tmp_path / "out"))
    assert answer.code == 0, answer.error
    assert "Perplexity by position is unavailable: the model does not predict the next token" in answer.out
    written = json.loads((tmp_path / "out" / "probe.json").read_text(encoding="utf-8"))
    assert written["model"]["causal"] is False
    assert written["perplexity"] == []
    assert "a pass for every length" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert not (tmp_path / "out" / "figures" / "perplexity.png").exists()


def test_random_tokens_and_one_length(lengthwise: Call, saved: Call, tmp_path: Path) -> None:
    command = ["probe", saved("gpt2"), "--tokens", "random", "--lengths", 16, "--windows", 3, "--out", tmp_path / "out"]
    answer = lengthwise(*command)
    assert answer.code == 0, answer.error
    written = json.loads((tmp_path / "out" / "probe.json").read_text(encoding="utf-8"))
    assert written["tokens"] == {"kind": "random tokens", "seed": 0}
    assert written["layers"][0]["slope"] == {"value": None, "low": None, "high": None}  # one point is no line
    assert not (tmp_path / "out" / "figures" / "slope.png").exists()


def test_the_default_text_and_beyond(lengthwise: Call, saved: Call, tmp_path: Path) -> None:
    command = ["probe", saved("llama"), "--lengths", "64,100", "--windows", 2, "--out", tmp_path / "out"]
    refused = lengthwise(*command)
    assert refused.code == 2
    assert "a length of 100 exceeds them; give a shorter length, or use lengthwise probe --beyond" in refused.error
    answer = lengthwise(*command, "--beyond")
    assert answer.code == 0, answer.error
    assert "The model was made for 64 positions." in " ".join(answer.out.split())
    written = json.loads((tmp_path / "out" / "probe.json").read_text(encoding="utf-8"))
    assert written["tokens"]["text"].startswith("the documentation that comes with Python")
    assert "Dashed rule: the number of positions that the model was made" in (
        tmp_path / "out" / "report.html"
    ).read_text(encoding="utf-8")


def test_fewer_windows_than_asked_for_are_said(lengthwise: Call, saved: Call, file: Path, tmp_path: Path) -> None:
    answer = lengthwise(*_command(saved("llama"), "--text", file, "--windows", 40, out=tmp_path / "out"))
    assert answer.code == 0, answer.error
    assert "The text fills 12 windows of 32 tokens, not 40." in answer.out


@pytest.mark.parametrize(("whole", "sentence"), [(1, "There is nothing to show"), (3, "Stopped after 3 of 5 windows.")])
def test_what_was_measured_is_kept(
    lengthwise: Call,
    saved: Call,
    file: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: int,
    sentence: str,
) -> None:
    class Stops(LanguageModelProbe):
        def read(self, windows: Any, index: int, lengths: Any) -> Any:
            if index == whole:
                raise KeyboardInterrupt
            return super().read(windows, index, lengths)

    monkeypatch.setattr(run, "LanguageModelProbe", Stops)
    answer = lengthwise(*_command(saved("llama"), "--text", file, out=tmp_path / "out"))
    assert answer.code == 130
    assert sentence in answer.out + answer.error
    if whole < 2:
        assert not (tmp_path / "out").exists()
        return
    written = json.loads((tmp_path / "out" / "probe.json").read_text(encoding="utf-8"))
    assert (written["windows"], written["windows_asked_for"]) == (whole, 5)
    assert sentence in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_another_probe_is_not_written_over(lengthwise: Call, saved: Call, file: Path, tmp_path: Path) -> None:
    command = _command(saved("gpt2"), "--text", file, out=tmp_path / "out")
    assert lengthwise(*command).code == 0
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    answer = lengthwise(*command, "--seed", 1)
    assert answer.code == 2
    assert "holds another probe, whose seed is 0 and not 1; choose another folder with --out" in answer.error
    assert before == {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert lengthwise(*command).code == 0  # the same probe may be taken again

    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "thesis.tex").write_text("precious", encoding="utf-8")
    answer = lengthwise(*_command(saved("gpt2"), "--text", file, out=tmp_path / "thesis"))
    assert "is not empty and holds no probe.json" in answer.error
    assert [path.name for path in (tmp_path / "thesis").iterdir()] == ["thesis.tex"]
    assert "is a file and no folder; choose another one" in lengthwise(*_command(saved("gpt2"), out=file)).error


def test_what_cannot_be_written_to_is_refused_before_the_model_is_read(
    lengthwise: Call, saved: Call, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(config: Any) -> Any:
        raise AssertionError("The model was loaded.")

    monkeypatch.setattr(run, "begin", fail)
    for out in (file / "out", file.parent / ("long" * 100)):
        answer = lengthwise(*_command(saved("gpt2"), "--text", file, out=out))
        assert answer.code == 2
        assert "choose another one with --out" in answer.error

    def read_only(**_: Any) -> Any:
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(tempfile, "TemporaryFile", read_only)
    answer = lengthwise(*_command(saved("gpt2"), "--text", file, out=file.parent / "out"))
    assert answer.code == 2
    assert "Read-only file system; choose another folder with --out." in answer.error


def test_what_cannot_be_written_in_the_end_is_written_elsewhere(
    lengthwise: Call, saved: Call, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    command = _command(saved("gpt2"), "--text", file, out=tmp_path / "out")
    assert lengthwise(*command).code == 0
    for path in (tmp_path / "out" / "figures").iterdir():
        path.unlink()
    (tmp_path / "out" / "figures").rmdir()
    (tmp_path / "out" / "figures").write_text("no folder", encoding="utf-8")
    answer = lengthwise(*command)
    assert answer.code == 1
    assert "cannot be written to" in answer.error
    assert "Traceback" not in answer.error
    assert "Attention by layer" in answer.out
    (page,) = tmp_path.glob("lengthwise-probe-*/report.html")
    assert f"Report: {page}" in answer.out


def test_an_error_keeps_what_was_measured(
    lengthwise: Call, saved: Call, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Fails(LanguageModelProbe):
        def read(self, windows: Any, index: int, lengths: Any) -> Any:
            if index == 3:
                raise RunError("The numbers are not finite.")
            return super().read(windows, index, lengths)

    monkeypatch.setattr(run, "LanguageModelProbe", Fails)
    answer = lengthwise(*_command(saved("llama"), "--text", file, out=tmp_path / "out"))
    assert answer.code == 1
    assert "The numbers are not finite." in answer.error
    written = json.loads((tmp_path / "out" / "probe.json").read_text(encoding="utf-8"))
    assert written["windows"] == 3
    assert "Failed after 3 of 5 windows: The numbers are not finite." in written["notes"]


def test_a_perplexity_larger_than_numbers_can_be(saved: Call, file: Path, tmp_path: Path) -> None:
    config = ProbeConfig.read({"model": str(saved("llama")), "text": str(file), "lengths": [8, 32], "windows": 5})
    model, windows, findings = run.begin(config)
    run.measure(model, windows, findings)
    findings.windows = [
        dataclasses.replace(window, losses=window.losses * 0 + 800 + place)
        for place, window in enumerate(findings.windows)
        if window.losses is not None
    ]
    summary = Summary.of(findings)
    stream = io.StringIO()
    Console(file=stream, width=100).print(table(summary))
    assert "over 1e308" in stream.getvalue()
    write(summary, config.model_dump(mode="json"), {"command": ""}, tmp_path / "out")
    (bucket,) = json.loads((tmp_path / "out" / "probe.json").read_text(encoding="utf-8"))["perplexity"]
    assert bucket["loss"]["value"] == 802
    assert bucket["perplexity"] is None
    assert "over 1e308" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["probe"], "Missing argument"),
        (["probe", "nobody/has-this"], "no model on this machine; lengthwise probe --download fetches it from the hub"),
        (["probe", "missing.gguf"], "There is no file missing.gguf"),
        (["probe", "tiny", "--lengths", "long"], "128,256 or 128:4096"),
        (["probe", "tiny", "--lengths", "64,32"], "lengths must ascend"),
        (["probe", "tiny", "--windows", "1"], "windows cannot be 1"),
        (["probe", "tiny", "--tokens", "words"], "tokens cannot be 'words'"),
        (["probe", "tiny", "--dtype", "float16"], "dtype cannot be 'float16'"),
        (["probe", "tiny", "--tokens", "random", "--text", "a.txt"], "leave out one of the two"),
    ],
)
def test_one_sentence(
    lengthwise: Call, arguments: list[str], fragment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    answer = lengthwise(*arguments)
    assert answer.code == 2
    assert fragment in answer.error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("module", "extra"), [("transformers", "huggingface"), ("altair", "experiments")])
def test_an_extra_that_is_missing_is_named(
    lengthwise: Call, monkeypatch: pytest.MonkeyPatch, module: str, extra: str
) -> None:
    for name in [name for name in sys.modules if name.startswith("lengthwise.reports.probe")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    answer = lengthwise("probe", "tiny")
    assert answer.code == 2
    assert f"install it with pip install 'lengthwise[{extra}]'." in answer.error


def test_only_language_models_need_transformers() -> None:
    """As where the extra is not installed."""
    code = (
        "import sys; sys.modules['transformers'] = None; import torch, lengthwise.cli; "
        "from lengthwise import Attention, outputs; from lengthwise.probes import variance; "
        "layer = Attention(8, heads=2); outputs.insert(layer); "
        "print(len(variance(layer, [torch.randn(3, 8, 8)], lengths=[4, 8])))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8")
    assert (done.stdout, done.stderr) == ("1\n", "")


def test_the_table_loses_no_number_where_it_is_narrow(saved: Call, file: Path) -> None:
    config = ProbeConfig.read({"model": str(saved("llama")), "text": str(file), "lengths": [8, 32], "windows": 3})
    model, windows, findings = run.begin(config)
    run.measure(model, windows, findings)
    shown = {}
    for width in (200, 60):
        stream = io.StringIO()
        Console(file=stream, width=width).print(table(Summary.of(findings)))
        shown[width] = stream.getvalue()
        assert max(map(len, shown[width].splitlines())) <= width
    numbers = [sorted(re.findall(r"[\d.,]*\d", shown[width])) for width in shown]
    assert numbers[0] == numbers[1]
    assert len(numbers[0]) > 40
    assert "Intervals are left out, because an interval needs 5 windows or more." in shown[200]  # of three


def test_the_command_takes_runs_and_exported_folders(lengthwise: Call, tmp_path: Path) -> None:
    small = ["--steps", 1, "--length", 32, "--lengths", 32, "--set", "model.dim=16", "--set", "evaluate.sequences=2"]
    assert lengthwise("run", "text", "-a", "stick-breaking", *small, "--out", tmp_path / "run").code == 0
    answer = lengthwise("export", tmp_path / "run", "--huggingface", tmp_path / "model")
    assert answer.code == 0, answer.error
    assert " ".join(answer.out.split()) == f"Model: {tmp_path / 'model'}"
    found = []
    for folder in ("run", "model"):
        out = tmp_path / f"probe-{folder}"
        answer = lengthwise("probe", tmp_path / folder, "--lengths", "8,16", "--windows", 2, "--out", out)
        assert answer.code == 0, answer.error
        found.append(json.loads((out / "probe.json").read_text(encoding="utf-8"))["layers"])
    assert found[0] == found[1]
