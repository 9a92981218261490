"""Writing a trained run as a plain Hugging Face folder."""

import os
import shutil
from pathlib import Path

from lengthwise.errors import InputError
from lengthwise.experiments.folder import RunFolder
from lengthwise.experiments.start import trained_weights
from lengthwise.files import check_folder, explained, write
from lengthwise.huggingface.card import card
from lengthwise.huggingface.modeling import LengthwiseForCausalLM
from lengthwise.huggingface.tokenizer import write_tokenizer


def export(run: Path, folder: Path) -> None:
    """Write the model of a trained run into a new folder: weights, tokenizer, and a model card with its numbers.

    The folder appears when it is complete.

    Raises:
        InputError: if ``run`` is not the folder of a trained run of a decoder, or if ``folder`` is not empty.
        RunError: if the checkpoint is damaged, or if the disk is full.
    """
    trained_weights(run)
    check_folder(folder)
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; choose another folder for the Hugging Face model.")
    model = LengthwiseForCausalLM.from_pretrained(run)
    folder = folder.absolute()
    writing = folder.with_name(f".{folder.name}.{os.getpid()}")
    with explained("write", folder):
        try:
            writing.mkdir(parents=True)
            model.save_pretrained(writing)
            held = RunFolder(run).read()
            write_tokenizer(held.config.build_task(), writing)
            write(writing / "README.md", card(held, folder.name))
            writing.replace(folder)
        finally:
            shutil.rmtree(writing, ignore_errors=True)
