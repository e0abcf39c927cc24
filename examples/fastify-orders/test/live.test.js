// Tests of what is told while it happens, over real sockets: a service on a free port.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import WebSocket from 'ws';
import { buildApp } from '../app.js';
import { openDatabase } from '../db.js';
import { serviceConfig } from '../env.js';
import { faultsFrom } from '../faults.js';
import { PASSWORD, seedDatabase } from '../seed.js';

const config = serviceConfig({ LOG_LEVEL: 'silent' });
let app;
let base;

before(async () => {
  const db = openDatabase({ databaseUrl: process.env.TEST_DATABASE_URL });
  await seedDatabase(db);
  app = buildApp({ db, config, faults: faultsFrom({}) });
  app.markReady();
  base = await app.listen({ host: '127.0.0.1', port: 0 });
});

after(() => app.close());

async function login(userId) {
  const payload = { email: `user${userId}@orders.test`, password: PASSWORD };
  const response = await app.inject({ method: 'POST', url: '/login', payload });
  return { authorization: `Bearer ${response.json().token}` };
}

async function order(headers) {
  const payload = { sku: 'LIVE-1', quantity: 2 };
  const response = await app.inject({ method: 'POST', url: '/orders', headers, payload });
  assert.equal(response.statusCode, 201);
  return response.json();
}

/** Reads a stream of events until a text has come. */
async function until(reader, text) {
  const decoder = new TextDecoder();
  let all = '';
  while (!all.includes(text)) {
    const { done, value } = await reader.read();
    assert.ok(!done, `the stream ended after ${all}`);
    all += decoder.decode(value, { stream: true });
  }
  return all;
}

test('a new order is told to those who follow its tenant, as an event', { timeout: 20_000 }, async () => {
  const headers = await login(1);
  const stop = new AbortController();
  const response = await fetch(`${base}/orders/events`, { headers, signal: stop.signal });
  assert.equal(response.headers.get('content-type'), 'text/event-stream');
  const reader = response.body.getReader();
  await until(reader, 'event: welcome\n');
  const { id } = await order(headers);
  const told = await until(reader, '"LIVE-1"');
  assert.ok(told.includes('event: order\n') && told.includes(`"id":${id},`), told);
  stop.abort();
});

test('without a token nothing is told', async () => {
  assert.equal((await fetch(`${base}/orders/events`)).status, 401);
  const socket = new WebSocket(`${base.replace('http', 'ws')}/orders/live`);
  const [error] = await once(socket, 'error');
  assert.match(error.message, /401/);
});

test('a WebSocket answers, and tells of new orders once it is asked to', { timeout: 20_000 }, async () => {
  const headers = await login(1);
  const socket = new WebSocket(`${base.replace('http', 'ws')}/orders/live`, { headers });
  const heard = [];
  const next = async () => {
    while (heard.length === 0) await once(socket, 'message');
    return heard.shift();
  };
  socket.on('message', (bytes) => heard.push(JSON.parse(bytes)));
  assert.equal((await next()).type, 'welcome');
  socket.send('{"type":"ping"}');
  assert.deepEqual(await next(), { type: 'pong' });
  socket.send('no JSON');
  assert.equal((await next()).type, 'error');
  await order(headers);
  socket.send('{"type":"subscribe"}');
  assert.equal((await next()).type, 'subscribed', 'nothing was told before');
  const { id } = await order(headers);
  assert.equal((await next()).order.id, id);
  socket.close();
  await once(socket, 'close');
});
