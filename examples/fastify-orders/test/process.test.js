// Tests of the service as a process on a real port: what it prints, how it
// freezes, and how it ends.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const SERVER = fileURLToPath(new URL('../server.js', import.meta.url));
const LIMIT_MS = 30_000;

function startServer(variables = {}) {
  const clean = Object.entries(process.env).filter(([name]) => !name.startsWith('FAULT_') && name !== 'DATABASE_URL');
  const env = { ...Object.fromEntries(clean), PORT: '0', ...variables };
  const child = spawn(process.execPath, [SERVER], { env, stdio: ['ignore', 'pipe', 'pipe'], timeout: LIMIT_MS });
  const server = { child, stdout: '', stderr: '' };
  child.stdout.on('data', (data) => (server.stdout += data));
  child.stderr.on('data', (data) => (server.stderr += data));
  server.ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
  return server;
}

/** The base URL, once the server says that it is ready. */
async function ready(server) {
  const line = new Promise((resolve) => {
    server.child.stdout.on('data', () => {
      const match = / on (http:\S+) /.exec(server.stdout);
      if (match) resolve(match[1]);
    });
  });
  const early = server.ended.then(({ code }) => assert.fail(`ended with ${code}: ${server.stderr}`));
  return Promise.race([line, early]);
}

async function stop(server, signal = 'SIGTERM') {
  server.child.kill(signal);
  return server.ended;
}

test('it serves on its port, refuses to share it, and closes on SIGTERM and SIGINT', async () => {
  const server = startServer();
  const url = await ready(server);
  const health = await fetch(`${url}/health`);
  assert.deepEqual([health.status, await health.json()], [200, { ready: true }]);
  assert.deepEqual(await (await fetch(`${url}/ping`)).json(), { ok: true });

  const second = startServer({ PORT: new URL(url).port });
  assert.deepEqual(await second.ended, { code: 1, signal: null });
  assert.match(second.stderr, /cannot listen on 127\.0\.0\.1:\d+: the port is already in use/);

  assert.deepEqual(await stop(server), { code: 0, signal: null });
  assert.equal(server.stderr, '');
  const third = startServer();
  await ready(third);
  assert.deepEqual(await stop(third, 'SIGINT'), { code: 0, signal: null });
});

test('a request that does not end holds up the close for two seconds at most', async () => {
  const server = startServer({ FAULT_SLOW_MS: '60000' });
  const url = await ready(server);
  const request = fetch(`${url}/ping`).catch(() => 'cut');
  await sleep(200);
  const start = performance.now();
  assert.deepEqual(await stop(server), { code: 1, signal: null });
  assert.ok(performance.now() - start < 4000);
  assert.equal(await request, 'cut');
  assert.match(server.stderr, /closing took more than 2000 ms/);
});

test('it freezes on a fixed grid and logs each freeze by the wall clock', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'orders-'));
  const log = join(folder, 'freezes.jsonl');
  const variables = { FAULT_FREEZE_MS: '150', FAULT_FREEZE_EVERY_S: '0.5', FAULT_FREEZE_LOG: log };
  try {
    const server = startServer(variables);
    const before = Date.now();
    const url = await ready(server);
    await fetch(`${url}/metrics`);
    await sleep(2400);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    await stop(server);
    checkFreezes(readFileSync(log, 'utf8'), before);
    const [, maxDelay] = /^nodejs_eventloop_delay_max_seconds (\S+)$/m.exec(metrics);
    assert.ok(maxDelay >= 0.145 && maxDelay < 0.4, `max delay ${maxDelay}`);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test('it logs when it answered, the last answer too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'orders-'));
  const log = join(folder, 'answers.txt');
  try {
    const server = startServer({ FAULT_ANSWER_LOG: log });
    const url = await ready(server);
    const before = Date.now();
    for (let request = 0; request < 3; request += 1) await (await fetch(`${url}/ping`)).text();
    await stop(server);
    const answers = readFileSync(log, 'utf8').trimEnd().split('\n').map((line) => Number(BigInt(line) / 1_000_000n));
    assert.equal(answers.length, 3);
    assert.ok(answers[0] >= before - 1 && answers[2] <= Date.now() + 1 && answers[0] <= answers[2], String(answers));
  } finally {
    rmSync(folder, { recursive: true });
  }
});

/** Half a second apart on average and 150 ms long, give or take a busy machine. */
function checkFreezes(text, notBefore) {
  const freezes = text.trimEnd().split('\n').map((line) => JSON.parse(line));
  assert.ok(freezes.length >= 3, `${freezes.length} freezes`);
  const starts = freezes.map((freeze) => Number(BigInt(freeze.start_unix_ns) / 1000n) / 1000);
  const ends = freezes.map((freeze) => Number(BigInt(freeze.end_unix_ns) / 1000n) / 1000);
  assert.ok(starts[0] >= notBefore && ends.at(-1) <= Date.now() + 1);
  starts.forEach((start, index) => {
    const length = ends[index] - start;
    assert.ok(length >= 149.9 && length < 300, `freeze of ${length} ms`);
    const offGrid = start - starts[0] - 500 * Math.round((start - starts[0]) / 500);
    assert.ok(Math.abs(offGrid) < 100, `${offGrid} ms off the grid`);
  });
}

test('FAULT_DIE_AFTER_S ends it with a last line and exit code 1', async () => {
  const server = startServer({ FAULT_DIE_AFTER_S: '0.5' });
  const url = await ready(server);
  assert.equal((await fetch(`${url}/ping`)).status, 200);
  assert.deepEqual(await server.ended, { code: 1, signal: null });
  assert.match(server.stderr, /dying after 0\.5 s, as FAULT_DIE_AFTER_S says\n$/);
});

test('a database that cannot be reached ends the start with a reason', async () => {
  const server = startServer({ DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' });
  assert.deepEqual(await server.ended, { code: 1, signal: null });
  assert.match(server.stderr, /cannot prepare the postgresql database: .*ECONNREFUSED/);
});
