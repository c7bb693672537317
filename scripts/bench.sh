#!/usr/bin/env bash
# Limits of this machine, speed of ix on the two fetched models, and of matrix products. With
# IX_PEER_BENCH=/path/to/llama-bench, and IX_PEER_BATCHED=/path/to/llama-batched-bench for streams,
# rounds that alternate with that peer instead. ROUNDS, THREADS: 5 and 2 unless set.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${ROUNDS:-5}
threads=${THREADS:-2}
ix=build/bench/apps/ix/ix
models=(.cache/models/*.gguf)

build/bench/bench/limits/ix_limits -t "$threads"
if [ -n "${IX_PEER_BENCH:-}${IX_PEER_BATCHED:-}" ]; then
  compare=(python3 bench/compare --rounds "$rounds" -t "$threads")
  for model in "${models[@]}"; do compare+=(-m "$model"); done
  mkdir -p build/bench/results
  if [ -n "${IX_PEER_BENCH:-}" ]; then
    "${compare[@]}" --peer "peer=$IX_PEER_BENCH" -o build/bench/results/compare.json
    python3 bench/roofline.py build/bench/results/compare.json -o build/bench/results/roofline.svg
  fi
  if [ -n "${IX_PEER_BATCHED:-}" ]; then
    "${compare[@]}" -p 0 -npl 8 --peer-batched "peer=$IX_PEER_BATCHED" \
      -o build/bench/results/streams.json
  fi
  echo "bench: results are in build/bench/results"
else
  for model in "${models[@]}"; do
    "$ix" bench -m "$model" -r "$rounds" -t "$threads" -npl 1,2,4,8
  done
fi
"$ix" bench gemm -t "$threads" -r "$rounds"
