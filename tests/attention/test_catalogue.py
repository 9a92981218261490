"""What the parts say of themselves, as the command line and the documentation show it."""

from pathlib import Path

import pytest

from lengthwise.attention.catalogue import Entry, catalogue
from lengthwise.attention.tables import TABLES, Kind
from lengthwise.reports.mechanisms import page
from lengthwise.source import summary_and_source

ENTRIES = list(catalogue())
DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_says_what_it_is(entry: Entry) -> None:
    assert entry.summary
    assert len(entry.summary) < 110
    assert entry.source or entry.evidence == "ours" or entry.name == "none"
    assert "(arXiv" not in entry.summary, "the source stands at the end of the first line, by itself"


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.name)
def test_says_the_same_before_it_is_imported(entry: Entry) -> None:
    assert summary_and_source(TABLES[entry.kind].summary(entry.name)) == (entry.summary, entry.source)


def test_names_are_those_of_one_part_each() -> None:
    names = [entry.name for entry in ENTRIES]
    assert len(names) == len(set(names))


def test_the_page_is_the_one_that_the_parts_make() -> None:
    """If not: ``lengthwise list --mechanisms --markdown > docs/mechanisms.md``."""
    assert (DOCS / "mechanisms.md").read_text(encoding="utf-8") == page(ENTRIES)


FAMILIES = {
    "dape": {"dape", "dape-v2"},
    "inline": {"inline", "inline-local"},
    "gate": {"gate", "head-gate"},
    "local": {"banded", "block-local"},
    "sink": {"off-by-one", "learned-sink"},
    "stretched_rope": {"rope-interpolated", "rope-ntk", "yarn"},
    "threshold_ablations": {"threshold-only", "distance-only"},
}
"""Files that hold several parts, which share a formula."""


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, table in TABLES.items() for name in table])
def test_file_and_class_carry_the_name(kind: Kind, name: str) -> None:
    module, of_class = TABLES[kind].target(name).split(":")
    file = module.rpartition(".")[2]
    assert file == name.replace("-", "_") or name in FAMILIES[file]
    assert of_class.lower() == ("unchanged" if name == "none" else name.replace("-", ""))  # None is no name of a class
