"""Pairs of models that compute the same, and prompts for them."""

from collections.abc import Callable, Iterator

import pytest
import torch
from tests.huggingface.pairs import WORDS, Pair, make_pair
from transformers.utils import logging


@pytest.fixture(autouse=True, scope="session")
def _quiet() -> Iterator[None]:
    """Without progress bars, and without reports of what a head leaves out."""
    before = logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    yield
    logging.enable_progress_bar()
    logging.set_verbosity(before)


@pytest.fixture(scope="session")
def pair() -> Callable[..., Pair]:
    """``pair("softmax+rope")`` is a decoder, and a Hugging Face model with the same weights."""
    return make_pair


@pytest.fixture
def tokens() -> torch.Tensor:
    """Three prompts of nine tokens."""
    return torch.randint(WORDS, (3, 9), generator=torch.Generator().manual_seed(0), dtype=torch.long, device="cpu")
