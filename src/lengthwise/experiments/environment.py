"""Where a result comes from: versions, commit, machine."""

import importlib.metadata
import os
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import torch

from lengthwise.ops import native

MISSING = "not installed"
INSTALLED = "none (installed package)"


def environment() -> dict[str, str]:
    """Collect what a person needs in order to repeat the numbers."""
    from lengthwise import __version__

    facts = {
        "command": _command(),
        "lengthwise": __version__,
        "commit": _commit(),
        "torch": torch.__version__,
        "lightning-fabric": _version("lightning-fabric"),
        "triton": _version("triton"),
        "python": platform.python_version(),
        "system": platform.platform(),
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "native kernels": native.path() if native.not_compiled() is None else "not compiled",
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    if (rival := _version("fla-core")) != MISSING:  # only benchmarks call it
        facts["fla-core"] = rival
    if torch.cuda.is_available():
        facts["gpu"] = torch.cuda.get_device_name()
    return facts


def _command() -> str:
    """Return the command line of this process as a person would type it."""
    program = Path(sys.argv[0]).name
    return shlex.join(["lengthwise" if program in ("__main__.py", "-c") else program, *sys.argv[1:]])


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return MISSING


def _commit() -> str:
    """Return the commit of the source tree that this code runs from, if there is one.

    An environment often lies inside a repository of the user's own, whose commit says nothing about this code: the one
    that counts tracks this very file, at the place where our source tree has it.
    """
    here = Path(__file__).resolve()
    git = ["git", "-C", str(here.parent)]
    try:
        tracked, commit, changed = (
            subprocess.run([*git, *arguments], capture_output=True, encoding="utf-8", check=True).stdout.strip()
            for arguments in (
                ("ls-files", "--full-name", "--error-unmatch", here.name),
                ("rev-parse", "--short=12", "HEAD"),
                ("status", "--porcelain"),
            )
        )
    except (OSError, subprocess.CalledProcessError):
        return INSTALLED
    if tracked != "src/lengthwise/experiments/environment.py":
        return INSTALLED
    return commit + (" with uncommitted changes" if changed else "")


def _processor() -> str:
    """Return the processor's name, which ``platform`` does not know on Linux."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
