"""EleutherAI's lm-evaluation-harness (the package ``lm_eval``) scores runs and folders of ours as model ``lengthwise``.

The harness finds models of other packages only after an import. So this module is imported before
``lm_eval.simple_evaluate``, or stands in for the command: ``python -m lengthwise.huggingface.harness`` takes what
``lm_eval`` takes.
"""

import sys
from typing import Any

import lengthwise.huggingface  # noqa: F401 - so that the Auto classes know our models
from lengthwise.errors import InputError, LengthwiseError

try:
    from lm_eval.__main__ import cli_evaluate
    from lm_eval.api.registry import model_registry
    from lm_eval.models.huggingface import HFLM
except ModuleNotFoundError as error:
    told = (
        f"The harness needs {(error.name or '').partition('.')[0]}; install it with pip install 'lengthwise[harness]'."
    )
    if __name__ == "__main__":
        sys.exit(f"Error: {told}")
    raise InputError(told) from None

NAME = "lengthwise"


class LengthwiseLM(HFLM):
    """The harness's own model of transformers, for the folders of runs and of our models.

    All options are those of ``HFLM``. ``max_length`` is the number of tokens that the model reads at once, 2,048 by
    default; a longer text is cut into windows of this length.

    Raises:
        InputError: for a tokenizer without an end token, such as that of a run on a task without text.
    """

    def __init__(self, pretrained: Any, backend: str = "causal", **options: Any) -> None:
        super().__init__(pretrained, backend, **options)
        if self.tokenizer.eos_token_id is None:
            raise InputError(
                f"The tokenizer of {self.tokenizer.name_or_path} has no end token, which the harness puts before a "
                "text; give a run on text, or use lengthwise evaluate."
            )


# By its name, so that the same module under another one, __main__, registers the same.
model_registry.register(NAME, target=f"lengthwise.huggingface.harness:{LengthwiseLM.__name__}")

if __name__ == "__main__":
    try:
        cli_evaluate()
    except LengthwiseError as error:
        sys.exit(f"Error: {error}")
