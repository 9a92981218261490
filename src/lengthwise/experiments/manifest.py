"""The file that says to which experiment a folder belongs: its configuration, and the environment of its start."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator

from lengthwise.configuration import Config
from lengthwise.errors import InputError
from lengthwise.files import read_json

C = TypeVar("C", bound=Config)
REMEDY = "Put that right, put a copy of the file back, or begin anew in another folder."


def _with_command(environment: dict[str, str]) -> dict[str, str]:
    if "command" not in environment:
        raise ValueError("it has no 'command'")
    return environment


@dataclass(frozen=True)
class _Manifest:
    config: dict[str, Any]
    environment: Annotated[dict[str, str], AfterValidator(_with_command)]


def read_manifest(path: Path, kind: type[C]) -> tuple[C, dict[str, str]]:
    """Read the configuration (a ``kind``) and the environment that a file holds.

    Raises:
        InputError: if the file is missing or damaged, or if its configuration cannot be used here.
    """
    manifest = read_json(path, _Manifest, REMEDY)
    try:
        return kind.read(manifest.config), manifest.environment
    except InputError as error:
        raise InputError(f"{path} cannot be used: {error} {REMEDY}") from None
