// Owns the API: the routes with their JSON schemas and their SQL. The tenant of
// a request comes from its token and goes into every statement.

import { addEvents, addLive, createFeed } from './live.js';
import { passwordMatches, UNMATCHABLE_HASH } from './passwords.js';

/** Every route of this file that has an answer, as FAULT_ROUTE names them. */
export const ROUTES = ['GET /ping', 'POST /login', 'GET /orders', 'GET /orders/:id', 'POST /orders'];

const MAX_INT = 2 ** 31 - 1;
const ORDER_FIELDS = 'id, sku, quantity, status, created_at AS "createdAt"';

const ERROR = {
  type: 'object',
  properties: {
    statusCode: { type: 'integer' },
    error: { type: 'string' },
    message: { type: 'string' },
  },
};

const ORDER = {
  type: 'object',
  required: ['id', 'sku', 'quantity', 'status', 'createdAt'],
  properties: {
    id: { type: 'integer' },
    sku: { type: 'string' },
    quantity: { type: 'integer' },
    status: { type: 'string' },
    createdAt: { type: 'string', format: 'date-time' },
  },
};

const LOGIN_SCHEMA = {
  body: {
    type: 'object',
    required: ['email', 'password'],
    properties: {
      email: { type: 'string', format: 'email', maxLength: 254 },
      password: { type: 'string', minLength: 1, maxLength: 200 },
    },
  },
  response: { 200: object({ token: { type: 'string' }, expiresIn: { type: 'integer' } }), '4xx': ERROR },
};

const LIST_SCHEMA = {
  querystring: {
    type: 'object',
    properties: { limit: { type: 'integer', minimum: 1, maximum: 100, default: 20 } },
  },
  response: { 200: object({ orders: { type: 'array', items: ORDER } }), '4xx': ERROR },
};

const GET_SCHEMA = {
  params: object({ id: { type: 'integer', minimum: 1, maximum: MAX_INT } }),
  response: { 200: ORDER, '4xx': ERROR },
};

const CREATE_SCHEMA = {
  body: object({
    sku: { type: 'string', pattern: '^[A-Za-z0-9-]{1,40}$' },
    quantity: { type: 'integer', minimum: 1, maximum: 1000 },
  }),
  response: { 201: ORDER, '4xx': ERROR },
};

function object(properties) {
  return { type: 'object', required: Object.keys(properties), properties };
}

/** GET /ping: neither token nor SQL, so it shows what the bare server can do. */
export function addPing(scope) {
  const schema = { response: { 200: object({ ok: { type: 'boolean' } }) } };
  scope.get('/ping', { schema }, async () => ({ ok: true }));
}

/** POST /login: an e-mail address and a password for a token, which is valid for so many seconds. */
export function addLogin(scope, db, expiresIn) {
  scope.post('/login', { schema: LOGIN_SCHEMA }, async (request, reply) => {
    const { email, password } = request.body;
    const [user] = await db.query('SELECT id, tenant_id, password_hash FROM users WHERE email = $1', [email]);
    const matches = await passwordMatches(password, user?.password_hash ?? UNMATCHABLE_HASH);
    if (!matches) return refuse(reply, 401, 'Unauthorized', 'wrong e-mail address or password');
    const claims = { userId: user.id, tenantId: user.tenant_id };
    return { token: await reply.jwtSign(claims, { expiresIn }), expiresIn };
  });
}

/** The routes under /orders, all of which need a token. */
export async function addOrders(scope, db) {
  const feed = createFeed();
  scope.addHook('onRequest', requireToken);
  addEvents(scope, feed);
  await addLive(scope, feed);

  scope.get('/orders', { schema: LIST_SCHEMA }, async (request) => {
    const sql = `SELECT ${ORDER_FIELDS} FROM orders WHERE tenant_id = $1 ORDER BY id DESC LIMIT $2`;
    return { orders: await db.query(sql, [request.user.tenantId, request.query.limit]) };
  });

  scope.get('/orders/:id', { schema: GET_SCHEMA }, async (request, reply) => {
    const sql = `SELECT ${ORDER_FIELDS} FROM orders WHERE tenant_id = $1 AND id = $2`;
    const [order] = await db.query(sql, [request.user.tenantId, request.params.id]);
    // Another tenant's order is as unknown as one that does not exist.
    return order ?? refuse(reply, 404, 'Not Found', 'no such order');
  });

  scope.post('/orders', { schema: CREATE_SCHEMA }, async (request, reply) => {
    const { tenantId, userId } = request.user;
    const { sku, quantity } = request.body;
    const [order] = await db.query(
      `INSERT INTO orders (tenant_id, created_by, sku, quantity) VALUES ($1, $2, $3, $4) RETURNING ${ORDER_FIELDS}`,
      [tenantId, userId, sku, quantity],
    );
    feed.publish(tenantId, order);
    return reply.code(201).header('location', `/orders/${order.id}`).send(order);
  });
}

async function requireToken(request, reply) {
  try {
    await request.jwtVerify();
  } catch {
    return refuse(reply, 401, 'Unauthorized', 'a valid bearer token is needed');
  }
}

function refuse(reply, statusCode, error, message) {
  return reply.code(statusCode).send({ statusCode, error, message });
}
