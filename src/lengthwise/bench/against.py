"""A benchmark beside an earlier one of the same settings, so that a change shows."""

from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from lengthwise.bench.results import Results
from lengthwise.errors import InputError
from lengthwise.files import read_json

SAME = ("model", "layers", "batch", "heads", "kv_heads", "head_dim", "dtype", "device")
"""Settings that must be equal; lengths, contestants, threads and time limits may differ."""
CHANGED = 0.1
"""Relative change of a ratio from which on it is told apart: neighbours change times by as much."""
REMEDY = "Give a file that lengthwise bench --out has written."


def read_earlier(file: Path, results: Results) -> dict[str, Any]:
    """Read the file of an earlier benchmark.

    Raises:
        InputError: if there is none, or its settings are others.
    """
    earlier = read_json(file, dict[str, Any], REMEDY)
    settings = results.config.model_dump(mode="json")
    if not {"settings", "lengths", "environment"} <= earlier.keys():
        raise InputError(f"{file} is no benchmark. {REMEDY}")
    other = [name for name in SAME if earlier["settings"].get(name) != settings[name]]
    if other:
        name = other[0]
        raise InputError(
            f"{file} was measured with {name}={earlier['settings'].get(name)}, and this benchmark has "
            f"{name}={settings[name]}; give the same settings."
        )
    return earlier


def changes(results: Results, earlier: dict[str, Any]) -> Table:
    """Return a table of the ratios to the rival, now and then, where both were measured."""
    rival = results.config.rival
    title = f"Ratio to {rival}, and what it was on {earlier['environment'].get('processor', 'an unknown processor')}"
    table = Table("", "tokens", "", "now", "was", "", title=title, title_justify="left", box=None, pad_edge=False)
    for length, of_kinds in results.seconds.items():
        then = earlier["lengths"].get(str(length), {})
        for name in results.contestants(length):
            for kind in of_kinds:
                was, now = then.get(name, {}).get(kind, {}).get(f"ratio_to_{rival}"), results.ratio(length, kind, name)
                if name != rival and was and now:
                    change = now / was - 1
                    style = "" if abs(change) < CHANGED else "bold green" if change < 0 else "bold red"
                    shown = (f"{now:.3g}", f"{was:.3g}", f"{change:+.0%}" if style else "")
                    table.add_row(Text(name), f"{length:,}", kind, *(Text(text, style) for text in shown))
    return table
