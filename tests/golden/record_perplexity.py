#!/usr/bin/env python3
"""Records llama.cpp's perplexity over the fetched text: the expectation of perplexity_test.py.

    record_perplexity.py --perplexity /path/to/llama-perplexity --version b11434 \
        --float32 MODEL-f32.gguf MODEL.gguf OUT.json

Chunks of 512 tokens, of which the second half is scored; 16 chunks = 4,080 scored tokens. The first 8
chunks = 2,040 also with the same weights expanded to float32 (llama-quantize --allow-requantize
MODEL.gguf MODEL-f32.gguf f32).
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
CHUNKS_FLOAT32 = 8


def run(args: argparse.Namespace, model: Path, chunks: int, base: str) -> tuple[float, np.ndarray]:
    """Perplexity, and the tokens [chunks, CONTEXT] that llama.cpp scored."""
    out = subprocess.run(
        [args.perplexity, "-m", str(model), "-f", str(TEXT), "-c", str(CONTEXT), "-b", str(CONTEXT),
         "--chunks", str(chunks), "-t", "2", "--kl-divergence-base", base],
        capture_output=True, text=True, check=True)
    final = re.search(r"Final estimate: PPL = ([0-9.]+)", out.stdout + out.stderr)
    header = np.fromfile(base, dtype=np.int32, count=5 + CONTEXT * chunks)
    assert header[2] == CONTEXT and header[4] == chunks, header[:5]
    return float(final[1]), header[5:].reshape(chunks, CONTEXT)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--perplexity", required=True)
    parser.add_argument("--version", required=True, help="llama.cpp's version, for the record")
    parser.add_argument("--float32", type=Path, required=True, help="the model with float32 weights")
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    with tempfile.NamedTemporaryFile(suffix=".kld") as base:
        perplexity, tokens = run(args, args.model, CHUNKS, base.name)
        short, _ = run(args, args.model, CHUNKS_FLOAT32, base.name)
        float32, first = run(args, args.float32, CHUNKS_FLOAT32, base.name)
    assert (first == tokens[:CHUNKS_FLOAT32]).all()
    args.out.write_text(json.dumps({
        "llama_cpp": args.version, "model": args.model.name,
        "model_sha256": hashlib.sha256(args.model.read_bytes()).hexdigest(),
        "perplexity": perplexity,
        "float32": {"chunks": CHUNKS_FLOAT32, "perplexity": float32,
                    "file": [short]},
        "chunks": tokens.tolist()},
        separators=(",", ":")).replace("],[", "],\n[") + "\n")


if __name__ == "__main__":
    main()
