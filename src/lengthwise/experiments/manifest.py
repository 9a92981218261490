"""The file that says to which experiment a folder belongs, and who may write into the folder.

It holds the configuration, and the environment of the start.
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator

from lengthwise.configuration import Config, keys
from lengthwise.errors import InputError
from lengthwise.experiments.config import ComparisonConfig, RunConfig
from lengthwise.experiments.environment import environment
from lengthwise.files import check_folder, read_json, write_json
from lengthwise.lock import locked
from lengthwise.models.config import MODEL_TYPE, DecoderConfig

Kind = TypeVar("Kind", bound=Config)
C = TypeVar("C", RunConfig, ComparisonConfig)
REMEDY = "Put that right, put a copy of the file back, or begin anew in another folder."


def _with_command(environment: dict[str, str]) -> dict[str, str]:
    if "command" not in environment:
        raise ValueError("it has no 'command'")
    return environment


@dataclass(frozen=True)
class _Manifest:
    config: dict[str, Any]
    environment: Annotated[dict[str, str], AfterValidator(_with_command)]


def read_manifest(path: Path, kind: type[Kind]) -> tuple[Kind, dict[str, str]]:
    """Read the configuration (a ``kind``) and the environment that a file holds.

    Raises:
        InputError: if the file is missing or damaged, or if its configuration cannot be used here.
    """
    manifest = read_json(path, _Manifest, REMEDY)
    try:
        return kind.read(manifest.config), manifest.environment
    except InputError as error:
        raise InputError(f"{path} cannot be used: {error} {REMEDY}") from None


def settled(folder: Path, file: str, config: C) -> C:
    """Return the configuration with the sizes of the model that the folder holds, where the settings leave them out."""
    path = folder / file
    return config.settled(read_manifest(path, type(config))[0]) if path.exists() else config.settled()


def claim(folder: Path, file: str, config: C, *, resume: bool, may_change: Collection[str] = ()) -> None:
    """Write the settled ``config`` into ``file`` of ``folder``, or check that it already stands there.

    With ``resume``, the settings named in ``may_change``, alone or as a section, may differ from those begun with, and
    replace them.

    Raises:
        InputError: if the folder holds another configuration, or the same one and ``resume`` was not asked for.
    """
    if _changes(folder, file, config, resume=resume, may_change=may_change):
        tree = settled(folder, file, config).model_dump(mode="json")
        write_json(folder / file, {**_for_hugging_face(config), "config": tree, "environment": environment()})


def _for_hugging_face(config: RunConfig | ComparisonConfig) -> dict[str, str]:
    """Return what makes Hugging Face's Auto classes open a run's folder, where the run trains a decoder."""
    decodes = isinstance(config, RunConfig) and isinstance(config.model, DecoderConfig)
    return {"model_type": MODEL_TYPE} if decodes else {}


@contextmanager
def claimed(folder: Path, file: str, config: C, *, resume: bool, may_change: Collection[str] = ()) -> Iterator[None]:
    """Do as :func:`claim`, and keep other processes from writing into ``folder`` meanwhile.

    Raises:
        InputError: as :func:`claim`; the folder then stays as it is.
        RunError: if another process writes there.
    """
    _changes(folder, file, config, resume=resume, may_change=may_change)
    with locked(folder):
        claim(folder, file, config, resume=resume, may_change=may_change)
        yield


def _changes(folder: Path, file: str, config: C, *, resume: bool, may_change: Collection[str]) -> bool:
    """Return True if ``folder`` has to be written; raise if it holds something else."""
    check_folder(folder)
    path = folder / file
    if not path.exists():
        if folder.exists() and any(not entry.name.startswith(".") for entry in folder.iterdir()):
            raise InputError(f"{folder} is not empty and holds no {file}; choose another folder with --out.")
        return True
    settings = keys(type(config))
    # A setting that is newer than the folder is, there, what it is by default.
    begun = _flat(read_manifest(path, type(config))[0].settled().model_dump(mode="json"), settings)
    here = _flat(settled(folder, file, config).model_dump(mode="json"), settings)
    differing = [key for key, value in here.items() if begun.get(key) != value]
    forbidden = [key for key in differing if not any(f"{key}.".startswith(f"{name}.") for name in may_change)]
    if forbidden:
        key = forbidden[0]
        raise InputError(
            f"{folder} belongs to other settings: {key} is {begun.get(key)!r} there, {here[key]!r} here. "
            "Choose another folder with --out, or give the settings it was begun with."
        )
    if not resume:
        raise InputError(f"{folder} already holds this; add --resume to carry on, or choose another folder with --out.")
    return bool(differing)


def _flat(tree: Any, settings: Collection[str], prefix: str = "") -> dict[str, Any]:
    """Return the values of a tree by dotted key. The value of one of ``settings`` stays whole, even if it is a tree."""
    if not isinstance(tree, dict) or prefix in settings:
        return {prefix: tree}
    return {
        key: value
        for name, inner in tree.items()
        for key, value in _flat(inner, settings, f"{prefix}.{name}".lstrip(".")).items()
    }
