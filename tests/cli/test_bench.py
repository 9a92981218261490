"""``lengthwise bench``, small: what it prints, what it writes, whom it leaves out, and how it stops."""

import io
import json
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import pytest
import torch
from rich.console import Console

from lengthwise.bench import decoders, kinds, measure
from lengthwise.bench.config import BenchConfig
from lengthwise.bench.contestants import DEFAULT, SDPA, backend
from lengthwise.bench.inputs import draw
from lengthwise.bench.results import Results
from lengthwise.bench.table import ResultsTable
from lengthwise.bench.timing import time_in_turns
from lengthwise.errors import InputError
from lengthwise.ops.threshold_relative import BACKENDS
from lengthwise.ops.threshold_relative.problem import Problem

Call = Callable[..., Any]
SMALL = ["bench", "--lengths", "64", "--rounds", "2", "--threads", "1"]


@pytest.fixture
def no_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the processes that measure memory, which take seconds to start."""
    monkeypatch.setattr(measure, "peak_bytes", lambda config, name, length: 2**20)


@pytest.mark.usefixtures("no_memory")
def test_everyone_is_printed_and_written(lengthwise: Call, tmp_path: Path) -> None:
    answer = lengthwise(*SMALL, "--out", tmp_path / "bench.json")
    assert answer.code == 0, answer.error
    here = [name for name in DEFAULT["cpu"] if f"{backend(name)} is left out" not in answer.out]
    assert {SDPA, "blockwise", "reference"} <= set(here)
    rows = [line.split()[0] for line in answer.out.splitlines() if "×" in line and "MiB" in line]
    assert rows == here
    written = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    assert written["environment"]["torch"] == torch.__version__
    assert written["environment"]["command"].startswith("lengthwise bench --lengths 64")
    assert written["environment"]["processor"]
    assert (written["settings"]["threads"], written["settings"]["rounds"]) == (1, 2)
    assert list(written["lengths"]) == ["64"]
    row = written["lengths"]["64"]
    assert list(row) == here
    for name in here:
        assert row[name]["peak_bytes"] == 2**20
        for kind in kinds.KINDS:
            cell = row[name][kind]
            assert len(cell["seconds"]) == 2
            assert cell["median_seconds"] == median(cell["seconds"]) > 0
            assert cell["ratio_to_sdpa"] == cell["median_seconds"] / row[SDPA][kind]["median_seconds"]


def test_whole_decoders_are_measured_beside_llama(lengthwise: Call, tmp_path: Path) -> None:
    small = ["--heads", "2", "--head-dim", "8", "--layers", "1", "-c", "softmax+rope", "-c", "stick-breaking"]
    answer = lengthwise(*SMALL, "--model", *small, "--out", tmp_path / "bench.json")
    assert answer.code == 0, answer.error
    assert [line.split()[0] for line in answer.out.splitlines() if "×" in line[:60]] == [
        "llama",
        "softmax+rope",
        "stick-breaking",
    ]
    row = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["lengths"]["64"]
    for name in ("llama", "softmax+rope", "stick-breaking"):
        assert list(row[name]) == ["forward", "training step"]
        for kind, cell in row[name].items():
            assert len(cell["seconds"]) == 2
            assert cell["ratio_to_llama"] == cell["median_seconds"] / row["llama"][kind]["median_seconds"]


def test_llama_has_the_sizes_of_our_decoder() -> None:
    config = BenchConfig(model=True, layers=2, heads=4, kv_heads=2, head_dim=8)
    sizes = []
    for build, name in ((decoders._ours, "softmax+rope"), (decoders._llama, "llama")):
        sizes.append(sorted(tuple(parameter.shape) for parameter in build(name, config, 16).parameters()))
    flat = [sorted(torch.Size(shape).numel() for shape in of) for of in sizes]
    assert sum(flat[0]) == sum(flat[1])  # ours joins gate and up in one matrix


def test_a_training_step_lowers_the_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = decoders.draw(BenchConfig(model=True, layers=1, heads=2, head_dim=8), 16)
    for name in ("softmax+rope", "llama"):
        losses: list[float] = []
        cross_entropy = torch.nn.functional.cross_entropy

        def noted(*given: Any) -> torch.Tensor:
            losses.append(float((loss := cross_entropy(*given)).detach()))  # noqa: B023
            return loss

        monkeypatch.setattr(torch.nn.functional, "cross_entropy", noted)
        step = decoders.prepare("training step", name, inputs)
        for _ in range(20):
            step()
        monkeypatch.undo()
        assert losses[-1] < losses[0] - 0.1


def test_llama_without_transformers_is_left_out(lengthwise: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    answer = lengthwise(*SMALL, "--model", "--heads", "1", "--layers", "1", "-c", "softmax+alibi")
    assert answer.code == 0, answer.error
    assert "llama is left out: it needs transformers: pip install 'lengthwise[huggingface]'." in answer.out


@pytest.mark.parametrize(
    ("arguments", "fragment"),
    [
        (["-c", "blockwize"], "did you mean 'blockwise'"),
        (["--model", "-c", "softmaxx"], "did you mean 'softmax'"),
        (["--model", "--layers", "0"], "layers cannot be 0"),
        (["--dtype", "float8"], "dtype cannot be 'float8'"),
        (["--device", "tpu"], "device cannot be 'tpu'"),
        (["--heads", "-4"], "heads cannot be -4"),
        (["--kv-heads", "3"], "heads must be a multiple of kv_heads; got 4 and 3"),
        (["--lengths", "0"], "cannot be 0"),
        (["--lengths", "64,-1"], "cannot be -1"),
        (["--lengths", "long"], "128,256 or 128:4096"),
        (["--lengths", "8:4"], "doubles from the first to the last"),
        (["--rounds", "0"], "rounds cannot be 0"),
        (["--budget", "nan"], "budget cannot be nan"),
        (["--out", "file/bench.json"], "file is a file and no folder; choose another one with --out"),
        (["--out", "."], ". is a folder; give the path of a file with --out"),
        (["--out", "n" * 300], "cannot be a file: File name too long"),
        (["--out", "n" * 300 + "/bench.json"], "cannot be a folder: File name too long"),
    ],
)
def test_one_sentence(
    lengthwise: Call, arguments: list[str], fragment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("precious", encoding="utf-8")
    answer = lengthwise(*SMALL, *arguments)
    assert answer.code == 2
    assert fragment in answer.error
    assert answer.out == ""
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_cuda_without_a_gpu(lengthwise: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    answer = lengthwise(*SMALL, "--device", "cuda")
    assert answer.code == 2
    assert "torch finds no such GPU here" in answer.error


@pytest.mark.usefixtures("no_memory")
def test_a_backend_that_is_not_there_is_left_out(lengthwise: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(BACKENDS, "native", raising=False)
    answer = lengthwise(*SMALL, "-c", "native", "-c", "blockwise")
    assert answer.code == 0, answer.error
    assert "native is left out: this installation has no backend called 'native'." in answer.out
    assert [line.split()[0] for line in answer.out.splitlines() if "MiB" in line] == ["sdpa", "blockwise"]

    answer = lengthwise(*SMALL, "-c", "native")
    assert answer.code == 2
    assert "Nobody is left to be measured. native is left out" in answer.error


@pytest.mark.usefixtures("no_memory")
@pytest.mark.parametrize(
    ("error", "why"),
    [(InputError("The compiler is missing."), "The compiler is missing."), (NotImplementedError(), "on cpu.")],
)
def test_a_backend_that_does_not_run_here_is_left_out(
    lengthwise: Call, monkeypatch: pytest.MonkeyPatch, error: Exception, why: str
) -> None:
    def attend(*_: Any) -> Any:
        raise error

    monkeypatch.setitem(BACKENDS, "native", replace(BACKENDS["native"], attend=attend))
    answer = lengthwise(*SMALL)
    assert answer.code == 0, answer.error
    assert answer.out.count("native is left out: ") == 1
    assert why in answer.out
    assert [line.split()[0] for line in answer.out.splitlines() if "MiB" in line] == ["sdpa", "blockwise", "reference"]


@pytest.mark.usefixtures("no_memory")
def test_a_backend_can_do_some_kinds_and_not_others(
    lengthwise: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blockwise = BACKENDS["blockwise"]

    def no_single_query(problem: Problem) -> Any:
        if problem.query.shape[2] == 1:
            raise RuntimeError("out of resource: [registers]")
        return blockwise.attend(problem)

    monkeypatch.setitem(BACKENDS, "blockwise", replace(blockwise, attend=no_single_query))
    answer = lengthwise(*SMALL, "-c", "blockwise", "--out", tmp_path / "bench.json")
    assert answer.code == 0, answer.error
    assert "blockwise is left out of decode: RuntimeError (out of resource: [registers])." in answer.out
    row = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["lengths"]["64"]["blockwise"]
    assert list(row) == ["skips_keys", "forward", "forward+backward", "peak_bytes"]


@pytest.mark.usefixtures("no_memory")
def test_rivals_that_need_a_gpu_say_so(lengthwise: Call) -> None:
    answer = lengthwise(*SMALL, "-c", "flex", "-c", "fla-forgetting", "-c", "reference")
    assert answer.code == 0, answer.error
    assert "flex is left out: it has a backward pass on CUDA only." in answer.out
    assert "fla-forgetting is left out: its kernels run on CUDA only." in answer.out


@pytest.mark.usefixtures("no_memory")
def test_the_reference_has_a_limit(lengthwise: Call, tmp_path: Path) -> None:
    command = ["bench", "--lengths", "32:64", "--rounds", 1, "--threads", 1, "-c", "reference", "--reference-limit", 32]
    answer = lengthwise(*command, "--out", tmp_path / "bench.json")
    assert answer.code == 0, answer.error
    assert "reference is left out beyond 32 tokens" in answer.out
    written = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["lengths"]
    assert {length: list(row) for length, row in written.items()} == {"32": ["sdpa", "reference"], "64": ["sdpa"]}


@pytest.mark.usefixtures("no_memory")
@pytest.mark.parametrize(
    ("error", "code", "sentence"),
    [
        (KeyboardInterrupt(), 130, "Stopped. The table shows the measurements so far."),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 2, "There is not enough memory"),
    ],
)
def test_what_was_measured_is_kept(
    lengthwise: Call,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    sentence: str,
) -> None:
    calls = []

    def stops(*arguments: Any) -> dict[str, list[float]]:
        calls.append(arguments)
        if len(calls) == 3:
            raise error
        return time_in_turns(*arguments)

    threads = torch.get_num_threads()
    monkeypatch.setattr(measure, "time_in_turns", stops)
    answer = lengthwise(*SMALL, "-c", "blockwise", "--out", tmp_path / "bench.json")
    assert answer.code == code
    assert sentence in answer.error
    assert torch.get_num_threads() == threads
    row = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["lengths"]["64"]["blockwise"]
    assert list(row) == ["skips_keys", "forward", "forward+backward", "peak_bytes"]
    assert "blockwise" in answer.out
    assert "–" in answer.out


def test_turns_end_with_the_budget_but_not_before_three() -> None:
    seconds = time_in_turns({"one": lambda: None, "other": lambda: None}, rounds=50, budget=1e-9)
    assert {name: len(taken) for name, taken in seconds.items()} == {"one": 3, "other": 3}
    seconds = time_in_turns({"one": lambda: None}, rounds=2, budget=60.0)
    assert len(seconds["one"]) == 2


@pytest.mark.usefixtures("no_memory")
def test_everyone_is_told_to_be_deterministic(lengthwise: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []

    def asks(*arguments: Any) -> dict[str, list[float]]:
        told.append(torch.are_deterministic_algorithms_enabled())
        return time_in_turns(*arguments)

    monkeypatch.setattr(measure, "time_in_turns", asks)
    for options in ([], ["--deterministic"]):
        answer = lengthwise(*SMALL, "-c", "blockwise", *options)
        assert answer.code == 0, answer.error
    assert told == [False] * 3 + [True] * 3
    assert not torch.are_deterministic_algorithms_enabled()


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
def test_a_decoding_step_bounds_the_norms_of_its_keys(dtype: str, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = draw(BenchConfig.read({"dtype": dtype, "kv_heads": 2}), 64)
    given: dict[str, Any] = {}

    def attend(*tensors: torch.Tensor, **options: Any) -> None:
        given.update(options, shapes=[tuple(tensor.shape) for tensor in tensors])

    monkeypatch.setattr(kinds, "threshold_relative_attention", attend)
    kinds.prepare("decode", "blockwise", inputs)()
    assert given["shapes"] == [(1, 4, 1, 64), (1, 2, 64, 64), (1, 2, 64, 64), (1, 4, 1)]
    assert inputs.key.float().norm(dim=-1).max() <= given["largest_key_norm"] <= 1.02 * 64**0.5


@pytest.mark.usefixtures("no_memory")
@pytest.mark.parametrize(
    ("error", "why"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."), "there is not enough memory."),
        (RuntimeError("CUDA error: an illegal memory access\nMore lines."), "(CUDA error: an illegal memory access)."),
    ],
)
def test_who_fails_at_a_length_is_left_out_from_there_on(
    lengthwise: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, why: str
) -> None:
    blockwise = BACKENDS["blockwise"]
    tried = []

    def fails(problem: Problem) -> Any:
        query = problem.query
        tried.append((query.shape[2], query.requires_grad))
        if query.shape[2] >= 64 and query.requires_grad:
            raise error
        return blockwise.attend(problem)

    monkeypatch.setitem(BACKENDS, "blockwise", replace(blockwise, attend=fails))
    command = ["bench", "--lengths", "32:128", "--rounds", 1, "--threads", 1, "-c", "blockwise"]
    answer = lengthwise(*command, "--out", tmp_path / "bench.json")
    assert answer.code == 0, answer.error
    said = " ".join(answer.out.split()).replace("RuntimeError ", "")  # whatever the width of the terminal
    assert f"blockwise is left out of forward+backward from 64 tokens on: {why}" in said
    assert tried.count((64, True)) == 1
    assert tried.count((128, True)) == 0
    written = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["lengths"]
    measured = {length: sorted(set(row["blockwise"]) & set(kinds.KINDS)) for length, row in written.items()}
    assert measured == {"32": sorted(kinds.KINDS), "64": ["decode", "forward"], "128": ["decode", "forward"]}
    assert written["128"]["blockwise"]["peak_bytes"] is None


@pytest.mark.skipif(sys.platform != "linux", reason="resident memory is read from /proc")
def test_memory_is_that_of_the_tensors(lengthwise: Call, tmp_path: Path) -> None:
    command = ["bench", "--lengths", "512", "--rounds", "1", "--threads", "1", "-c", "reference"]
    answer = lengthwise(*command, "--out", tmp_path / "bench.json")
    assert answer.code == 0, answer.error
    row = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))["lengths"]["512"]
    query, scores = 4 * 512 * 64 * 4, 4 * 512 * 512 * 4  # bytes
    assert 3.5 * query < row[SDPA]["peak_bytes"] < 10 * query  # an output and three gradients
    assert 4 * scores < row["reference"]["peak_bytes"] < 20 * scores


def test_a_narrow_terminal_loses_no_number() -> None:
    results = Results(BenchConfig())
    times = {"forward": 2.5, "forward+backward": 12.25, "decode": 0.0625}
    results.seconds[8192] = {kind: {SDPA: [0.002], "blockwise-no-skipping": [ms / 1e3]} for kind, ms in times.items()}
    results.peak_bytes[8192] = {SDPA: 2**20, "blockwise-no-skipping": 5 * 2**20}
    for width in (120, 80, 44):
        stream = io.StringIO()
        Console(file=stream, width=width).print(ResultsTable(results, "title"))
        shown = stream.getvalue()
        assert max(map(len, shown.splitlines())) <= width
        for cell in ("2.50  1.25×", "12.2  6.12×", "0.062 0.031×", "5.00 MiB", "blockwise-no-skipping"):
            assert cell in shown, (width, cell)


def test_help_reads(lengthwise: Call) -> None:
    answer = lengthwise("bench", "--help")
    assert answer.code == 0
    assert "Usage" in answer.out


@pytest.mark.usefixtures("no_memory")
def test_a_change_shows_against_an_earlier_benchmark(lengthwise: Call, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.json"
    assert lengthwise(*SMALL, "-c", "blockwise", "--out", earlier).code == 0
    tree = json.loads(earlier.read_text(encoding="utf-8"))
    tree["lengths"]["64"]["blockwise"]["forward"]["ratio_to_sdpa"] = 1e6
    del tree["lengths"]["64"]["blockwise"]["decode"]
    earlier.write_text(json.dumps(tree), encoding="utf-8")
    answer = lengthwise(*SMALL, "-c", "blockwise", "--against", earlier)
    assert f"Ratio to sdpa, and what it was on {tree['environment']['processor']}" in answer.out
    table = answer.out.partition("Ratio to sdpa, and what it was")[2]
    rows = [line.split() for line in table.splitlines() if line.startswith("blockwise")]
    assert [row[2] for row in rows] == ["forward", "forward+backward"]
    assert rows[0][4:] == ["1e+06", "-100%"]


def test_only_benchmarks_of_the_same_settings_are_compared(lengthwise: Call, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps({"settings": {"heads": 2}, "lengths": {}, "environment": {}}), encoding="utf-8")
    assert (
        "was measured with model=None, and this benchmark has model=False"
        in lengthwise(*SMALL, "--against", other).error
    )
    other.write_text("{}", encoding="utf-8")
    assert (
        "is no benchmark. Give a file that lengthwise bench --out has written."
        in lengthwise(*SMALL, "--against", other).error
    )
    assert "missing.json" in lengthwise(*SMALL, "--against", tmp_path / "missing.json").error


@pytest.mark.usefixtures("no_memory")
def test_rates_are_shares_of_a_matrix_product(lengthwise: Call, tmp_path: Path) -> None:
    answer = lengthwise(*SMALL, "-c", "blockwise", "--out", tmp_path / "bench.json")
    assert "GFLOP/s of a float32 product of 1,024 × 1,024 matrices" in " ".join(answer.out.split())
    written = json.loads((tmp_path / "bench.json").read_text(encoding="utf-8"))
    cell = written["lengths"]["64"]["blockwise"]["forward"]
    dense = 4 * 4 * 64 * 64 * 65 / 2
    assert cell["dense_operations_per_second"] == pytest.approx(dense / cell["median_seconds"])
    share = cell["dense_operations_per_second"] / written["peak_operations_per_second"]
    assert cell["fraction_of_peak"] == pytest.approx(share)
