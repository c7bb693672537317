#!/usr/bin/env python3
"""Greedy continuations agree with llama.cpp's recorded ones.

    greedy_test.py IX MODEL.gguf EXPECTED.json [--precise] [--cases N]

A case breaks the rule when it differs from llama.cpp before the first place where llama.cpp's two
best log-probabilities are closer than 0.1.

--precise, held against llama.cpp on the same weights expanded to float32: no case may break the
rule, and more than half must agree wholly.
Otherwise, held against llama.cpp as it runs the file: 8-bit activations make both engines differ
from float32, and llama.cpp with one kind of attention breaks the rule against itself with the other.
So cases may break the rule, and agree wholly, no worse than llama.cpp does with itself: within the
three standard deviations that such counts scatter by.
"""
import argparse
import json
import math
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


def generate(ix: str, model: str, prompt: str, count: int, options: list[str]) -> dict:
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write(prompt + "\n")  # -f drops one newline at the end
        file.flush()
        run = subprocess.run([ix, "run", "-m", model, "--raw", "-f", file.name, "-n", str(count),
                              "--temp", "0", "--json", *options], stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        sys.exit(f"ix run ended with {run.returncode} for prompt {prompt[:60]!r}")
    return json.loads(run.stdout)


def first_close(gaps: list) -> int:
    # An unknown gap is taken as a wide one.
    return next((i for i, gap in enumerate(gaps) if gap is not None and gap < CLOSE), len(gaps))


def agreed_tokens(found: list[int], expected: list[int]) -> int:
    return next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b),
                min(len(found), len(expected)))


def breaks_rule(found: list[int], expected: dict) -> bool:
    return agreed_tokens(found, expected["tokens"]) < first_close(expected["gaps"])


def most_by_chance(count: int, cases: int) -> float:
    """What a count of `count` in `cases` may scatter up to: two such counts, three deviations."""
    share = max(count, 1) / cases
    return count + 3 * math.sqrt(2 * cases * share * (1 - share))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("ix")
    parser.add_argument("model")
    parser.add_argument("expected", type=Path)
    parser.add_argument("--precise", action="store_true")
    parser.add_argument("--cases", type=int, default=None)
    args = parser.parse_args()
    recorded = json.loads(args.expected.read_text())
    cases = recorded["cases"][: args.cases]
    whole, broken, failures = 0, [], []
    for case in cases:
        expected = case["float32"] if args.precise else case
        answer = generate(args.ix, args.model, prompt_of(case), len(expected["tokens"]),
                          ["--precise"] if args.precise else [])
        name = repr(prompt_of(case)[:40])
        if answer["prompt_tokens"] != len(case["prompt_tokens"]):
            failures.append(f"{name}: {answer['prompt_tokens']} prompt tokens, llama.cpp has "
                            f"{len(case['prompt_tokens'])}")
        agreed = agreed_tokens(answer["tokens"], expected["tokens"])
        whole += agreed == len(expected["tokens"])
        if breaks_rule(answer["tokens"], expected):
            broken.append(f"{name}: differs at token {agreed}, where llama.cpp's two best are "
                          f"{expected['gaps'][agreed]} apart")
    own_whole = sum(case["other_attention"] == case["tokens"] for case in cases)
    own_broken = sum(breaks_rule(case["other_attention"], case) for case in cases)
    print(f"{whole} of {len(cases)} agree wholly with llama.cpp {recorded['llama_cpp']}, "
          f"{len(broken)} break the rule; llama.cpp with itself: {own_whole} and {own_broken}")
    print("\n".join(broken))
    if args.precise:
        failures += broken
        if 2 * whole <= len(cases):
            failures.append("fewer than most agree wholly")
    else:
        if len(broken) > most_by_chance(own_broken, len(cases)):
            failures.append("more cases break the rule than llama.cpp's own do")
        if len(cases) - whole > most_by_chance(len(cases) - own_whole, len(cases)):
            failures.append("fewer cases agree wholly than llama.cpp's own do")
    if failures:
        sys.exit("\n".join(failures))


if __name__ == "__main__":
    main()
