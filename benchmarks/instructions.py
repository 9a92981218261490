"""How many instructions the CPU kernels take for a score, counted by emulators: the same on every machine.

    make neon && python benchmarks/instructions.py [--tokens 512]

Threshold relative attention in float32 that visits every key, one head of 64, by the blocks of queries that long walks
take. Counts are those of the emulators of ``make neon`` (64-bit ARM) and of valgrind (x86-64, which it emulates up to
AVX2). They are differences between sequences of ``tokens`` and of twice as many, so that they are free of what a start
costs.
"""

import os
import re
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

ARM = "qemu-aarch64 -L /usr/aarch64-linux-gnu -singlestep -d exec,nochain -D /dev/stdout build/neon/instructions"
X86 = "valgrind --tool=callgrind --callgrind-out-file=/dev/null build/x86/instructions"
CONFIGURE = "cmake -S native/tests -B build/x86 -DLENGTHWISE_SANITIZE="
BUILD = "cmake --build build/x86 --target instructions --parallel 2"
HEAD_DIM = 64
WIDTHS = {"NEON": 4, "avx2": 8, "portable": 4}
"""Lanes of a register; ``portable`` is SSE on x86-64."""


def on_arm(tokens: int, passes: int) -> int:
    """Count the instructions of a program on ARM, each of which the emulator logs."""
    with subprocess.Popen(
        [*ARM.split(), str(tokens), str(passes)], stdout=subprocess.PIPE, encoding="utf-8"
    ) as running:
        assert running.stdout is not None
        return sum(line.startswith("Trace") for line in running.stdout)


def on_x86(path: str, tokens: int, passes: int) -> int:
    """Count the instructions of an instruction path on x86-64."""
    environment = os.environ | {"LENGTHWISE_NATIVE": path}
    command = [*X86.split(), str(tokens), str(passes)]
    told = subprocess.run(command, env=environment, capture_output=True, encoding="utf-8", check=True).stderr
    found = re.search(r"Collected : (\d+)", told)
    assert found is not None, told
    return int(found[1])


def main(tokens: Annotated[int, typer.Option(help="Length of the shorter sequence.")] = 512) -> None:
    """Count, and print a row for each instruction path."""
    if not Path("build/neon/instructions").exists():
        raise typer.BadParameter("first run make neon, at the root of the repository.")
    if shutil.which("valgrind") is None:
        raise typer.BadParameter("valgrind is missing; install it with apt-get install valgrind.")
    for command in (CONFIGURE, BUILD):
        subprocess.run(command.split(), check=True, capture_output=True)
    longer = 2 * tokens
    scores = (longer * (longer + 1) - tokens * (tokens + 1)) / 2
    print("path      instructions per score: forward, backward; of them multiply-adds at least")
    for path, width in WIDTHS.items():
        counts = [
            on_arm(longer, passes) - on_arm(tokens, passes)
            if path == "NEON"
            else on_x86(path, longer, passes) - on_x86(path, tokens, passes)
            for passes in range(3)
        ]
        forward, backward = ((more - less) / scores for less, more in pairwise(counts))
        print(f"{path:9} {forward:.1f}, {backward:.1f}; {2 * HEAD_DIM // width}, {5 * HEAD_DIM // width}", flush=True)


if __name__ == "__main__":
    typer.run(main)
