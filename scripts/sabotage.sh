#!/bin/sh
# Holds the generator back in 20 runs (stopped, starved, among 64 spinning neighbours, under
# a quota of the kernel, out of descriptors) and leaves it alone in 20 others, in turns; then
# lets it run out of local ports. Prints each verdict and the tally. All of the first must be
# invalid with the right cause, none of the second. Takes about six minutes and the whole
# machine. Where nobody may set a quota or lower a limit (root mostly may), it is stopped
# instead.
set -eu
cd "$(dirname "$0")/.."
exec cargo test --quiet --test it -- --ignored --exact --nocapture sabotage::tally
