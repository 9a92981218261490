"""The margin of a mechanism that was swapped in is in the loss that the model computes."""

import pytest
import torch
from tests.pretrained.families import tiny, tokens

from lengthwise.attention.part import follow
from lengthwise.pretrained import swap


def test_a_classifier_has_the_margin_whole() -> None:
    """Its loss is not divided by the labels of the whole batch."""
    from transformers import LlamaForSequenceClassification

    model, ids = LlamaForSequenceClassification(tiny("llama").config), tokens()
    with swap(model, "threshold-relative[margin=2]"):
        follow(model, 1.0)
        model.train()
        labels = torch.tensor([0, 1])
        plain, divided = (model(ids, labels=labels, **of).loss for of in ({}, {"num_items_in_batch": torch.tensor(8)}))
        assert torch.equal(plain, divided)
        model.eval()
        assert plain - model(ids, labels=labels).loss > 0.05


def test_the_margin_is_in_the_loss_until_the_swap_is_undone() -> None:
    model, ids = tiny("llama"), tokens()
    losses = {}
    for margin in (0, 2):
        with swap(model, f"threshold-relative[margin={margin}]"):
            follow(model, 1.0)
            model.train()
            losses[margin] = model(ids, labels=ids).loss
            assert torch.equal(model(ids, labels=ids, return_dict=False)[0], losses[margin])
            if margin:
                halved = model(ids, labels=ids, num_items_in_batch=torch.tensor(2 * ids[:, 1:].numel())).loss
                assert halved.item() == pytest.approx(losses[margin].item() / 2, rel=1e-4)
                with pytest.warns(UserWarning, match="margin is in no loss"):
                    model(ids)
            model.eval()
    assert losses[2] - losses[0] > 0.05
    assert not model._forward_hooks
