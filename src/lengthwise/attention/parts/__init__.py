"""The base classes of a mechanism's parts, and the sizes that parts are built from.

*Position* encodes where tokens stand: it changes the embeddings, turns queries and keys, or adds a bias to the scores.
*Weights* turns scores into weights and attends. *Output* treats the attended values. *Numbering* gives each token its
number before the other parts act. Each part is a module in its own file; the file and the class carry the part's name.

A part declares its options, such as the base of its rotations, in a class ``Options`` (:mod:`lengthwise.options`). It
takes options by keyword, and keeps them as ``options``. It declares the uses that it supports, and the properties of
its result, as ``traits`` (:mod:`lengthwise.attention.traits`). :class:`~lengthwise.attention.part.Part`
explains how a part names the model that has to be trained before it.
"""

from lengthwise.attention.parts.numbering import Numbering
from lengthwise.attention.parts.output import Output
from lengthwise.attention.parts.position import Bias, Embedding, Position, Rotation
from lengthwise.attention.parts.sizes import Sizes
from lengthwise.attention.parts.weights import Weights

__all__ = ["Bias", "Embedding", "Numbering", "Output", "Position", "Rotation", "Sizes", "Weights"]
