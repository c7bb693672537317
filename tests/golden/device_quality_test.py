#!/usr/bin/env python3
"""A real model on a PJRT plugin against float32: divergence, and greedy tokens.

    device_quality_test.py IX QUALITY MODEL PLUGIN CHUNKS.json GREEDY.json --weights FORM

The mean Kullback-Leibler divergence from float32 (ix --precise) over the second half of each chunk
stays below a bound of the form. Greedy tokens are those of float32 up to the first place where its
two best log-probabilities are closer than 0.1 (not asked of int8).
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from greedy_test import CLOSE, agreed_tokens, generate, prompt_of

MOST_DIVERGENCE = {"bf16": 0.002, "f16": 0.002, "q4": 0.002, "int8": 0.02}


def divergence(args: argparse.Namespace, chunks: list) -> float:
    with tempfile.NamedTemporaryFile("w", suffix=".json") as tokens:
        json.dump(chunks, tokens)
        tokens.flush()
        out = subprocess.run([args.quality, args.model, "--tokens", tokens.name, "--precise",
                              "--plugin", args.plugin, "--weights", args.weights, "--tp", args.tp],
                             stdout=subprocess.PIPE, check=True, text=True).stdout
    result = json.loads(out)
    assert result["positions"] == sum(len(c) - 1 - len(c) // 2 for c in chunks), result
    print(f"{args.weights}: mean divergence {result['mean_kl']:.6f} over {result['positions']} "
          f"positions, perplexity {result['perplexity']:.4f}, "
          f"float32 {result['perplexity_float32']:.4f}")
    return result["mean_kl"]


def gap(top: list) -> float:
    return top[0]["logprob"] - top[1]["logprob"]


def wrong_case(args: argparse.Namespace, case: dict) -> str | None:
    """What is wrong with a greedy continuation."""
    prompt = prompt_of(case)
    device = ["--device", f"pjrt:{args.plugin}", "--weights", args.weights, "--tp", args.tp]
    exact = generate(args.ix, args.model, prompt, args.tokens, ["--precise", "--logprobs", "2"])
    found = generate(args.ix, args.model, prompt, args.tokens, device)
    agreed = agreed_tokens(found["tokens"], exact["tokens"])
    close = next((i for i, token in enumerate(exact["logprobs"]) if gap(token["top"]) < CLOSE),
                 len(exact["tokens"]))
    print(f"{prompt[:40]!r}: {agreed} of {len(exact['tokens'])} tokens agree, "
          f"first close choice at {close}")
    return None if agreed >= close else f"{prompt[:40]!r} parts at {agreed}"


def main() -> None:
    parser = argparse.ArgumentParser()
    for name in ("ix", "quality", "model", "plugin", "chunks", "greedy"):
        parser.add_argument(name)
    parser.add_argument("--weights", choices=sorted(MOST_DIVERGENCE), required=True)
    parser.add_argument("--tp", default="1")
    parser.add_argument("--tokens", type=int, default=24)
    parser.add_argument("--cases", type=int, required=True)
    parser.add_argument("--most-chunks", type=int, required=True)
    args = parser.parse_args()
    failures = []
    chunks = json.loads(Path(args.chunks).read_text())["chunks"][: args.most_chunks]
    if divergence(args, chunks) > MOST_DIVERGENCE[args.weights]:
        failures.append(f"the divergence is above {MOST_DIVERGENCE[args.weights]}")
    if args.weights != "int8":
        cases = json.loads(Path(args.greedy).read_text())["cases"][: args.cases]
        failures += filter(None, (wrong_case(args, case) for case in cases))
    if failures:
        sys.exit("; ".join(failures))


if __name__ == "__main__":
    main()
