"""The table of a benchmark for the terminal."""

import math
from collections.abc import Callable
from functools import partial

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from lengthwise.bench.arithmetic import PEAK_DTYPE, PEAK_SIZE
from lengthwise.bench.contestants import skips
from lengthwise.bench.kinds import FORWARD_AND_BACKWARD
from lengthwise.bench.results import Results
from lengthwise.bench.subject import subject

_HEADINGS = {
    "forward": "\nforward",
    "forward+backward": "forward +\nbackward",
    "decode": "\none token",
    "training step": "training\nstep",
}
_CAPTION = (
    "Medians in milliseconds, and their ratio to sdpa, torch's scaled_dot_product_attention: [green]below 1× is "
    "faster[/], above 1× slower. One token is one query against that many cached keys. Memory is the peak of forward + "
    "backward beyond the inputs."
)
_CAPTION_OF_MODELS = (
    "Medians in milliseconds, and their ratio to llama, that of transformers with torch's "
    "scaled_dot_product_attention: [green]below 1× is faster[/], above 1× slower. A training step is forward, loss, "
    "backward and AdamW."
)
_RATES = (
    " {unit} count the matrix products of dense causal attention (forward + backward: 3.5 times the forward), also "
    "for a contestant that skips keys: its rate is [bold]effective[/]."
)


class ResultsTable:
    """Contestants in rows, grouped by length: one table, or one table per kind if a single table is too wide."""

    def __init__(self, results: Results, title: str) -> None:
        self.results, self.title = results, title
        self.rates = not results.config.model
        self.unit, self.per_unit = ("TFLOP/s", 1e12) if results.config.device == "cuda" else ("GFLOP/s", 1e9)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the tables that fit the width of the terminal."""
        yield Text(self.title, "bold")
        kinds = subject(self.results.config).kinds
        whole = self._table(list(kinds))
        if console.measure(whole, options=options.update(max_width=1000)).maximum <= options.max_width:
            yield whole
        else:
            for kind in kinds:
                yield self._table([kind])
                yield ""
        caption = _CAPTION_OF_MODELS if self.results.config.model else _CAPTION
        yield Text.from_markup(caption + self._rates(), style="dim")

    def _rates(self) -> str:
        """Return the caption's sentences about rates, which the table shows for attention alone."""
        if not self.rates:
            return ""
        said = _RATES.format(unit=self.unit)
        if (peak := self.results.peak) is None:
            return said
        device = self.results.config.device
        kind, size = str(PEAK_DTYPE[device]).removeprefix("torch."), PEAK_SIZE[device]
        of = f"the {peak / self.per_unit:,.0f} {self.unit} of a {kind} product of {size:,} × {size:,} matrices"
        return f"{said} Percentages are shares of {of}, measured just before."

    def _table(self, kinds: list[str]) -> Table:
        table = Table(box=None, pad_edge=False, header_style="dim")
        table.add_column("\n")
        cells: list[Callable[[int, str], Text]] = []
        for kind in kinds:
            table.add_column(_HEADINGS[kind], justify="right", no_wrap=True)
            cells.append(partial(self._time, kind))
            if self.rates:
                table.add_column(f"\n{self.unit}", justify="right", no_wrap=True)
                cells.append(partial(self._rate, kind))
        if FORWARD_AND_BACKWARD in kinds:
            table.add_column("\nmemory", justify="right", no_wrap=True)
            cells.append(self._memory)
        for length in self.results.seconds:
            table.add_row(Text(f"{length:,} tokens", "bold"))
            for name in self.results.contestants(length):
                table.add_row(Text(name), *(cell(length, name) for cell in cells))
        return table

    def _time(self, kind: str, length: int, name: str) -> Text:
        seconds, ratio = self.results.median(length, kind, name), self.results.ratio(length, kind, name)
        if seconds is None:
            return Text("–", "dim")
        if ratio is None:
            return Text(f"{_three_digits(1e3 * seconds)}       ")
        judged = "bold green" if ratio < 1 else "yellow" if ratio < 2 else "red"
        style = "dim" if name == self.results.config.rival else judged
        return Text.assemble(_three_digits(1e3 * seconds), " ", (f"{_three_digits(ratio)}×".rjust(6), style))

    def _rate(self, kind: str, length: int, name: str) -> Text:
        rate, fraction = self.results.rate(length, kind, name), self.results.fraction(length, kind, name)
        if rate is None:
            return Text("–", "dim")
        share = "" if fraction is None else f" {_three_digits(100 * fraction)}%".rjust(7)
        return Text.assemble(
            ("effective " if skips(name, self.results.config.device) else "", "dim"),
            _three_digits(rate / self.per_unit),
            (share, "dim"),
        )

    def _memory(self, length: int, name: str) -> Text:
        size = self.results.peak_bytes.get(length, {}).get(name)
        return Text("–", "dim") if size is None else Text(f"{_three_digits(size / 2**20)} MiB")


def _three_digits(number: float) -> str:
    """Format a number with three significant digits and at most three decimals: 0.042, 0.91, 4.20, 13.5, 1,621."""
    if number <= 0:
        return "0"
    return f"{number:,.{min(3, max(0, 2 - math.floor(math.log10(number))))}f}"
