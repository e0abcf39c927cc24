// Owns what /metrics shows: Node's default metrics, the delay of the event loop
// since the last scrape, the state of the database pool, and a request counter.

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';

const LOOP_SAMPLE_MS = 2;

/** `poolStats` is the `stats` function of db.js. */
export function createMetrics(poolStats) {
  const register = new Registry();
  collectDefaultMetrics({ register });
  const loopDelay = loopDelayGauges(register);
  const samplePool = poolGauges(register, poolStats);
  const requests = new Counter({
    name: 'http_requests_total',
    help: 'Requests answered.',
    labelNames: ['method', 'route', 'status'],
    registers: [register],
  });
  return {
    contentType: register.contentType,
    countRequest: (method, route, status) => requests.inc({ method, route, status }),
    // The start of an embedded database blocks the loop for seconds, which must
    // not look like a delay that requests suffered.
    forgetStart: loopDelay.reset,
    render() {
      loopDelay.sample();
      samplePool();
      return register.metrics();
    },
  };
}

/**
 * Gauges that cover the time since the last scrape only. prom-client's own
 * nodejs_eventloop_lag_* sample every 10 ms and count that interval as lag; here
 * the interval is short and taken off, so an idle loop shows a delay near 0.
 * One long freeze is one sample: it shows in the max, hardly in the p99.
 */
function loopDelayGauges(register) {
  const histogram = monitorEventLoopDelay({ resolution: LOOP_SAMPLE_MS });
  histogram.enable();
  const gauge = (name, what) =>
    new Gauge({
      name: `nodejs_eventloop_delay_${name}_seconds`,
      help: `${what} of the event loop delay since the last scrape.`,
      registers: [register],
    });
  const p50 = gauge('p50', 'The median');
  const p99 = gauge('p99', 'The 99th percentile');
  const max = gauge('max', 'The maximum');
  const sample = () => {
    p50.set(delaySeconds(histogram.percentile(50)));
    p99.set(delaySeconds(histogram.percentile(99)));
    max.set(delaySeconds(histogram.max));
    histogram.reset();
  };
  return { sample, reset: () => histogram.reset() };
}

function delaySeconds(intervalNanoseconds) {
  return Math.max(0, intervalNanoseconds / 1e9 - LOOP_SAMPLE_MS / 1e3);
}

function poolGauges(register, poolStats) {
  const gauge = (name, help) => new Gauge({ name, help, registers: [register] });
  const inUse = gauge('db_pool_in_use', 'Database connections at work.');
  const waiting = gauge('db_pool_waiting', 'Queries waiting for a database connection.');
  const size = gauge('db_pool_size', 'Database connections the pool may have.');
  return () => {
    const stats = poolStats();
    inUse.set(stats.inUse);
    waiting.set(stats.waiting);
    size.set(stats.size);
  };
}
