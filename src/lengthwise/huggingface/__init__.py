"""Models of this package as Hugging Face models, for ``generate``, ``save_pretrained``, ``Trainer`` and their like.

Importing this room registers the classes with transformers. Then a folder that ``save_pretrained`` or ``lengthwise
export --huggingface`` has written, and the folder of every trained run, opens by one line::

    import lengthwise.huggingface
    model = AutoModelForCausalLM.from_pretrained("runs/text")
"""

from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

from lengthwise.huggingface.cache import LengthwiseCache
from lengthwise.huggingface.classification import LengthwiseForSequenceClassification, LengthwiseForTokenClassification
from lengthwise.huggingface.configuration import LengthwiseConfig
from lengthwise.huggingface.language_model import LengthwiseForCausalLM
from lengthwise.huggingface.model import LengthwiseModel

__all__ = [
    "LengthwiseCache",
    "LengthwiseConfig",
    "LengthwiseForCausalLM",
    "LengthwiseForSequenceClassification",
    "LengthwiseForTokenClassification",
    "LengthwiseModel",
]

AutoConfig.register(LengthwiseConfig.model_type, LengthwiseConfig)
AutoModel.register(LengthwiseConfig, LengthwiseModel)
AutoModelForCausalLM.register(LengthwiseConfig, LengthwiseForCausalLM)
AutoModelForSequenceClassification.register(LengthwiseConfig, LengthwiseForSequenceClassification)
AutoModelForTokenClassification.register(LengthwiseConfig, LengthwiseForTokenClassification)
