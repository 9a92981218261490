"""What a generated token costs after a short and after a long prompt, through ``generate`` of transformers.

    python benchmarks/generation.py [--prompt 100000] [--tokens 1000] [-a threshold-relative -a softmax+rope …]

Decoders of one size with fresh weights read a prompt of 1,000 random tokens and a longer one, and generate greedily.
The table has milliseconds per generated token after each, and their ratio; the reading of the prompt is left out. With
threshold relative attention a step reads its horizon only, so that the ratio stays near 1 while the gates are fresh.
"""

import argparse
import time

import torch

from lengthwise.huggingface import LengthwiseCache, LengthwiseConfig, LengthwiseForCausalLM

SHORT = 1_000


@torch.no_grad()
def per_token(model: LengthwiseForCausalLM, prompt: int, tokens: int) -> float:
    """Return the time of one generated token after a prompt of random tokens [ms]."""
    generator = torch.Generator().manual_seed(0)
    read = torch.randint(256, (1, prompt), generator=generator, dtype=torch.long, device="cpu")
    cache = LengthwiseCache()
    for part in read[:, :-1].split(8_192, dim=1):
        model.model(part, past_key_values=cache)
    greedy = {"do_sample": False, "past_key_values": cache, "eos_token_id": None}
    model.generate(read, max_new_tokens=8, **greedy)  # the first steps prepare
    cache.crop(prompt - 1 - cache.held.tokens)
    began = time.perf_counter()
    model.generate(read, max_new_tokens=tokens, **greedy)
    return 1_000 * (time.perf_counter() - began) / tokens


def main() -> None:
    parser = argparse.ArgumentParser(description="What a generated token costs after a short and a long prompt.")
    parser.add_argument("--prompt", type=int, default=100_000)
    parser.add_argument("--tokens", type=int, default=1_000)
    parser.add_argument("-a", "--mechanism", action="append")
    given = parser.parse_args()
    print(f"| mechanism | after {SHORT:,} tokens, ms | after {given.prompt:,} tokens, ms | ratio |\n|---|---|---|---|")
    for mechanism in given.mechanism or ("threshold-relative", "softmax+rope"):
        torch.manual_seed(0)
        config = LengthwiseConfig(vocab_size=256, dim=256, layers=4, heads=4, mechanism=mechanism)
        model = LengthwiseForCausalLM(config).eval()
        short, long = per_token(model, SHORT, given.tokens), per_token(model, given.prompt, given.tokens)
        print(f"| {mechanism} | {short:.2f} | {long:.2f} | {long / short:.2f} |", flush=True)


if __name__ == "__main__":
    main()
