#!/usr/bin/env bash
# Builds and runs the tests: the release build, then the suite under the address and
# undefined-behaviour sanitizers, then format and clang-tidy on changed files, then the kernels for
# 64-bit Arm under qemu.
#   test.sh          what CI runs, within the budgets of docs/testing.md
#   test.sh --full   also models of real size, every model and degree on the fakes of devices, XLA and
#                    the fakes under the sanitizers, the thread sanitizer, clang-tidy on everything
set -euo pipefail
cd "$(dirname "$0")/.."
full=false
[ "${1:-}" = "--full" ] && full=true

step() { printf '\n== %s (%d s so far)\n' "$1" "$SECONDS"; }
# suite PRESET LABELS...: builds a preset and runs its tests; prints failures and times by label.
suite() {
  local preset=$1
  shift
  scripts/build.sh "$preset"
  ctest --test-dir "build/$preset" --output-on-failure --no-tests=error -j"$(nproc)" "$@" \
    >"build/$preset/ctest.log" 2>&1 || { tail -200 "build/$preset/ctest.log"; return 1; }
  sed -n '/tests passed/,$p' "build/$preset/ctest.log"
}

step "format"
git ls-files '*.h' '*.cc' '*.c' | xargs clang-format-14 --dry-run --Werror

step "address and undefined-behaviour sanitizers"
export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1
if $full; then suite asan-ubsan-devices -LE 'matrix|large'; else suite asan-ubsan; fi

if $full; then
  step "thread sanitizer"
  suite tsan -L 'unit'
  step "clang-tidy on everything"
  scripts/tidy.sh --all
else
  step "clang-tidy on changed files"
  scripts/tidy.sh
fi

step "arm64 under qemu"
scripts/arm64-sysroot.sh
suite arm64

step "release"
if $full; then suite release; else suite release -LE 'matrix|large'; fi
printf '\nall done in %d s\n' "$SECONDS"
sed -n '/tests passed/p' build/release/ctest.log
