"""Our decoder as Hugging Face models; importing this package makes the Auto classes know the models.

``AutoModelForCausalLM.from_pretrained`` then opens what ``save_pretrained`` wrote, and the folder of a trained run.
"""

from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    AutoTokenizer,
)

from lengthwise.huggingface.configuration import LengthwiseConfig
from lengthwise.huggingface.modeling import (
    LengthwiseForCausalLM,
    LengthwiseForSequenceClassification,
    LengthwiseForTokenClassification,
    LengthwiseModel,
)
from lengthwise.huggingface.tokenizer import LengthwiseTokenizer

__all__ = [
    "LengthwiseConfig",
    "LengthwiseForCausalLM",
    "LengthwiseForSequenceClassification",
    "LengthwiseForTokenClassification",
    "LengthwiseModel",
]

AutoConfig.register(LengthwiseConfig.model_type, LengthwiseConfig, exist_ok=True)
AutoModel.register(LengthwiseConfig, LengthwiseModel, exist_ok=True)
AutoModelForCausalLM.register(LengthwiseConfig, LengthwiseForCausalLM, exist_ok=True)
AutoModelForSequenceClassification.register(LengthwiseConfig, LengthwiseForSequenceClassification, exist_ok=True)
AutoModelForTokenClassification.register(LengthwiseConfig, LengthwiseForTokenClassification, exist_ok=True)
AutoTokenizer.register(LengthwiseConfig, fast_tokenizer_class=LengthwiseTokenizer, exist_ok=True)
