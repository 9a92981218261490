"""Data sets of the Hugging Face hub as corpora. Nothing is downloaded unasked.

``hub:wikitext-103``, ``hub:pg19`` and ``hub:enwik8`` are short names; any other data set is ``hub:OWNER/NAME`` or
``hub:OWNER/NAME/CONFIGURATION``, and has its documents in the column ``text``. The number of slashes decides: one slash
stands between owner and name. A data set without an owner is ``hub:NAME``, and takes no configuration. ``lengthwise
tokenize --download`` fetches a data set; without it, only what is on this machine is read.
"""

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

from lengthwise.errors import InputError
from lengthwise.text.corpora import HUB, SPLITS, Document, rows

KNOWN = {
    "wikitext-103": ("Salesforce/wikitext", "wikitext-103-raw-v1"),
    "wikitext-2": ("Salesforce/wikitext", "wikitext-2-raw-v1"),
    "pg19": ("deepmind/pg19", None),
    "enwik8": ("LTCB/enwik8", None),
}
LINES = ("wikitext", "enwik8")
"""In the names of data sets whose rows are lines, so that some are empty."""
TITLE = re.compile(r" = [^=].* = \n")
"""The line that begins an article of WikiText, whose rows are lines."""


class HubCorpus:
    """A data set of the hub, with the splits that it has there, if all of ours are among them."""

    def __init__(self, name: str, *, download: bool = False) -> None:
        """Take a name without ``hub:``.

        Raises:
            InputError: for a name with an empty part, or with more than two slashes.
        """
        self.name, self._download = name, download
        parts = name.split("/")
        if not all(parts) or len(parts) > 3:
            raise InputError(
                f"{HUB}{name} is no name of a data set; write {HUB}NAME, {HUB}OWNER/NAME or "
                f"{HUB}OWNER/NAME/CONFIGURATION."
            )
        self._path, self._configuration = KNOWN.get(name, ("/".join(parts[:2]), "".join(parts[2:]) or None))

    @property
    def stamp(self) -> str:
        """The fingerprints of the splits."""
        return " ".join(f"{split}={rows._fingerprint}" for split, rows in sorted(self._splits().items()))

    def documents(self) -> Iterator[Document]:
        """Read the documents of every split; lines of WikiText are joined to articles, and empty lines left out.

        Raises:
            InputError: if the data set is not on this machine, or has no column ``text``, or a row without a text.
        """
        splits = self._splits()
        own = set(splits) == set(SPLITS)
        for split, table in splits.items():
            if "text" not in table.column_names:
                raise InputError(f"{self.name} has no column 'text', but {', '.join(table.column_names)}.")
            lines = any(name in self._path for name in LINES)
            texts = rows((row["text"] for row in table), f"the split {split} of {self.name}", lines=lines)
            for text in articles(texts) if "wikitext" in self._path else texts:
                yield Document(text, split if own else None)

    def _splits(self) -> dict[str, Any]:
        """Return our splits, if the data set has them all; or every split that it has, to be split anew."""
        try:
            import datasets
        except ModuleNotFoundError:
            raise InputError("Data sets of the hub need datasets: pip install 'lengthwise[datasets]'.") from None
        here = datasets.DownloadConfig(local_files_only=not self._download)
        offline, datasets.config.HF_HUB_OFFLINE = datasets.config.HF_HUB_OFFLINE, not self._download
        try:
            found = dict(datasets.load_dataset(self._path, self._configuration, download_config=here))
            return {split: found[split] for split in found if split in SPLITS or not set(SPLITS) <= set(found)}
        except Exception as error:  # datasets and the hub's client raise errors of many kinds
            said = " ".join(str(error).split())[:200].rstrip(".")
            told = "" if self._download else " lengthwise tokenize --download fetches it from the hub."
            owner, slash, name = self.name.partition("/")
            read = f" (owner {owner}, name {name}, no configuration)" if slash and "/" not in name else ""
            raise InputError(f"Cannot load the data set {self.name}{read}: {said}.{told}") from None
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
