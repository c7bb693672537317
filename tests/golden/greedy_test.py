#!/usr/bin/env python3
"""Greedy continuations agree with llama.cpp's recorded ones.

    greedy_test.py IX MODEL.gguf EXPECTED.json [--cases N]

Every case must agree up to the first place where llama.cpp's two best log-probabilities are closer
than 0.1, and more than half of the cases must agree wholly.
"""
import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

TEXT = Path(__file__).resolve().parents[2] / ".cache" / "text" / "docs.txt"
CLOSE = 0.1


def prompt_of(case: dict) -> str:
    if "prompt" in case:
        return case["prompt"]
    return TEXT.read_bytes()[: case["prompt_from_text_bytes"]].decode(errors="ignore")


def generate(ix: str, model: str, prompt: str, count: int) -> dict:
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write(prompt + "\n")  # -f drops one newline at the end
        file.flush()
        run = subprocess.run([ix, "run", "-m", model, "--raw", "-f", file.name, "-n", str(count),
                              "--temp", "0", "--json"], stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        sys.exit(f"ix run ended with {run.returncode} for prompt {prompt[:60]!r}")
    return json.loads(run.stdout)


def first_close(gaps: list[float]) -> int:
    return next((i for i, gap in enumerate(gaps) if gap < CLOSE), len(gaps))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("ix")
    parser.add_argument("model")
    parser.add_argument("expected", type=Path)
    parser.add_argument("--cases", type=int, default=None)
    args = parser.parse_args()
    expected = json.loads(args.expected.read_text())
    cases = expected["cases"][: args.cases]
    whole, failures = 0, []
    for case in cases:
        answer = generate(args.ix, args.model, prompt_of(case), len(case["tokens"]))
        name = prompt_of(case)[:40]
        if answer["prompt_tokens"] != len(case["prompt_tokens"]):
            failures.append(f"{name!r}: {answer['prompt_tokens']} prompt tokens, llama.cpp has "
                            f"{len(case['prompt_tokens'])}")
        agreed = next((i for i, (a, b) in enumerate(zip(answer["tokens"], case["tokens"]))
                       if a != b), min(len(answer["tokens"]), len(case["tokens"])))
        needed = min(first_close(case["gaps"]), len(case["tokens"]))
        whole += agreed == len(case["tokens"])
        if agreed < needed:
            failures.append(f"{name!r}: differs at token {agreed}, where llama.cpp's two best are "
                            f"{case['gaps'][agreed]} apart")
    print(f"{whole} of {len(cases)} agree wholly with llama.cpp {expected['llama_cpp']}")
    if 2 * whole <= len(cases):
        failures.append("fewer than most agree wholly")
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
