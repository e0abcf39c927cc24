#!/usr/bin/env bash
# Prints what CHANGELOG.md says of a version: scripts/release-notes.sh 0.1.0
set -euo pipefail
cd "$(dirname "$0")/.."
version=${1:?the version, such as 0.1.0}
built=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
if [ "$version" != "$built" ]; then
  echo "release-notes: the version of Cargo.toml is $built, not $version" >&2
  exit 1
fi
notes=$(awk -v heading="## $version" '$0 == heading { on = 1; next } /^## / { on = 0 } on' CHANGELOG.md)
if [ -z "${notes//[[:space:]]/}" ]; then
  echo "release-notes: CHANGELOG.md has no text under \"## $version\"" >&2
  exit 1
fi
printf '%s\n' "$notes"
