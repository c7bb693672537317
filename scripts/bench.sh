#!/usr/bin/env bash
# Speed of the engine on the two fetched models, and of the matrix kernels alone. With
# IX_PEER_BENCH=/path/to/llama-bench, five rounds that alternate with it.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${ROUNDS:-5}
for model in .cache/models/*.gguf; do
  for ((round = 1; round <= rounds; ++round)); do
    build/bench/bench/executor_bench "$model" -p 512 -n 128 -t 2 -r 1
    [ -z "${IX_PEER_BENCH:-}" ] || "$IX_PEER_BENCH" -m "$model" -p 512 -n 128 -t 2 -r 1 2>/dev/null
  done
done
build/bench/bench/matrix_bench
