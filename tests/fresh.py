"""Python as it is after its start, in the time of a fork: a server that has imported torch makes the processes.

It has imported transformers, too, and nothing of this library, whose import hook for types belongs to the tests' own
process.
"""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

SERVER = """
import json, os, runpy, sys
import torch
from transformers import AutoModelForCausalLM, DynamicCache, PreTrainedModel, Trainer
from types import ModuleType

for line in sys.stdin:
    asked = json.loads(line)
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
        continue
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    out, error = (os.open(asked[name], os.O_WRONLY | os.O_CREAT) for name in ("out", "error"))
    for old, new in ((nothing, 0), (out, 1), (error, 2)):
        os.dup2(old, new)
    kind, what, *rest = asked["arguments"]
    sys.argv, sys.path[0] = [kind, *rest], ""
    if kind == "-m":
        sys.argv[0] = what
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        sys.modules["__main__"] = main = ModuleType("__main__")
        exec(compile(what, "<string>", "exec"), main.__dict__)
    sys.exit()
"""


@cache
def _server(owner: int) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )


def python(folder: Path, *arguments: str) -> str:
    """Run ``python -c TEXT`` or ``python -m MODULE ARGUMENTS`` in a folder, and return what it prints."""
    if sys.platform != "linux":  # elsewhere a process with torch in it may not survive a fork
        done = subprocess.run([sys.executable, *arguments], capture_output=True, encoding="utf-8", cwd=folder)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
    server = _server(os.getpid())
    assert server.stdin is not None
    assert server.stdout is not None
    with TemporaryDirectory() as place:
        out, error = Path(place) / "out", Path(place) / "error"
        asked = {"folder": str(folder), "arguments": arguments, "environment": dict(os.environ)}
        asked |= {"out": str(out), "error": str(error)}
        server.stdin.write(json.dumps(asked) + "\n")
        server.stdin.flush()
        code = int(server.stdout.readline())
        said, told = (file.read_text(encoding="utf-8") if file.exists() else "" for file in (out, error))
    assert code == 0, said + told
    return said
