// Owns the process: starts the service, says when it is ready, and ends it.
// It listens before the data is there, so that an occupied port is reported at
// once and /health can be asked from the beginning.

import { buildApp } from './app.js';
import { openDatabase } from './db.js';
import { ConfigError, serviceConfig } from './env.js';
import { faultsFrom, startTimedFaults } from './faults.js';
import { seedDatabase } from './seed.js';

const CLOSE_LIMIT_MS = 2000;
let closing = false;

async function start() {
  const config = serviceConfig(process.env);
  const faults = faultsFrom(process.env);
  const db = openDatabase({ ...config, queryMs: faults.queryMs, onError: (error) => app.log.error(error, 'database connection lost') });
  const app = buildApp({ db, config, faults });
  closeOnSignals(app);
  await listen(app, config);
  await prepare(db);
  startTimedFaults(faults);
  app.markReady();
  announce(app, db, faults, config);
}

async function listen(app, { host, port }) {
  try {
    await app.listen({ host, port });
  } catch (error) {
    const why = error.code === 'EADDRINUSE' ? 'the port is already in use' : error.message;
    throw new ConfigError(`cannot listen on ${host}:${port}: ${why}`);
  }
}

async function prepare(db) {
  try {
    await seedDatabase(db);
  } catch (error) {
    // A refused connection is an AggregateError, whose message is empty.
    throw new ConfigError(`cannot prepare the ${db.kind} database: ${error.message || error.code}`);
  }
}

function announce(app, db, faults, { tls }) {
  const { address, port } = app.server.address();
  const seconds = process.uptime().toFixed(1);
  const state = faults.neverReady ? 'listening, never ready' : 'ready';
  process.stdout.write(`orders: ${state} on ${tls ? 'https' : 'http'}://${address}:${port} after ${seconds} s (${db.kind})\n`);
  warnOfFaults();
}

/** A fault left in the environment by mistake should not be a riddle. */
function warnOfFaults() {
  const set = Object.keys(process.env).filter((name) => name.startsWith('FAULT_') && process.env[name] !== '');
  const list = set.map((name) => `${name}=${process.env[name]}`).join(' ');
  if (set.length > 0) process.stderr.write(`orders: faults are set: ${list}\n`);
}

function closeOnSignals(app) {
  for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => close(app));
}

/** Lets the requests under way finish, but not for longer than CLOSE_LIMIT_MS. */
async function close(app) {
  if (closing) return;
  closing = true;
  setTimeout(() => fail(`closing took more than ${CLOSE_LIMIT_MS} ms`), CLOSE_LIMIT_MS);
  await app.close();
  process.exit(0);
}

function fail(message) {
  process.stderr.write(`orders: ${message}\n`);
  process.exit(1);
}

start().catch((error) => {
  // Closing takes the database away from a start that is still seeding.
  if (!closing) fail(error instanceof ConfigError ? error.message : error.stack);
});
