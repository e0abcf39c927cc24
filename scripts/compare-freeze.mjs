#!/usr/bin/env node
// What p95 and p99 do load generators report of a server that stands still for half a
// second in every five? Runs scenarios/freeze.json by loadgate, then autocannon against
// the same server, and prints both beside what the server's own log of its freezes
// implies. Exits with 1 if loadgate is more than 5 % off.
//
//   cargo build --release && npm ci --prefix examples/fastify-orders
//   node scripts/compare-freeze.mjs        (about two minutes; --no-autocannon: one)
//
// A request that is due inside a freeze waits for its end, any other one does not: at a
// constant rate the share of requests slower than x is the sum of (length - x) over the
// freezes, divided by the time that was judged. The time in which the queue of a freeze
// is served comes on top and is not counted here.

import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const EXAMPLE = join(ROOT, 'examples', 'fastify-orders');
const LOADGATE = process.env.LOADGATE_BIN ?? join(process.env.CARGO_TARGET_DIR ?? join(ROOT, 'target'), 'release', 'loadgate');
const FAULTS = { FAULT_FREEZE_MS: '500', FAULT_FREEZE_EVERY_S: '5' };
const SECONDS = 30;
const TOLERANCE = 0.05;
const READY_WITHIN_MS = 60_000;
const ENDED_WITHIN_MS = 240_000;

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'compare-freeze-'));
  try {
    const rows = [await byLoadgate(folder)];
    if (!process.argv.includes('--no-autocannon')) rows.push(await byAutocannon(folder));
    print(rows.filter((row) => row !== null));
    process.exitCode = isTrue(rows[0]) ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function byLoadgate(folder) {
  need(LOADGATE, 'cargo build --release');
  need(join(EXAMPLE, 'node_modules', 'fastify'), 'npm ci --prefix examples/fastify-orders');
  const log = join(folder, 'loadgate.jsonl');
  const scenario = join(ROOT, 'scenarios', 'freeze.json');
  const env = { ...process.env, FAULT_FREEZE_LOG: log, PORT: String(await freePort()) };
  const ran = spawnSync(LOADGATE, ['run', scenario, '-o', folder, '--json'], { env, stdio: ['ignore', 'pipe', 'inherit'], timeout: ENDED_WITHIN_MS });
  const summary = parsed(ran.stdout, 'loadgate');
  const record = JSON.parse(readFileSync(join(folder, 'freeze', 'latest', 'run.json'), 'utf8'));
  const from = record.started_unix_ms + summary.window.from * 1000;
  const to = record.started_unix_ms + summary.window.to * 1000;
  const { p95, p99 } = summary.total.response;
  const errors = summary.slos.filter((slo) => slo.generator_error).map((slo) => slo.generator_error.relative);
  return { name: 'loadgate', measured: [p95, p99], implied: implied(freezes(log), from, to), errors };
}

/** The same server, started by hand, as autocannon starts none. */
async function byAutocannon(folder) {
  const log = join(folder, 'autocannon.jsonl');
  const port = await freePort();
  const env = { ...process.env, ...FAULTS, FAULT_FREEZE_LOG: log, PORT: String(port) };
  const server = spawn('node', ['server.js'], { cwd: EXAMPLE, env, stdio: ['ignore', 'ignore', 'inherit'] });
  try {
    await ready(`http://127.0.0.1:${port}/health`, server);
    const from = Date.now();
    const args = ['--yes', 'autocannon', '-R', '500', '-c', '50', '-d', String(SECONDS), '--json', `http://127.0.0.1:${port}/ping`];
    const ran = await output('npx', args, { npm_config_cache: join(folder, 'npm') });
    if (ran === null) return null;
    const { p97_5, p99 } = ran.latency;
    const text = `p97.5 ${milliseconds(p97_5)}`;
    // Its time starts after npx has installed it; where exactly does not matter for a sum
    // over whole periods.
    const end = Date.now();
    return { name: 'autocannon', measured: [null, p99], implied: implied(freezes(log), Math.max(from, end - SECONDS * 1000), end), note: text };
  } finally {
    server.kill('SIGTERM');
  }
}

async function output(program, args, more) {
  const child = spawn(program, args, { env: { ...process.env, ...more }, stdio: ['ignore', 'pipe', 'ignore'], cwd: tmpdir(), timeout: ENDED_WITHIN_MS });
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  const code = await new Promise((done) => child.on('error', () => done(null)).on('close', done));
  if (code === 0) return parsed(Buffer.concat(chunks), program);
  process.stderr.write(`autocannon is not available (npx ended with ${code}); it is left out\n`);
  return null;
}

async function ready(url, server) {
  for (const end = Date.now() + READY_WITHIN_MS; Date.now() < end; await sleep(100)) {
    if (server.exitCode !== null) break;
    if (await fetch(url).then((answer) => answer.ok, () => false)) return;
  }
  throw new Error(`the server at ${url} was not ready`);
}

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** The freezes in milliseconds since 1970. */
function freezes(log) {
  const lines = readFileSync(log, 'utf8').trim().split('\n').map((line) => JSON.parse(line));
  return lines.map((line) => ({ start: Number(BigInt(line.start_unix_ns) / 1000n) / 1000, end: Number(BigInt(line.end_unix_ns) / 1000n) / 1000 }));
}

/** p95 and p99 of waiting for the end of a freeze, in milliseconds. */
function implied(all, from, to) {
  const waits = all.map(({ start, end }) => ({ longest: end - Math.max(start, from), shortest: Math.max(0, end - to) }));
  const slower = (x) => waits.reduce((sum, { longest, shortest }) => sum + Math.max(0, longest - Math.max(x, shortest)), 0) / (to - from);
  return [0.05, 0.01].map((share) => solve((x) => slower(x) > share));
}

/** Where a condition that holds for small numbers stops to hold. */
function solve(holds) {
  let [low, high] = [0, 10_000];
  while (high - low > 0.01) {
    const middle = (low + high) / 2;
    if (holds(middle)) low = middle;
    else high = middle;
  }
  return low;
}

function isTrue({ measured, implied: truth, errors }) {
  return measured.every((value, place) => {
    const off = value / truth[place] - 1;
    return off > -TOLERANCE && off < TOLERANCE + errors[place];
  });
}

function print(rows) {
  const line = (cells) => `${cells.map((cell, place) => (place === 0 ? cell.padEnd(14) : cell.padStart(14))).join('')}\n`;
  process.stdout.write(line(['', 'p95', 'implied', 'p99', 'implied']));
  for (const { name, measured, implied: truth, note } of rows) {
    const cells = truth.flatMap((value, place) => [milliseconds(measured[place]), milliseconds(value)]);
    process.stdout.write(line([name, ...cells]).trimEnd() + (note ? `   (${note})\n` : '\n'));
  }
}

function milliseconds(value) {
  return value === null ? '-' : `${value.toFixed(1)} ms`;
}

function parsed(bytes, name) {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    throw new Error(`${name} printed no JSON`);
  }
}

function need(path, command) {
  if (!existsSync(path)) throw new Error(`${path} is missing; run: ${command}`);
}

main().catch((error) => {
  process.stderr.write(`compare-freeze: ${error.message}\n`);
  process.exitCode = 1;
});
