"""What a benchmark does for a GPU, on a machine that has none: defaults, the clock, operations, the table."""

import io
from collections.abc import Iterator

import pytest
import torch
from rich.console import Console

from lengthwise.bench import arithmetic, measure
from lengthwise.bench.config import BenchConfig
from lengthwise.bench.contestants import DEFAULT, HORIZONS, SDPA, known, skips
from lengthwise.bench.kinds import KINDS
from lengthwise.bench.results import Results
from lengthwise.bench.table import ResultsTable
from lengthwise.bench.timing import GpuClock, time_in_turns


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


@pytest.mark.usefixtures("gpu")
def test_defaults_are_those_of_the_device() -> None:
    cuda, cpu = BenchConfig.read({"device": "cuda"}), BenchConfig.read({})
    assert cuda.lengths == (1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)
    assert (cuda.dtype, cpu.dtype) == ("bfloat16", "float32")
    assert cuda.contestants == DEFAULT["cuda"] == (SDPA, *cuda.contestants[1:])
    assert cpu.contestants == DEFAULT["cpu"]
    assert set(cuda.contestants + cpu.contestants) <= set(known())
    assert BenchConfig.read({"device": "cuda", "heads": 2, "lengths": [64]}).heads == 2
    for device, horizons in HORIZONS.items():
        assert [name for name in known() if skips(name, device)] == [*horizons, "native", "triton", "blockwise"]


def test_operations_are_those_of_the_pairs() -> None:
    config = BenchConfig.read({"batch": 2, "heads": 3, "head_dim": 5})
    pairs = sum(1 for row in range(7) for column in range(7) if column <= row)
    forward, both, decode = (arithmetic.dense_operations(config, 7, kind) for kind in KINDS)
    assert forward == 2 * 3 * pairs * (2 * 5 + 2 * 5)
    assert both == 3.5 * forward
    assert decode == 2 * 3 * 7 * 20


def test_the_peak_is_the_median_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(arithmetic.PEAK_SIZE, "cpu", 16)
    times = iter([0.5, *[0.25] * 13, 4.0])
    assert arithmetic.measured_peak(lambda run: (run(), next(times))[1], "cpu") == 2 * 16**3 / 0.25


def test_the_gpu_clock_fills_its_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    now, order = [0.0], []

    class Event:
        def __init__(self, enable_timing: bool) -> None:
            assert enable_timing

        def record(self) -> None:
            order.append("event")
            self.at = now[0]

        def synchronize(self) -> None:
            order.append("wait")

        def elapsed_time(self, end: "Event") -> float:
            return 1e3 * (end.at - self.at)

    def task(seconds: float) -> None:
        order.append("call")
        now[0] += seconds

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "synchronize", lambda: order.append("wait"))
    clock = GpuClock()
    short, long = (lambda: task(0.001)), (lambda: task(2.0))
    assert clock(short) == pytest.approx(0.001)
    assert order == ["wait", "event", "call", "event", "wait", "wait", "event", *["call"] * 10, "event", "wait"]
    order.clear()
    seconds = time_in_turns({"short": short, "long": long}, rounds=2, budget=60, clock=clock)
    assert seconds == {"short": pytest.approx([0.001] * 2), "long": pytest.approx([2.0] * 2)}
    assert order.count("call") == 2 * 10 + 3 * 1


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize(("dtype", "pinned"), [("bfloat16", True), ("float16", True), ("float32", False)])
def test_flash_is_pinned_in_half_precision(dtype: str, pinned: bool) -> None:
    def enabled() -> Iterator[bool]:
        backends = torch.backends.cuda
        yield from (backends.flash_sdp_enabled(), backends.mem_efficient_sdp_enabled(), backends.math_sdp_enabled())

    before = tuple(enabled())
    with measure.conditions(BenchConfig.read({"device": "cuda", "dtype": dtype})):
        assert tuple(enabled()) == ((True, False, False) if pinned else before)
    assert tuple(enabled()) == before


@pytest.mark.usefixtures("gpu")
def test_the_table_tells_rates_of_a_gpu() -> None:
    config = BenchConfig.read({"device": "cuda"})
    results = Results(config, peak=800e12)
    work = arithmetic.dense_operations(config, 8192, "forward")
    rates = {SDPA: 400e12, "triton": 1200e12, "flex": 200e12}
    results.seconds[8192] = {"forward": {name: [work / rate] for name, rate in rates.items()}, "decode": {}}
    results.seconds[8192]["decode"]["flex"] = [0.001]  # sdpa could not
    assert results.fraction(8192, "forward", "triton") == 1.5
    for width in (160, 80):
        stream = io.StringIO()
        Console(file=stream, width=width).print(ResultsTable(results, "title"))
        shown = " ".join(stream.getvalue().split())
        for cell in ("1.00× 400 50.0%", "0.333× effective 1,200 150%", "2.00× 200 25.0%", "1.00 0.034 0.004%"):
            assert cell in shown, (width, cell)
        assert "of the 800 TFLOP/s of a bfloat16 product of 8,192 × 8,192 matrices" in shown
    row = results.as_json()["lengths"]["8192"]
    assert row["triton"]["skips_keys"]
    assert not row["flex"]["skips_keys"]
    assert row["flex"]["forward"]["dense_operations_per_second"] == pytest.approx(200e12)
    assert row["flex"]["forward"]["fraction_of_peak"] == pytest.approx(0.25)
    assert row["flex"]["decode"]["ratio_to_sdpa"] is None
    assert results.as_json()["peak_operations_per_second"] == 800e12
