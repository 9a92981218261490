"""The page of a certificate: one file that needs no network."""

from datetime import UTC, datetime
from pathlib import Path

from lengthwise import files
from lengthwise.certify import Certificate
from lengthwise.certify.certificate import PAGE
from lengthwise.reports import drawing
from lengthwise.reports.certificate.figures import automaton, kept
from lengthwise.reports.certificate.terminal import facts, sentence
from lengthwise.reports.rendering import render
from lengthwise.tasks import Task


def write_page(certificate: Certificate, task: Task, folder: Path) -> Path:
    """Write the page and its figures into a folder; return the path of the page.

    Raises:
        RunError: if a file cannot be written.
    """
    found = certificate.kind != "undecided"
    known = {
        "certificate": certificate,
        "task": task,
        "sentence": sentence(certificate, task),
        "facts": facts(certificate),
        "automaton": automaton(certificate, task) if found else None,
        "figures": drawing.draw(kept(certificate, task), folder / "figures"),
    }
    path = folder / PAGE
    files.write(path, render("certificate.html", known, written=datetime.now(UTC), filters={}, colours={}))
    return path
