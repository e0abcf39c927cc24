#!/bin/sh
# Holds the generator back in 20 runs (stopped, starved, among 64 spinning neighbours, under
# a quota of the kernel, out of descriptors) and leaves it alone in 20 others, in turns; then
# lets it run out of local ports. Then 50 stops of 20 to 150 ms in 20 runs, judged by time,
# time-outs and errors, against targets that fail by themselves, in a burst only, or not at all. Prints each verdict and the tally. All of the first must be
# invalid with the right cause, none of the second. Takes about ten minutes and the whole
# machine. Where nobody may set a quota or lower a limit (root mostly may), it is stopped
# instead.
set -eu
cd "$(dirname "$0")/.."
exec cargo test --quiet --test it -- --ignored --exact --nocapture --test-threads 1 \
  sabotage::tally short_stops::tally
