"""The folder that a probe is written to."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lengthwise.configuration import Config
from lengthwise.errors import InputError
from lengthwise.files import check_folder, read_json

FILE = "probe.json"


@dataclass(frozen=True)
class _Held:
    config: dict[str, Any]


def check(folder: Path, config: Config) -> None:
    """Raise :class:`InputError` if the folder is not writable, or holds anything else than the same probe."""
    check_folder(folder)
    if not folder.exists():
        return
    path = folder / FILE
    if path.exists():
        held = read_json(path, _Held, "Delete it, or choose another folder with --out.").config
        wanted = config.model_dump(mode="json")
        differing = [key for key in wanted if key not in held or held[key] != wanted[key]]
        if differing:
            key = differing[0]
            raise InputError(
                f"{folder} holds another probe, whose {key} is {held.get(key)!r} and not {wanted[key]!r}; choose "
                "another folder with --out."
            )
    elif any(folder.iterdir()):
        raise InputError(f"{folder} is not empty and holds no {FILE}; choose another folder with --out.")
