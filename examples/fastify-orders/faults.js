// Owns the faults: ways to make this service bad on purpose, so that a gate can
// be seen to notice them. All are off unless their FAULT_ variable is set; the
// README lists them. What a request suffers is added as hooks to the scope that
// holds the faulty routes; what the process suffers by the clock starts when the
// service is ready.

import { openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ConfigError, flagFrom, numberFrom } from './env.js';
import { seededRandom } from './random.js';
import { ROUTES } from './routes.js';

// Three times the half millisecond of /ping would drown in the noise, so a
// request counts as at least this long when it is multiplied.
const SLOW_FLOOR_MS = 5;
const FAIL_SEED = 1;
// Node's timers hold no more milliseconds than fit into 31 bits.
const MAX_SECONDS = 2_000_000;

export function faultsFrom(env) {
  const faults = {
    route: routeFrom(env),
    tenant: numberFrom(env, 'FAULT_TENANT', { fallback: null, min: 1, max: 1_000_000, integer: true }),
    slowFactor: numberFrom(env, 'FAULT_SLOW_FACTOR', { fallback: 1, min: 1, max: 1000 }),
    slowMs: numberFrom(env, 'FAULT_SLOW_MS', { max: 600_000 }),
    cpuMs: numberFrom(env, 'FAULT_CPU_MS', { max: 60_000 }),
    freezeMs: numberFrom(env, 'FAULT_FREEZE_MS', { max: 600_000 }),
    freezeEveryS: numberFrom(env, 'FAULT_FREEZE_EVERY_S', { max: MAX_SECONDS }),
    freezeLog: env.FAULT_FREEZE_LOG || null,
    answerLog: env.FAULT_ANSWER_LOG || null,
    failShare: numberFrom(env, 'FAULT_FAIL_SHARE', { max: 1 }),
    queryMs: numberFrom(env, 'FAULT_QUERY_MS', { max: 60_000 }),
    leakKb: numberFrom(env, 'FAULT_LEAK_KB', { max: 1_000_000 }),
    dieAfterS: numberFrom(env, 'FAULT_DIE_AFTER_S', { max: MAX_SECONDS }),
    neverReady: flagFrom(env, 'FAULT_NEVER_READY'),
  };
  checkFreezes(faults);
  return faults;
}

/** The only route whose requests suffer, or null for all of them. */
function routeFrom(env) {
  const route = (env.FAULT_ROUTE ?? '').trim();
  if (route === '' || ROUTES.includes(route)) return route || null;
  throw new ConfigError(`FAULT_ROUTE must be one of "${ROUTES.join('", "')}", not "${route}"`);
}

function checkFreezes({ freezeMs, freezeEveryS }) {
  if (freezeMs > 0 !== freezeEveryS > 0) {
    throw new ConfigError('FAULT_FREEZE_MS and FAULT_FREEZE_EVERY_S only work together');
  }
  if (freezeMs > 0 && freezeMs >= freezeEveryS * 1000) {
    throw new ConfigError('FAULT_FREEZE_MS must be shorter than the FAULT_FREEZE_EVERY_S between two freezes');
  }
}

/** Adds what the requests to `scope` suffer, or those to one route of it; nothing if no fault is set. */
export function addRequestFaults(scope, faults) {
  const { route, tenant, cpuMs, leakKb, failShare, slowFactor, slowMs, answerLog } = faults;
  const isOfRoute = (request) => route === null || `${request.method} ${request.routeOptions.url}` === route;
  // Whose a request is, is known when its token has been read: in time for slowness only.
  const isOfTenant = (request) => tenant == null || request.user?.tenantId === tenant;
  const suffers = (request) => isOfRoute(request) && isOfTenant(request);
  if (answerLog !== null) logAnswers(scope, answerLog);
  if (cpuMs > 0) addCpu(scope, suffers, cpuMs);
  if (leakKb > 0) addLeak(scope, suffers, leakKb);
  // Before the failures: hooks added earlier also run for the requests that fail.
  if (slowFactor > 1 || slowMs > 0) addSlowness(scope, suffers, slowFactor, slowMs);
  if (failShare > 0) addFailures(scope, suffers, failShare);
}

function addCpu(scope, suffers, milliseconds) {
  scope.addHook('onRequest', async (request) => {
    if (suffers(request)) burnCpu(milliseconds);
  });
}

function burnCpu(milliseconds) {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
}

function addLeak(scope, suffers, kilobytes) {
  const retained = [];
  const doubles = Math.round((kilobytes * 1024) / 8);
  // Fractions are stored in place on the heap, 8 bytes each, where
  // nodejs_heap_size_used_bytes shows them; a Buffer would lie outside of it.
  scope.addHook('onRequest', async (request) => {
    if (suffers(request)) retained.push(new Array(doubles).fill(0.5));
  });
}

/** One line per answer: when it was handed to the kernel. Written ten times a second. */
function logAnswers(scope, path) {
  const log = openLog('FAULT_ANSWER_LOG', path);
  let lines = '';
  const flush = () => {
    if (lines !== '') writeSync(log, lines);
    lines = '';
  };
  scope.addHook('onResponse', async () => {
    lines += `${unixNanoseconds()}\n`;
  });
  const flushing = setInterval(flush, 100);
  scope.addHook('onClose', async () => {
    clearInterval(flushing);
    flush();
  });
}

function addSlowness(scope, suffers, factor, addedMs) {
  scope.addHook('onSend', async (request, reply, payload) => {
    if (!suffers(request)) return payload;
    const spentMs = Math.max(reply.elapsedTime, SLOW_FLOOR_MS);
    await sleep(spentMs * (factor - 1) + addedMs);
    return payload;
  });
}

function addFailures(scope, suffers, share) {
  const random = seededRandom(FAIL_SEED);
  scope.addHook('onRequest', async (request, reply) => {
    if (!suffers(request) || random() >= share) return;
    // Sent, not thrown: a stack trace in the log for each would be a fault of its own.
    return reply.code(500).send({ statusCode: 500, error: 'Internal Server Error', message: 'FAULT_FAIL_SHARE' });
  });
}

/** Starts what happens by the clock; it goes on as long as the process. */
export function startTimedFaults(faults) {
  if (faults.freezeMs > 0) startFreezes(faults);
  if (faults.dieAfterS > 0) startDying(faults.dieAfterS);
}

function startDying(seconds) {
  setTimeout(() => {
    writeSync(process.stderr.fd, `orders: dying after ${seconds} s, as FAULT_DIE_AFTER_S says\n`);
    process.exit(1);
  }, seconds * 1000);
}

/**
 * Freezes at origin + 1, 2, 3 ... periods. Each timer aims at that grid and not
 * at one period after the last freeze, so that lateness does not add up.
 */
function startFreezes({ freezeMs, freezeEveryS, freezeLog }) {
  const log = freezeLog ? openLog('FAULT_FREEZE_LOG', freezeLog) : null;
  const periodMs = freezeEveryS * 1000;
  const originMs = performance.now();
  let slot = 0;
  const schedule = () => {
    const now = performance.now();
    slot = Math.max(slot + 1, Math.ceil((now - originMs) / periodMs));
    setTimeout(run, originMs + slot * periodMs - now);
  };
  const run = () => {
    const line = freeze(freezeMs);
    if (log !== null) writeSync(log, line);
    schedule();
  };
  schedule();
}

function openLog(variable, path) {
  try {
    return openSync(path, 'a');
  } catch (error) {
    throw new ConfigError(`${variable}: cannot write ${path}: ${error.message}`);
  }
}

const NEVER_CHANGED = new Int32Array(new SharedArrayBuffer(4));

/**
 * Blocks the event loop and tells when, as one JSON line. It sleeps instead of
 * spinning, so that the freeze takes no CPU from a load generator on the same
 * machine, whose measurement of the freeze is what the log is compared with.
 */
function freeze(milliseconds) {
  const start = unixNanoseconds();
  Atomics.wait(NEVER_CHANGED, 0, 0, milliseconds);
  const end = unixNanoseconds();
  return `${JSON.stringify({ start_unix_ns: String(start), end_unix_ns: String(end) })}\n`;
}

/**
 * The wall clock finer than Date's milliseconds. The parts are added as
 * integers: their sum in nanoseconds does not fit into a double.
 */
function unixNanoseconds() {
  const inNanoseconds = (milliseconds) => BigInt(Math.round(milliseconds * 1000)) * 1000n;
  return inNanoseconds(performance.timeOrigin) + inNanoseconds(performance.now());
}
