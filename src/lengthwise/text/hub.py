"""Data sets of the Hugging Face hub as corpora. Nothing is downloaded unasked.

``hub:wikitext-103``, ``hub:pg19`` and ``hub:enwik8`` are short names; any other data set is ``hub:NAME`` or
``hub:NAME/CONFIGURATION``, and has its documents in the column ``text``. ``lengthwise tokenize --download`` fetches a
data set; without it, only what is on this machine is read.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from lengthwise.errors import InputError
from lengthwise.text.corpora import SPLITS, Document

KNOWN = {
    "wikitext-103": ("Salesforce/wikitext", "wikitext-103-raw-v1"),
    "wikitext-2": ("Salesforce/wikitext", "wikitext-2-raw-v1"),
    "pg19": ("deepmind/pg19", None),
    "enwik8": ("LTCB/enwik8", None),
}
TITLE = re.compile(r" = [^=].* = \n")
"""The line that begins an article of WikiText, whose rows are lines."""


class HubCorpus:
    """A data set of the hub, with the splits that it has there."""

    def __init__(self, name: str, *, download: bool = False) -> None:
        self.name, self._download = name, download
        path, _, configuration = name.rpartition("/") if name.count("/") > 1 else (name, "", "")
        self._path, self._configuration = KNOWN.get(name, (path, configuration or None))

    @property
    def stamp(self) -> str:
        """The fingerprints of the splits."""
        return " ".join(f"{split}={rows._fingerprint}" for split, rows in sorted(self._splits().items()))

    def documents(self) -> Iterator[Document]:
        """Read the documents of every split; lines of WikiText are joined to articles.

        Raises:
            InputError: if the data set is not on this machine, or has no column ``text``.
        """
        splits = self._splits()
        own = set(SPLITS) <= set(splits)
        for split, rows in splits.items():
            if "text" not in rows.column_names:
                raise InputError(f"{self.name} has no column 'text', but {', '.join(rows.column_names)}.")
            texts: Iterable[str] = (row["text"] for row in rows)
            for text in articles(texts) if "wikitext" in self._path else texts:
                yield Document(text, split if own else None)

    def _splits(self) -> dict[str, Any]:
        try:
            import datasets
        except ModuleNotFoundError:
            raise InputError("Data sets of the hub need datasets: pip install 'lengthwise[datasets]'.") from None
        here = datasets.DownloadConfig(local_files_only=not self._download)
        offline, datasets.config.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE, not self._download
        try:
            return dict(datasets.load_dataset(self._path, self._configuration, download_config=here))
        except Exception as error:  # datasets and the hub's client raise errors of many kinds
            said = " ".join(str(error).split())[:200].rstrip(".")
            told = "" if self._download else " lengthwise tokenize --download fetches it from the hub."
            raise InputError(f"Cannot load the data set {self.name}: {said}.{told}") from None
        finally:
            datasets.config.HF_HUB_OFFLINE = offline


def articles(lines: Iterable[str]) -> Iterator[str]:
    """Join the lines of WikiText to articles, each of which begins with its title."""
    number = 0

    def article(line: str) -> int:
        nonlocal number
        number += bool(TITLE.fullmatch(line))
        return number

    for _, of_article in groupby(lines, article):
        if text := "".join(of_article).strip():
            yield text
