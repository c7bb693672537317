#!/bin/sh
# no_weak_symbols.sh NM OBJECTS…: fails where an object compiled for an instruction set defines a weak
# or unique symbol. The linker keeps one copy of such a symbol for the whole program, and it may be
# the one that only some CPUs can run.
nm=$1
shift
# CMake hands the list over joined by semicolons.
objects=$(printf '%s\n' "$@" | tr ';' '\n' | grep -E '_(avx[0-9a-z]*|neon[0-9a-z_]*)\.cc\.o$')
if [ -z "$objects" ]; then
  case $(uname -m) in x86_64 | aarch64) ;; *) exit 0 ;; esac
  echo "no objects of instruction sets among: $*" >&2
  exit 1
fi
failed=0
for object in $objects; do
  found=$("$nm" -C --defined-only "$object" | grep -E ' [WVu] ')
  if [ -n "$found" ]; then
    printf '%s defines weak symbols:\n%s\n' "$object" "$found" >&2
    failed=1
  fi
done
exit $failed
