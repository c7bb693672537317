#!/bin/sh
# exports_test.sh NM LIBRARY HEADER_DIR: the library defines what the headers declare and nothing else.
nm=$1
library=$2
headers=$3
exported=$("$nm" -D --defined-only "$library" | awk '$2 != "A" { sub(/@.*/, "", $3); print $3 }' | sort)
declared=$(cat "$headers"/ix/*.h | tr '\n' ' ' | grep -oE 'IX_EXPORT [^;]*\(' |
           grep -oE '[A-Za-z0-9_]+ *\(' | tr -d ' (' | grep -E '^(ix|gemm|dequant)_' | sort -u)
[ -n "$declared" ] || { echo "no declarations found in $headers" >&2; exit 1; }
if [ "$exported" != "$declared" ]; then
  printf 'exported:\n%s\ndeclared:\n%s\n' "$exported" "$declared" >&2
  exit 1
fi
# A unique symbol would keep dlclose() from unloading the library.
if "$nm" -D "$library" | grep -E ' u '; then exit 1; fi
echo "$declared" | wc -l
