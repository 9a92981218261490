"""Text.

A corpus of documents in the tokens of a tokenizer (:mod:`lengthwise.text`).
"""
