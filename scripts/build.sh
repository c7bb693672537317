#!/usr/bin/env bash
# build.sh PRESET [TARGET...]: configures a preset once and builds it, quietly unless it fails.
set -euo pipefail
cd "$(dirname "$0")/.."
# Paths of this checkout must not keep another checkout from sharing the cache.
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
preset=$1
shift
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if [ ! -f "build/$preset/build.ninja" ]; then
  echo "build: configuring build/$preset"
  cmake --preset "$preset" >"$log" 2>&1 || { cat "$log" >&2; exit 1; }
fi
if [ "$(ninja -C "build/$preset" -n ${@:+"$@"} 2>/dev/null | tail -1)" = "ninja: no work to do." ]; then
  exit 0
fi
echo "build: building build/$preset ${*:-all targets} (minutes the first time)"
if [ -t 1 ]; then
  ninja -C "build/$preset" ${@:+"$@"}
else
  ninja -C "build/$preset" ${@:+"$@"} >"$log" 2>&1 || { grep -v '^\[' "$log" | tail -100 >&2; exit 1; }
fi
