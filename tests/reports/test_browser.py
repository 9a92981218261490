"""The page as a browser without network shows it."""

import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from lengthwise.analysis import summarise
from lengthwise.experiments.record import Experiment
from lengthwise.reports import write_report

pytestmark = pytest.mark.long

Browse = Callable[..., tuple[str, bytes]]

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --enable-logging=stderr --virtual-time-budget=5000 --dump-dom "
    "--window-size=1100,1400"
)
POINT = """<script>
const mark = document.querySelector("figure .role-mark [aria-label]");
mark.dispatchEvent(new PointerEvent("pointermove", {bubbles: true, clientX: 300, clientY: 300}));
</script>"""


@pytest.fixture
def browse(tmp_path: Path) -> Browse:
    """Open a page; gives the document as it stands then, and a screenshot's bytes. The console has to stay empty."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"needs a browser: none of {', '.join(NAMES)} is installed")

    def open_page(path: Path, *more: str) -> tuple[str, bytes]:
        picture = tmp_path / "page.png"
        options = [*FLAGS.split(), f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={picture}", *more]
        done = subprocess.run(
            [program, *options, path.as_uri()], capture_output=True, encoding="utf-8", timeout=60, check=True
        )
        assert "CONSOLE" not in done.stderr, done.stderr
        return done.stdout, picture.read_bytes()

    return open_page


def test_draws_the_figures_and_says_what_the_pointer_meets(
    experiment: Experiment, report: Path, browse: Browse, tmp_path: Path
) -> None:
    page = tmp_path / "pointed.html"
    page.write_text(report.read_text(encoding="utf-8").replace("</body>", f"{POINT}</body>"), encoding="utf-8")
    document, picture = browse(page)
    assert document.count("<figure") == document.count("</figure>") == 4
    assert document.count('class="marks"') == 4
    for mechanism in experiment.config.mechanisms:
        assert f'aria-label="{mechanism}, validation · 4,096 tokens, 32 times its training length' in document
    tip = document.split('id="tip"')[1].split("</div>")[0]
    assert "threshold-relative, validation\n128 tokens, its training length\n100.0 %" in tip
    assert len(picture) > 50_000  # an empty page is far less


SORT = """<script>
const table = document.querySelector("table:has(thead)");
const names = () => [...table.tBodies[0].rows].map(row => row.cells[0].textContent.trim());
const said = [names().join()];
for (const column of [6, 6, 6, 0]) {
  const button = table.tHead.rows[0].cells[column].querySelector("button");
  button.focus();
  if (document.activeElement === button) button.click();
  said.push([table.tHead.rows[0].cells[column].ariaSort, ...names()].join());
}
document.body.dataset.said = said.join(" | ");
</script>"""
MEASURE = """<script>
const texts = [...document.querySelectorAll("caption > span, figcaption")];
const ends = texts.map(text => text.getBoundingClientRect().right);
document.body.dataset.widest = Math.max(...ends) <= document.documentElement.clientWidth;
</script>"""


def test_tables_sort_within_their_sections_and_by_keyboard(report: Path, browse: Browse, tmp_path: Path) -> None:
    page = tmp_path / "sorted.html"
    page.write_text(report.read_text(encoding="utf-8").replace("</body>", f"{SORT}</body>"), encoding="utf-8")
    document, _ = browse(page)
    ours, rope, alibi = "threshold-relative", "softmax+rope", "softmax+alibi+layer-norm"

    def sections(*names: str) -> str:
        return ",".join(name for section in ("Validation", "Dense", "Sparse") for name in (section, *names))

    (said,) = re.findall('data-said="([^"]*)"', document)
    assert said.split(" | ") == [
        sections(ours, rope, alibi),
        f"descending,{sections(ours, alibi, rope)}",
        f"ascending,{sections(rope, alibi, ours)}",
        f",{sections(ours, rope, alibi)}",
        f"ascending,{sections(alibi, rope, ours)}",
    ]


def test_captions_fit_a_phone(sets_report: Path, browse: Browse, tmp_path: Path) -> None:
    page = tmp_path / "measured.html"
    page.write_text(sets_report.read_text(encoding="utf-8").replace("</body>", f"{MEASURE}</body>"), encoding="utf-8")
    document, _ = browse(page, "--window-size=380,900")
    assert 'data-widest="true"' in document


def test_draws_a_single_run(alone: Experiment, browse: Browse) -> None:
    document, _ = browse(write_report(summarise(alone), alone.folder))
    assert document.count('class="marks"') == 3
    assert 'aria-label="softmax+rope, validation · 128 tokens' in document


def test_draws_what_sets_have(sets_report: Path, browse: Browse) -> None:
    document, _ = browse(sets_report)
    assert document.count('class="marks"') == 5
    for said in (
        "softmax against softmax+standardise, validation · 1,024 items, 10 pairs · +",
        "softmax+rms-norm, validation · 16,384 items, 10 seeds · right ",
        "softmax, layer 1 · 64 items, validation · standard deviation of a component 0.2",
    ):
        assert f'aria-label="{said}' in document


def test_has_nothing_to_draw_without_results(unfinished: Experiment, browse: Browse) -> None:
    document, _ = browse(write_report(summarise(unfinished), unfinished.folder))
    assert "<figure" not in document
    assert "Nothing is evaluated yet" in document
