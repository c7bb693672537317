#!/usr/bin/env bash
# clang-tidy over the sources. Default: files that differ from the branch point of main (or from the
# last commit on main itself); --all: every file. Findings are errors.
set -euo pipefail
cd "$(dirname "$0")/.."
# Kernels for Arm are not in the compilation database of this CPU.
sources=('src/*.cc' 'apps/*.cc' ':!*_neon*.cc')
if [ "${1:-}" = "--all" ]; then
  files=$(git ls-files "${sources[@]}")
else
  base=$(git merge-base HEAD origin/main 2>/dev/null || true)
  [ -z "$base" ] || [ "$base" = "$(git rev-parse HEAD)" ] && base=$(git rev-parse -q --verify HEAD~1 || true)
  [ -n "$base" ] || exit 0
  files=$(git diff --name-only --diff-filter=d "$base" -- "${sources[@]}")
fi
[ -n "$files" ] || { echo "tidy: no changed sources"; exit 0; }
cmake --preset tidy >/dev/null
cmake --build build/tidy --target ix_generated ix_hlo_generated >/dev/null
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! echo "$files" | xargs -P "$(nproc)" -n 4 clang-tidy-14 -p build/tidy --quiet \
    --extra-arg=-Wno-unknown-warning-option >"$log" 2>/dev/null; then
  cat "$log"
  exit 1
fi
echo "tidy: $(echo "$files" | wc -l) files are clean"
