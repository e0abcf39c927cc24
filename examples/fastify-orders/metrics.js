// Owns what /metrics shows: Node's default metrics, the delay and the utilisation
// of the event loop since the last scrape, the most that the heap may have, the
// state of the database pool, a request counter and how long requests took.

import { monitorEventLoopDelay, performance } from 'node:perf_hooks';
import { getHeapStatistics } from 'node:v8';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

const LOOP_SAMPLE_MS = 2;

/** `poolStats` is the `stats` function of db.js. */
export function createMetrics(poolStats) {
  const register = new Registry();
  collectDefaultMetrics({ register });
  const loopDelay = loopDelayGauges(register);
  const sampleUtilisation = utilisationGauge(register);
  heapLimitGauge(register);
  const samplePool = poolGauges(register, poolStats);
  const requests = new Counter({
    name: 'http_requests_total',
    help: 'Requests answered.',
    labelNames: ['method', 'route', 'status'],
    registers: [register],
  });
  const took = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'How long requests took inside the service.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [register],
  });
  return {
    contentType: register.contentType,
    countRequest(method, route, status, milliseconds) {
      requests.inc({ method, route, status });
      took.observe(milliseconds / 1000);
    },
    // The start of an embedded database blocks the loop for seconds, which must
    // not look like a delay that requests suffered.
    forgetStart: loopDelay.reset,
    render() {
      loopDelay.sample();
      sampleUtilisation();
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

/** The share of the time since the last scrape in which the event loop was at work. */
function utilisationGauge(register) {
  const gauge = new Gauge({
    name: 'nodejs_eventloop_utilization',
    help: 'Share of the time since the last scrape in which the event loop was at work.',
    registers: [register],
  });
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    gauge.set(performance.eventLoopUtilization(now, before).utilization);
    before = now;
  };
}

function heapLimitGauge(register) {
  const gauge = new Gauge({
    name: 'nodejs_heap_size_limit_bytes',
    help: 'The most that the heap may have.',
    registers: [register],
  });
  gauge.set(getHeapStatistics().heap_size_limit);
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
