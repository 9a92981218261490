"""Text as tokens: corpora of documents, tokenizers, and files of tokens that are written once and read by place."""
