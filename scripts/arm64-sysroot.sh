#!/usr/bin/env bash
# Unpacks the third-party libraries of the arm64 preset into .cache/arm64-sysroot: Debian's arm64
# packages, fetched by apt with its checks but with a state of its own, so that the system gets no
# foreign architecture. The C library comes with g++-aarch64-linux-gnu. Run again, it is quick.
set -euo pipefail
cd "$(dirname "$0")/.."
packages=(libexpected-dev libfmt-dev libgmock-dev libgtest-dev librapidcheck-dev)
sysroot=.cache/arm64-sysroot
stamp=$sysroot/packages
[ "$(cat "$stamp" 2>/dev/null)" != "${packages[*]}" ] || exit 0

echo "arm64: fetching ${packages[*]}"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/debs"
chmod -R go+rX "$work" && chown -R _apt "$work" 2>/dev/null || true
touch "$work/status"
# The release that this system takes Debian's packages from.
apt-get indextargets --format 'deb [arch=arm64] $(REPO_URI) $(RELEASE) $(COMPONENT)' \
  'Created-By: Packages' 'Origin: Debian' 'Label: Debian' | grep -v -- '-updates ' >"$work/sources.list"
apt=(apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64
  -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null
  -o "Dir::State::lists=$work/lists" -o "Dir::State::status=$work/status"
  -o "Dir::Cache=$work/cache" -o Acquire::Languages=none)
if ! { "${apt[@]}" update && cd "$work/debs" && "${apt[@]}" download "${packages[@]}"; } >"$work/log" 2>&1; then
  tail -20 "$work/log" >&2
  echo "arm64: apt-get could not fetch the arm64 packages; the lines above say why" >&2
  exit 1
fi
cd "$OLDPWD"
rm -rf "$sysroot"
mkdir -p "$sysroot"
for package in "$work"/debs/*.deb; do dpkg-deb -x "$package" "$sysroot"; done
echo "${packages[*]}" >"$stamp"
