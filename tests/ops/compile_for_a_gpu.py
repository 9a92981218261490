"""Compile the Triton kernels for a GPU that need not be there; says what came of it.

python compile_for_a_gpu.py COMPUTE_CAPABILITY DTYPE HEAD_DIM

For compute capability 8.0 these are all kernels in all forms; for others, those of training by threshold relative
attention and by forgetting gates, because compiling takes seconds.
"""

import json
import sys
from typing import Any

import torch
import triton
from triton.backends.compiler import GPUTarget

from lengthwise.ops.problem import Saved
from lengthwise.ops.threshold_relative.problem import Problem
from lengthwise.ops.threshold_relative.triton import launch
from lengthwise.ops.threshold_relative.triton.tuning import fitting
from lengthwise.ops.triton import launch as walks
from lengthwise.ops.walk import Rule, Walk


class Driver:
    """As much of a driver as compiling asks for."""

    def get_current_target(self) -> GPUTarget:
        return GPUTarget("cuda", int(sys.argv[1]), 32)

    def get_current_device(self) -> int:
        return 0

    def get_current_stream(self, device: int) -> int:
        return 0

    def get_active_torch_device(self) -> torch.device:
        return torch.device("cpu")


def compile_only(kernel: Any, grid: Any, arguments: Any) -> Any:
    """In the place of a launch: the first choice where tiles are searched for."""
    tuned, constants = getattr(kernel, "configs", None), {}
    if tuned:
        constants = fitting(tuned, {}, **arguments)[0].all_kwargs()
        kernel = kernel.fn
    if arguments.get("BROKEN") and arguments["FORM"] != "forgetting":  # the same addition to every form
        return
    names = {*kernel.arg_names, "num_warps", "num_stages"} - constants.keys()
    taken = {name: argument for name, argument in arguments.items() if name in names}
    compiled = kernel.warmup(**taken, **constants, grid=(1,))
    name = "_".join(filter(None, (kernel.__name__, arguments.get("FORM"))))
    row = {"name": name, "shared_memory": compiled.metadata.shared, "assembly": compiled.asm["ptx"]}
    found.append(row)


found: list[dict[str, object]] = []
all_of_them = sys.argv[1] == "80"
triton.runtime.driver.set_active(Driver())
for module in (launch, walks):
    vars(module)["run"] = compile_only
dtype, head_dim = getattr(torch, sys.argv[2]), int(sys.argv[3])
launch.SEARCHED_FROM = 0 if head_dim <= 64 else 2**62  # type: ignore[attr-defined]  # the fixed tiles of the wide
tensors = torch.empty(1, 4, 500, head_dim, dtype=dtype), torch.empty(1, 2, 500, head_dim, dtype=dtype)
for queries in (500, 1) if all_of_them else (500,):
    query, key, gates = tensors[0][:, :, :queries], tensors[1], torch.empty(1, 4, queries)
    launch.forward(Problem(query, key, key, gates, None, 0.0, 0.125, 2.0**-24, 8.01))
for deterministic in (False, True) if all_of_them else (True,):
    torch.use_deterministic_algorithms(deterministic)
    problem = Problem(tensors[0], key, key, torch.empty(1, 4, 500), None, 0.0, 0.125, 2.0**-24, None)
    launch.backward(problem, Saved(tensors[0], torch.empty(4, 1, 4, 500)), tensors[0])
query, numbers = tensors[0], torch.empty(1, 4, 500)
rules: dict[Rule, dict[str, Any]] = {
    Rule.FORGETTING: {"forgotten": numbers.double(), "sink": numbers},
    Rule.DISTANCE_BIAS: {"bias": numbers, "sink": numbers},
    Rule.STICK_BREAKING: {},
    Rule.SIGMOID: {"offset": numbers},
    Rule.SOFTPICK: {},
}
for rule, besides in list(rules.items())[: len(rules) if all_of_them else 1]:
    walk = Walk(rule, query, key, key, None, 0.125, 2.0**-24, **besides)
    walks.backward(walk, walks.forward(walk), query)
json.dump(found, sys.stdout)
