"""Output parts: what is done to the attended values. One file each; a new one is one more line here."""

from typing import TYPE_CHECKING

from lengthwise.registry import Registry
from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.attention.outputs.insertion import Insertion, insert
    from lengthwise.attention.outputs.saving import load
    from lengthwise.attention.parts import Output

__all__ = ["OUTPUTS", "Insertion", "insert", "load"]

__getattr__, __dir__ = on_demand(__name__)

OUTPUTS: "Registry[type[Output]]" = Registry(
    "output part",
    {
        "none": "lengthwise.attention.parts:Output",
        "layer-norm": "lengthwise.attention.outputs.layer_norm:LayerNorm",
        "rms-norm": "lengthwise.attention.outputs.rms_norm:RMSNorm",
        "standardise": "lengthwise.attention.outputs.standardise:Standardise",
        "scale": "lengthwise.attention.outputs.scale:Scale",
        "gate": "lengthwise.attention.outputs.gate:Gate",
        "head-gate": "lengthwise.attention.outputs.gate:HeadGate",
    },
)
