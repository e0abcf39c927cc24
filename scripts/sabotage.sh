#!/bin/sh
# Holds the generator back in 20 runs (stopped, starved, among 64 spinning neighbours, out
# of descriptors) and leaves it alone in 20 others, in turns; prints each verdict and the
# tally. All of the first must be invalid with the right cause, none of the second.
# Takes about six minutes and the whole machine.
set -eu
cd "$(dirname "$0")/.."
exec cargo test --quiet --test it -- --ignored --exact --nocapture sabotage::tally
