// Tests of the API inside this process: requests go straight into Fastify, on one
// seeded database. TEST_DATABASE_URL runs them on a PostgreSQL instead of PGlite.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { buildApp } from '../app.js';
import { openDatabase } from '../db.js';
import { ConfigError, serviceConfig } from '../env.js';
import { faultsFrom } from '../faults.js';
import { ROUTES } from '../routes.js';
import { ORDERS, PASSWORD, seedDatabase, TENANTS, USERS } from '../seed.js';

const config = serviceConfig({ LOG_LEVEL: 'silent' });
let db;
let app;

before(async () => {
  db = openDatabase({ databaseUrl: process.env.TEST_DATABASE_URL });
  await seedDatabase(db);
  app = startApp();
});

after(async () => {
  await app.close();
  await db.close();
});

/** A ready app on the shared database, which closing the app must leave open. */
function startApp(faultVariables = {}) {
  const shared = { ...db, close: async () => {} };
  const started = buildApp({ db: shared, config, faults: faultsFrom(faultVariables) });
  started.markReady();
  return started;
}

async function withFaults(variables, check) {
  const faulty = startApp(variables);
  try {
    await check(faulty);
  } finally {
    await faulty.close();
  }
}

async function login(userId, on = app) {
  const payload = { email: `user${userId}@orders.test`, password: PASSWORD };
  const response = await on.inject({ method: 'POST', url: '/login', payload });
  assert.equal(response.statusCode, 200);
  return { authorization: `Bearer ${response.json().token}` };
}

/** Two users of different tenants, and a third of the first one's tenant. */
async function threeUsers() {
  const users = await db.query('SELECT id, tenant_id FROM users ORDER BY id');
  const [first] = users;
  const colleague = users.find((user) => user.tenant_id === first.tenant_id && user.id !== first.id);
  const stranger = users.find((user) => user.tenant_id !== first.tenant_id);
  return { first, colleague, stranger };
}

function claimsOf({ authorization }) {
  return JSON.parse(Buffer.from(authorization.split('.')[1], 'base64url'));
}

test('login gives a token that names the user and the tenant', async () => {
  const { first } = await threeUsers();
  const { userId, tenantId, exp } = claimsOf(await login(first.id));
  assert.deepEqual({ userId, tenantId }, { userId: first.id, tenantId: first.tenant_id });
  assert.ok(exp > Date.now() / 1000);
});

test('login refuses a wrong password and an unknown user in the same way', async () => {
  const attempts = [
    { email: 'user1@orders.test', password: 'wrong' },
    { email: `user${USERS + 1}@orders.test`, password: PASSWORD },
  ];
  for (const payload of attempts) {
    const response = await app.inject({ method: 'POST', url: '/login', payload });
    assert.equal(response.statusCode, 401);
    assert.equal(response.json().message, 'wrong e-mail address or password');
  }
});

test('the list has the newest orders of the own tenant, as many as asked for', async () => {
  const { first } = await threeUsers();
  const headers = await login(first.id);
  const response = await app.inject({ url: '/orders?limit=3', headers });
  assert.equal(response.statusCode, 200);
  const ids = response.json().orders.map((order) => order.id);
  const own = await db.query('SELECT id FROM orders WHERE tenant_id = $1 ORDER BY id DESC LIMIT 3', [first.tenant_id]);
  assert.deepEqual(ids, own.map((row) => row.id));
  const byDefault = await app.inject({ url: '/orders', headers });
  assert.ok(byDefault.json().orders.length <= 20);
});

test('a new order is there for its tenant and for nobody else', async () => {
  const { first, colleague, stranger } = await threeUsers();
  const payload = { sku: 'SKU-NEW', quantity: 4 };
  const created = await app.inject({ method: 'POST', url: '/orders', headers: await login(first.id), payload });
  assert.equal(created.statusCode, 201);
  const { id, sku, quantity, status, createdAt } = created.json();
  assert.deepEqual({ sku, quantity, status }, { ...payload, status: 'pending' });
  assert.ok(Math.abs(Date.parse(createdAt) - Date.now()) < 60_000);
  const url = `/orders/${id}`;
  assert.equal(created.headers.location, url);
  const seen = await app.inject({ url, headers: await login(colleague.id) });
  assert.deepEqual([seen.statusCode, seen.json()], [200, created.json()]);
  const hidden = await app.inject({ url, headers: await login(stranger.id) });
  assert.equal(hidden.statusCode, 404);
});

test('the tenant in a URL or a body changes nothing', async () => {
  const { first, stranger } = await threeUsers();
  const headers = await login(first.id);
  const payload = { sku: 'SKU-OWN', quantity: 1, tenantId: stranger.tenant_id, tenant_id: stranger.tenant_id };
  const url = `/orders?tenantId=${stranger.tenant_id}`;
  const created = await app.inject({ method: 'POST', url, headers, payload });
  const [row] = await db.query('SELECT tenant_id FROM orders WHERE id = $1', [created.json().id]);
  assert.equal(row.tenant_id, first.tenant_id);
});

test('what does not fit the schemas is answered 400', async () => {
  const headers = await login(1);
  const wrong = [
    { url: '/orders?limit=0' },
    { url: '/orders?limit=101' },
    { url: '/orders?limit=many' },
    { url: '/orders/zero' },
    { url: '/orders/0' },
    { url: '/orders/99999999999' },
    { method: 'POST', url: '/orders', payload: { sku: 'SKU-1' } },
    { method: 'POST', url: '/orders', payload: { sku: '', quantity: 1 } },
    { method: 'POST', url: '/orders', payload: { sku: 'SKU-1', quantity: 0 } },
    { method: 'POST', url: '/orders', payload: { sku: 'SKU-1', quantity: 1.5 } },
    { method: 'POST', url: '/login', payload: { email: 'user1@orders.test' } },
    { method: 'POST', url: '/login', payload: { email: 'nobody', password: PASSWORD } },
  ];
  for (const request of wrong) {
    const response = await app.inject({ headers, ...request });
    assert.equal(response.statusCode, 400, `${request.url} ${JSON.stringify(request.payload)}`);
  }
});

test('without a token of this service every orders route answers 401', async () => {
  const claims = { userId: 1, tenantId: 1 };
  const forged = app.jwt.sign(claims, { key: 'another secret' });
  const expired = app.jwt.sign({ ...claims, iat: 1000 }, { expiresIn: '1s' });
  const values = [undefined, 'Bearer', 'Bearer x.y.z', 'Basic dXNlcjpkZW1v', `Bearer ${forged}`, `Bearer ${expired}`];
  const payload = { sku: 'SKU-1', quantity: 1 };
  for (const authorization of values) {
    const headers = authorization ? { authorization } : {};
    for (const request of [{ url: '/orders' }, { url: '/orders/1' }, { method: 'POST', url: '/orders', payload }]) {
      const response = await app.inject({ headers, ...request });
      assert.equal(response.statusCode, 401, `${request.url} with ${authorization}`);
    }
  }
});

test('until it is ready only /health and /metrics answer, and /health with 503', async () => {
  const starting = buildApp({ db: { ...db, close: async () => {} }, config, faults: faultsFrom({}) });
  const status = async (url) => (await starting.inject({ url })).statusCode;
  assert.deepEqual([await status('/health'), await status('/metrics'), await status('/ping')], [503, 200, 503]);
  starting.markReady();
  assert.deepEqual([await status('/health'), await status('/ping')], [200, 200]);
  await starting.close();
});

test('/metrics shows the process, the event loop, the pool and the requests', async () => {
  await app.inject({ url: '/ping' });
  await app.inject({ url: '/orders/7' });
  await app.inject({ url: '/nowhere' });
  const response = await app.inject({ url: '/metrics' });
  assert.match(response.headers['content-type'], /^text\/plain/);
  const expected = [
    /^process_resident_memory_bytes \d+/m,
    /^nodejs_eventloop_lag_seconds /m,
    /^nodejs_eventloop_delay_p50_seconds [\d.e-]+$/m,
    /^nodejs_eventloop_delay_p99_seconds [\d.e-]+$/m,
    /^nodejs_eventloop_delay_max_seconds [\d.e-]+$/m,
    /^nodejs_eventloop_utilization [\d.e-]+$/m,
    /^nodejs_heap_size_limit_bytes \d+$/m,
    /^http_request_duration_seconds_bucket\{le="\+Inf"\} \d+$/m,
    /^db_pool_in_use 0$/m,
    /^db_pool_waiting 0$/m,
    /^db_pool_size \d+$/m,
    /^http_requests_total\{method="GET",route="\/ping",status="200"\} \d+$/m,
    /^http_requests_total\{method="GET",route="\/orders\/:id",status="401"\} \d+$/m,
    /^http_requests_total\{method="GET",route="unmatched",status="404"\} \d+$/m,
  ];
  for (const line of expected) assert.match(response.body, line);
});

test('the pool gauges count the queries at work and those in the queue', async () => {
  const queries = Array.from({ length: 30 }, () => db.query('SELECT 1'));
  const { inUse, waiting, size } = db.stats();
  await Promise.all(queries);
  assert.equal(inUse + waiting, 30);
  assert.ok(inUse <= size, `${inUse} of ${size}`);
  assert.deepEqual(db.stats(), { inUse: 0, waiting: 0, size });
});

test('a failed transaction leaves nothing behind', async () => {
  const name = 'rolled back';
  const failing = db.transaction(async (query) => {
    await query('INSERT INTO tenants (id, name) VALUES ($1, $2)', [TENANTS + 1, name]);
    throw new Error('on purpose');
  });
  await assert.rejects(failing, /on purpose/);
  assert.deepEqual(await db.query('SELECT id FROM tenants WHERE name = $1', [name]), []);
});

test('seeding again changes nothing, not even the next order id', async () => {
  const snapshot = () =>
    db.query(`SELECT (SELECT count(*) FROM tenants)::int AS tenants, (SELECT count(*) FROM users)::int AS users,
      (SELECT md5(string_agg(o::text, ',' ORDER BY id)) FROM orders o) AS orders,
      (SELECT last_value::int FROM orders_id_seq) AS last_id`);
  const [first] = await snapshot();
  await seedDatabase(db);
  assert.deepEqual(await snapshot(), [first]);
  assert.deepEqual([first.tenants, first.users], [TENANTS, USERS]);
});

test('the tenants of the demo data differ much in size, and each has users and orders', async () => {
  const sizes = await db.query(
    `SELECT tenant_id, count(*)::int AS orders FROM orders WHERE id <= ${ORDERS} GROUP BY tenant_id ORDER BY orders DESC`,
  );
  assert.equal(sizes.length, TENANTS);
  assert.equal(sizes.reduce((sum, row) => sum + row.orders, 0), ORDERS);
  assert.ok(sizes[0].orders > 500, `largest ${sizes[0].orders}`);
  assert.ok(sizes.at(-1).orders >= 5 && sizes.at(-1).orders < 20, `smallest ${sizes.at(-1).orders}`);
  const [{ tenants }] = await db.query('SELECT count(DISTINCT tenant_id)::int AS tenants FROM users');
  assert.equal(tenants, TENANTS);
});

async function timed(on, url) {
  const start = performance.now();
  const response = await on.inject({ url });
  return { ms: performance.now() - start, status: response.statusCode };
}

test('FAULT_SLOW_MS and FAULT_SLOW_FACTOR delay the API and nothing else', async () => {
  await withFaults({ FAULT_SLOW_MS: '80', FAULT_SLOW_FACTOR: '3' }, async (faulty) => {
    // 80 ms, and twice the floor of 5 ms on top.
    assert.ok((await timed(faulty, '/ping')).ms >= 88);
    assert.ok((await timed(faulty, '/orders')).ms >= 88);
    assert.ok((await timed(faulty, '/health')).ms < 80);
  });
});

test('FAULT_CPU_MS keeps the processor busy', async () => {
  await withFaults({ FAULT_CPU_MS: '40.5' }, async (faulty) => {
    const before = performance.eventLoopUtilization();
    assert.ok((await timed(faulty, '/ping')).ms >= 40.5);
    assert.ok(performance.eventLoopUtilization(before).active >= 40);
  });
});

test('FAULT_QUERY_MS keeps the connection of a query, and of no transaction', async () => {
  const slow = openDatabase({ databaseUrl: process.env.TEST_DATABASE_URL, poolMax: 1, queryMs: 60 });
  await slow.transaction((query) => query('SELECT 1'));
  const start = performance.now();
  await Promise.all([slow.query('SELECT 1'), slow.query('SELECT 1')]);
  // One after the other, and not beside each other; Node's timers count from the beginning of a turn of
  // the event loop, so that each may end some milliseconds early.
  assert.ok(performance.now() - start >= 100);
  await slow.close();
});

test('FAULT_FAIL_SHARE fails that share of the requests, the same ones each time', async () => {
  const run = async () => {
    const statuses = [];
    await withFaults({ FAULT_FAIL_SHARE: '0.1' }, async (faulty) => {
      for (let index = 0; index < 500; index += 1) statuses.push((await timed(faulty, '/ping')).status);
      for (let index = 0; index < 30; index += 1) assert.equal((await timed(faulty, '/health')).status, 200);
    });
    return statuses;
  };
  const statuses = await run();
  const failed = statuses.filter((status) => status === 500).length;
  assert.ok(failed >= 30 && failed <= 70, `${failed} of 500 failed`);
  assert.deepEqual(await run(), statuses);
});

test('FAULT_LEAK_KB keeps memory on the heap', async () => {
  await withFaults({ FAULT_LEAK_KB: '1024' }, async (faulty) => {
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < 100; index += 1) await timed(faulty, '/ping');
    const grownMb = (process.memoryUsage().heapUsed - before) / 2 ** 20;
    assert.ok(grownMb > 80, `${grownMb} MB`);
  });
});

/** The answer of each route, by its name, to a request that works. */
async function statuses(on, headers) {
  const payloads = {
    'POST /login': { email: 'user1@orders.test', password: PASSWORD },
    'POST /orders': { sku: 'SKU-1', quantity: 1 },
  };
  const { orders } = (await app.inject({ url: '/orders?limit=1', headers })).json();
  const found = {};
  for (const route of ROUTES) {
    const [method, pattern] = route.split(' ');
    const url = pattern.replace(':id', orders[0].id);
    found[route] = (await on.inject({ method, url, headers, payload: payloads[route] })).statusCode;
  }
  return found;
}

test('FAULT_ROUTE leaves the faults to one route, whichever it is', async () => {
  const headers = await login(1);
  const fine = await statuses(app, headers);
  assert.ok(Object.values(fine).every((status) => status < 300), JSON.stringify(fine));
  for (const route of ROUTES) {
    await withFaults({ FAULT_ROUTE: route, FAULT_FAIL_SHARE: '1' }, async (faulty) => {
      assert.deepEqual(await statuses(faulty, headers), { ...fine, [route]: 500 });
    });
  }
});

test('FAULT_ROUTE holds for CPU, slowness and memory too', async () => {
  await withFaults({ FAULT_ROUTE: 'GET /ping', FAULT_CPU_MS: '300', FAULT_SLOW_MS: '300' }, async (faulty) => {
    assert.ok((await timed(faulty, '/orders')).ms < 300);
    assert.ok((await timed(faulty, '/ping')).ms >= 600);
  });
  await withFaults({ FAULT_ROUTE: 'GET /ping', FAULT_LEAK_KB: '1024' }, async (faulty) => {
    const before = process.memoryUsage().heapUsed;
    for (let index = 0; index < 100; index += 1) await timed(faulty, '/orders');
    const grownMb = (process.memoryUsage().heapUsed - before) / 2 ** 20;
    assert.ok(grownMb < 80, `${grownMb} MB`);
  });
});

test('FAULT_NEVER_READY keeps /health at 503 while the API works', async () => {
  await withFaults({ FAULT_NEVER_READY: '1' }, async (faulty) => {
    assert.equal((await timed(faulty, '/health')).status, 503);
    assert.equal((await timed(faulty, '/ping')).status, 200);
  });
});

test('variables that make no sense are refused by name', () => {
  const wrong = [
    { FAULT_FAIL_SHARE: '1.5' },
    { FAULT_SLOW_MS: '-1' },
    { FAULT_CPU_MS: 'much' },
    { FAULT_NEVER_READY: 'maybe' },
    { FAULT_ROUTE: 'GET /orders/7' },
    { FAULT_FREEZE_MS: '100' },
    { FAULT_FREEZE_MS: '1000', FAULT_FREEZE_EVERY_S: '1' },
  ];
  for (const variables of wrong) {
    assert.throws(() => faultsFrom(variables), (error) => {
      return error instanceof ConfigError && error.message.includes(Object.keys(variables)[0]);
    });
  }
  assert.throws(() => faultsFrom({ FAULT_ROUTE: 'GET /order' }), /one of .*"GET \/orders\/:id".*, not "GET \/order"/);
  assert.throws(() => serviceConfig({ PORT: '65536' }), /PORT/);
  assert.throws(() => serviceConfig({ LOG_LEVEL: 'loud' }), /LOG_LEVEL/);
});
