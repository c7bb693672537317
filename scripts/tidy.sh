#!/usr/bin/env bash
# clang-tidy over the sources. Default: files that differ from the branch point of main (or from the
# last commit on main itself); --all: every file. Findings are errors.
set -euo pipefail
cd "$(dirname "$0")/.."
base=
if [ "${1:-}" != "--all" ]; then
  base=$(git merge-base HEAD origin/main 2>/dev/null || true)
  [ -z "$base" ] || [ "$base" = "$(git rev-parse HEAD)" ] && base=$(git rev-parse -q --verify HEAD~1 || true)
  [ -n "$base" ] || exit 0
fi
# sources PATHSPEC...: the files to look at.
sources() {
  if [ -n "$base" ]; then git diff --name-only --diff-filter=d "$base" -- "$@"; else git ls-files "$@"; fi
}
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# tidy PRESET FILES ARGUMENT...: with the compilation database of a preset that is configured.
tidy() {
  local preset=$1 files=$2
  shift 2
  if ! echo "$files" | xargs -P "$(nproc)" -n 4 clang-tidy-14 -p "build/$preset" --quiet \
      --extra-arg=-Wno-unknown-warning-option "$@" >"$log" 2>/dev/null; then
    cat "$log"
    exit 1
  fi
  echo "tidy: $(echo "$files" | wc -l) files are clean ($preset)"
}

# Kernels for Arm are not in the compilation database of this CPU.
files=$(sources 'src/*.cc' 'apps/*.cc' ':!*_neon*.cc')
if [ -n "$files" ]; then
  cmake --preset tidy >/dev/null
  cmake --build build/tidy --target ix_generated ix_hlo_generated >/dev/null
  tidy tidy "$files"
fi
files=$(sources '*_neon*.cc')
if [ -n "$files" ]; then
  scripts/arm64-sysroot.sh
  cmake --preset arm64 >/dev/null
  tidy arm64 "$files" --extra-arg-before=--target=aarch64-linux-gnu
fi
