#!/usr/bin/env bash
# Runs every test of the project: bash scripts/test.sh
# What is missing on this machine is installed first where that is allowed, else named: scripts/needs.sh
set -euo pipefail
cd "$(dirname "$0")/.."

# shellcheck source=scripts/needs.sh
source scripts/needs.sh

echo "== packages of the tests"
for folder in tests/js npm examples/fastify-orders; do
  [ -f "$folder/package-lock.json" ] || continue
  npm ci --prefix "$folder" --no-audit --no-fund --loglevel=error
done

# The same cases on every machine; a plain `cargo test` draws new ones.
export PROPTEST_RNG_SEED="${PROPTEST_RNG_SEED:-20261123}"

# Most tests wait for something most of the time.
processors=$(nproc)
export RUST_TEST_THREADS="${RUST_TEST_THREADS:-$((processors > 5 ? processors : 5))}"

echo "== cargo test"
cargo build
skipped="${CARGO_TARGET_DIR:-target}/skipped-tests"
rm -f "$skipped"
cargo test
if [ -s "$skipped" ]; then
  echo "== not tested, as this machine does not allow it (LOADGATE_TEST_ALL=1 makes these failures)"
  cat "$skipped"
fi

echo "== the action for GitHub, the workflows, and these scripts"
LOADGATE_BIN="${CARGO_TARGET_DIR:-target}/debug/loadgate" node --test action/test/action.test.mjs tests/js/*.test.mjs

echo "== the manifests for Kubernetes"
bash scripts/manifests.sh

echo "== the npm package"
npm test --prefix npm

echo "== the reference API"
npm test --prefix examples/fastify-orders
