#!/usr/bin/env python3
"""Records llama.cpp's perplexity over the fetched text: the expectation of perplexity_test.py.

    record_perplexity.py --perplexity /path/to/llama-perplexity --version b11434 MODEL.gguf OUT.json

Chunks of 512 tokens, of which the second half is scored; 16 chunks = 4,080 scored tokens.
"""
import argparse
import hashlib
import json
import re
import subprocess
import tempfile
from pathlib import Path

import numpy as np

TEXT = Path(__file__).resolve().parents[2] / ".cache" / "text" / "docs.txt"
CONTEXT = 512
CHUNKS = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--perplexity", required=True)
    parser.add_argument("--version", required=True, help="llama.cpp's version, for the record")
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    with tempfile.NamedTemporaryFile(suffix=".kld") as base:
        run = subprocess.run(
            [args.perplexity, "-m", str(args.model), "-f", str(TEXT), "-c", str(CONTEXT), "-b",
             str(CONTEXT), "--chunks", str(CHUNKS), "-t", "2", "--kl-divergence-base", base.name],
            capture_output=True, text=True, check=True)
        final = re.search(r"Final estimate: PPL = ([0-9.]+)", run.stdout + run.stderr)
        header = np.fromfile(base.name, dtype=np.int32, count=5 + CONTEXT * CHUNKS)
    assert header[2] == CONTEXT and header[4] == CHUNKS, header[:5]
    args.out.write_text(json.dumps({
        "llama_cpp": args.version, "model": args.model.name,
        "model_sha256": hashlib.sha256(args.model.read_bytes()).hexdigest(),
        "perplexity": float(final[1]),
        "chunks": header[5:].reshape(CHUNKS, CONTEXT).tolist()},
        separators=(",", ":")).replace("],[", "],\n[") + "\n")


if __name__ == "__main__":
    main()
