"""The page as a browser without network shows it."""

import shutil
import subprocess
from dataclasses import replace

import pytest

from lengthwise.reports import write_report

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
def browse(tmp_path):
    """Open a page; gives the document as it stands then, and a screenshot's bytes. The console has to stay empty."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    if program is None:
        pytest.skip(f"needs a browser: none of {', '.join(NAMES)} is installed")

    def open_page(path):
        picture = tmp_path / "page.png"
        options = [*FLAGS.split(), f"--user-data-dir={tmp_path / 'profile'}", f"--screenshot={picture}"]
        done = subprocess.run(
            [program, *options, path.as_uri()], capture_output=True, encoding="utf-8", timeout=60, check=True
        )
        assert "CONSOLE" not in done.stderr, done.stderr
        return done.stdout, picture.read_bytes()

    return open_page


def test_draws_the_figures_and_says_what_the_pointer_meets(experiment, report, browse, tmp_path):
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


def test_draws_a_single_run(alone, browse):
    document, _ = browse(write_report(alone))
    assert document.count('class="marks"') == 3
    assert 'aria-label="softmax+rope, validation · 128 tokens' in document


def test_draws_what_sets_have(sets_report, browse):
    document, _ = browse(sets_report)
    assert document.count('class="marks"') == 5
    for said in (
        "softmax+standardise against softmax, validation · 1,024 items, 10 pairs · −",
        "softmax+rms-norm, validation · 16,384 items, 10 seeds · right ",
        "softmax, layer 1 · 64 items, validation · standard deviation of a component 0.2",
    ):
        assert f'aria-label="{said}' in document


def test_has_nothing_to_draw_without_results(unfinished, browse):
    document, _ = browse(write_report(replace(unfinished)))
    assert "<figure" not in document
    assert "Nothing is evaluated yet" in document
