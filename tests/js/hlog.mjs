// Reads an interval log with an implementation of HdrHistogram that is not ours, and
// prints what it found: node hlog.mjs FILE FROM TO, the seconds of the schedule.

import { readFileSync } from 'node:fs';
import hdr from 'hdr-histogram-js';

const [file, from, to] = process.argv.slice(2);
const reader = new hdr.HistogramLogReader(readFileSync(file, 'utf8'));
const byTag = new Map();

for (;;) {
  const next = reader.nextIntervalHistogram(Number(from), Number(to) - 0.001);
  if (next === null) break;
  const known = byTag.get(next.tag);
  if (known === undefined) byTag.set(next.tag, next);
  else known.add(next);
}

const figures = (times) => ({
  count: times.totalCount,
  p50: times.getValueAtPercentile(50),
  p95: times.getValueAtPercentile(95),
  p99: times.getValueAtPercentile(99),
  max: times.maxValue,
});
const found = [...byTag].map(([tag, times]) => [tag, figures(times)]);
console.log(JSON.stringify(Object.fromEntries(found)));
