#!/usr/bin/env bash
# Runs every test of the project: bash scripts/test.sh
# Says first what is missing on this machine, and how to get it.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=0
need() { # need COMMAND HOW-TO-GET-IT
  command -v "$1" >/dev/null 2>&1 && return
  echo "missing: $1; $2" >&2
  missing=1
}

need cargo "install Rust 1.89 or newer: https://rustup.rs"
need node "install Node.js 20.19 or newer: https://nodejs.org"
need npm "it comes with Node.js: https://nodejs.org"
need script "apt-get install bsdutils"
if command -v node >/dev/null 2>&1; then
  node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
    need "node 20.19" "this is $(node --version)"
fi
export CHROME_BIN="${CHROME_BIN:-$(command -v chromium || command -v chromium-browser || command -v google-chrome || echo /usr/bin/chromium)}"
need "$CHROME_BIN" "apt-get install chromium, or set CHROME_BIN to a Chromium"
[ "$missing" = 0 ] || exit 1

echo "== packages of the tests"
for folder in tests/js npm examples/fastify-orders; do
  [ -f "$folder/package-lock.json" ] || continue
  npm ci --prefix "$folder" --no-audit --no-fund --loglevel=error
done

# The same cases on every machine; a plain `cargo test` draws new ones.
export PROPTEST_RNG_SEED="${PROPTEST_RNG_SEED:-20261123}"

echo "== cargo test"
cargo build
skipped="${CARGO_TARGET_DIR:-target}/skipped-tests"
rm -f "$skipped"
cargo test
if [ -s "$skipped" ]; then
  echo "== not tested, as this machine does not allow it (LOADGATE_TEST_ALL=1 makes these failures)"
  cat "$skipped"
fi

echo "== the action for GitHub, and the workflows"
LOADGATE_BIN="${CARGO_TARGET_DIR:-target}/debug/loadgate" node --test action/test/action.test.mjs tests/js/yaml.test.mjs

echo "== the npm package"
npm test --prefix npm

echo "== the reference API"
npm test --prefix examples/fastify-orders
