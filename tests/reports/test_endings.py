"""How answers go wrong: one table for the shares, and no figure for each."""

from pathlib import Path
from typing import Any

from lengthwise.analysis import score
from lengthwise.reports import write_report


def reverse(prompts: list[str]) -> list[str]:
    return [" ".join(reversed(prompt.split()[1:-1])) for prompt in prompts]


def test_the_ways_to_go_wrong_share_a_table(tmp_path: Path) -> None:
    models: dict[str, Any] = {
        "right": reverse,
        "short": lambda prompts: [text.rpartition(" ")[0] for text in reverse(prompts)],
        "unstopped": lambda prompts: [f"{text} 0" for text in reverse(prompts)],
    }
    summary = score("reverse", models, lengths=[4, 8], sequences=8, reads="text")
    page = write_report(summary, tmp_path).read_text(encoding="utf-8")
    assert ">How answers go wrong</h2>" in page
    assert ">Did not stop</h2>" not in page
    table = page.partition(">How answers go wrong</h2>")[2].partition("</table>")[0]
    assert table.count("<td>100.0</td><td>100.0</td>") == 2
    assert not list((tmp_path / "figures").glob("*stop*"))
