"""Output parts for models that were built without them: inserting, saving and loading such parts."""

from typing import TYPE_CHECKING

from lengthwise.source import on_demand

if TYPE_CHECKING:
    from lengthwise.pretrained.outputs.insertion import Insertion, insert
    from lengthwise.pretrained.outputs.loading import load

__all__ = ["Insertion", "insert", "load"]

__getattr__, __dir__ = on_demand(__name__)
