#!/usr/bin/env bash
# Installs what building and testing need: Debian packages that are missing and a private Python
# environment in .venv. Says what it does; run again, it is quick.
set -euo pipefail
cd "$(dirname "$0")/.."

packages=$(sed 's/#.*//' scripts/apt-packages.txt)
missing=()
for package in $packages; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
if [ ${#missing[@]} -gt 0 ]; then
  echo "setup: installing Debian packages: ${missing[*]}"
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      echo "setup: not root and no sudo; run as root: apt-get install ${missing[*]}" >&2
      exit 1
    }
    as_root=(sudo)
  fi
  log=$(mktemp)
  if ! { "${as_root[@]}" apt-get update -qq &&
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
      "${missing[@]}"; } >"$log" 2>&1; then
    tail -20 "$log" >&2
    echo "setup: apt-get failed; the lines above say why" >&2
    exit 1
  fi
  rm -f "$log"
fi

stamp=.venv/.requirements
lists=(scripts/requirements.txt scripts/requirements-no-deps.txt)
if ! cat "${lists[@]}" | cmp -s - "$stamp"; then
  echo "setup: creating the Python environment .venv"
  python3 -m venv .venv
  .venv/bin/pip install -q --disable-pip-version-check -r "${lists[0]}"
  .venv/bin/pip install -q --disable-pip-version-check --no-deps -r "${lists[1]}"
  cat "${lists[@]}" >"$stamp"
fi
