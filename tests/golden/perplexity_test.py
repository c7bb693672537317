#!/usr/bin/env python3
"""Perplexity over recorded tokens is within 0.5 % of llama.cpp's.

    perplexity_test.py QUALITY_TOOL MODEL.gguf EXPECTED.json
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

TOLERANCE = 0.005


def main() -> None:
    tool, model, expected_path = sys.argv[1:4]
    expected = json.loads(Path(expected_path).read_text())
    with tempfile.NamedTemporaryFile("w", suffix=".json") as tokens:
        json.dump(expected["chunks"], tokens)
        tokens.flush()
        out = subprocess.run([tool, model, "--tokens", tokens.name], stdout=subprocess.PIPE,
                             check=True, text=True).stdout
    result = json.loads(out)
    positions = sum(len(chunk) - 1 - len(chunk) // 2 for chunk in expected["chunks"])
    assert result["positions"] == positions, (result, positions)
    ratio = result["perplexity_cpu"] / expected["perplexity"]
    print(f"perplexity {result['perplexity_cpu']:.4f}, llama.cpp {expected['llama_cpp']}: "
          f"{expected['perplexity']:.4f}, ratio {ratio:.5f}")
    if not abs(ratio - 1) <= TOLERANCE:
        sys.exit(f"more than {TOLERANCE:.1%} apart")


if __name__ == "__main__":
    main()
