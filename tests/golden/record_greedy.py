#!/usr/bin/env python3
"""Records what llama.cpp answers greedily: the expectations of greedy_test.py.

    record_greedy.py --server /path/to/llama-server --version b11434 \\
                     --float32 MODEL-F32.gguf MODEL.gguf OUT.json

MODEL-F32.gguf is MODEL.gguf with its weights expanded (llama-quantize --allow-requantize ... F32).
For each prompt of prompts.json, and for one long prompt from the fetched text (past every sliding
window of the models), up to 64 tokens and the gap between the two best log-probabilities at each:
  tokens, gaps          as llama.cpp runs the file
  other_attention       the tokens with flash attention off: how far llama.cpp agrees with itself
  float32               tokens and gaps from the expanded weights, flash attention off, f32 KV cache
"""
import argparse
import hashlib
import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
TEXT = HERE.parents[1] / ".cache" / "text" / "docs.txt"
LONG_PROMPT_BYTES = 4000


def post(port: int, path: str, body: dict) -> dict:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", json.dumps(body).encode(),
                                     {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=600) as response:
        return json.load(response)


def wait_until_ready(port: int) -> None:
    for _ in range(600):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit("the server did not become ready")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def record(port: int, text: str, n_predict: int) -> dict:
    tokens = post(port, "/tokenize", {"content": text, "add_special": True})["tokens"]
    answer = post(port, "/completion", {
        "prompt": tokens, "n_predict": n_predict, "temperature": 0, "n_probs": 2,
        "cache_prompt": False, "return_tokens": True, "samplers": ["temperature"], "seed": 1})
    return {"prompt_tokens": tokens, "tokens": answer["tokens"],
            "gaps": gaps_of(answer["tokens"], answer["completion_probabilities"])}


def gaps_of(tokens: list[int], steps: list[dict]) -> list:
    """Gap of each token; None where the server gives none: it leaves out the steps whose token ends
    within a UTF-8 character."""
    gaps = []
    steps = iter(steps)
    step = next(steps, None)
    for token in tokens:
        if step is None or step["id"] != token:
            gaps.append(None)
            continue
        best = sorted((top["logprob"] for top in step["top_logprobs"]), reverse=True)
        gaps.append(round(best[0] - best[1], 5))
        step = next(steps, None)
    if step is not None:
        raise SystemExit("probabilities that belong to no token")
    return gaps


def prompts() -> list[dict]:
    cases = [{"prompt": text} for text in json.loads((HERE / "prompts.json").read_text())]
    return [*cases, {"prompt_from_text_bytes": LONG_PROMPT_BYTES}]


def text_of(case: dict) -> str:
    if "prompt" in case:
        return case["prompt"]
    return TEXT.read_bytes()[: case["prompt_from_text_bytes"]].decode(errors="ignore")


def record_all(server_path: str, model: Path, options: list[str]) -> list[dict]:
    port = free_port()
    server = subprocess.Popen([server_path, "-m", str(model), "--port", str(port), "-c", "4096",
                               "-np", "1", "-t", "2", "--host", "127.0.0.1", *options],
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_until_ready(port)
        return [record(port, text_of(case), 64) for case in prompts()]
    finally:
        server.terminate()
        server.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--server", required=True)
    parser.add_argument("--version", required=True, help="llama.cpp's version, for the record")
    parser.add_argument("--float32", type=Path, required=True)
    parser.add_argument("model", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()

    usual = record_all(args.server, args.model, ["-fa", "on"])
    other = record_all(args.server, args.model, ["-fa", "off"])
    exact = record_all(args.server, args.float32, ["-fa", "off", "-ctk", "f32", "-ctv", "f32"])
    cases = [{**prompt, **case, "other_attention": off["tokens"],
              "float32": {"tokens": full["tokens"], "gaps": full["gaps"]}}
             for prompt, case, off, full in zip(prompts(), usual, other, exact)]
    args.out.write_text(json.dumps({
        "llama_cpp": args.version, "model": args.model.name,
        "model_sha256": hashlib.sha256(args.model.read_bytes()).hexdigest(),
        "cases": cases}, ensure_ascii=False, separators=(",", ":"))
        .replace('},{"prompt', '},\n{"prompt') + "\n")
    print(f"{len(cases)} cases recorded in {args.out}")


if __name__ == "__main__":
    main()
