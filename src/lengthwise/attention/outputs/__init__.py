"""Output parts transform the attended values. Each part has its own file; a new part adds one line here."""

from typing import TYPE_CHECKING

from lengthwise.registry import Registry

if TYPE_CHECKING:
    from lengthwise.attention.parts import Output

__all__ = ["OUTPUTS"]

OUTPUTS: "Registry[type[Output]]" = Registry(
    "output part",
    {
        "none": "lengthwise.attention.outputs.none:Unchanged",
        "layer-norm": "lengthwise.attention.outputs.layer_norm:LayerNorm",
        "layer-norm-gelu": "lengthwise.attention.outputs.layer_norm_gelu:LayerNormGelu",
        "rms-norm": "lengthwise.attention.outputs.rms_norm:RMSNorm",
        "standardise": "lengthwise.attention.outputs.standardise:Standardise",
        "scale": "lengthwise.attention.outputs.scale:Scale",
        "gate": "lengthwise.attention.outputs.gate:Gate",
        "head-gate": "lengthwise.attention.outputs.gate:HeadGate",
    },
)
