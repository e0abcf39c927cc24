// The server of docs/recipes.md: a shop of several tenants that needs nothing but Node. PORT says where it
// listens, on loopback only.

import { createServer } from 'node:http';
import { createHash, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';

const TOKEN_SECONDS = 600;
const tokens = new Map();
const sessions = new Set();
const orders = new Map();
const watchers = new Map();

const json = (response, status, value, headers = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
};

const routes = {
  'GET /health': (_, response) => json(response, 200, { status: 'ok' }),
  'GET /products': (request, response) => {
    const limit = Number(new URL(request.url, 'http://shop').searchParams.get('limit') ?? 20);
    const items = Array.from({ length: limit }, (_, index) => ({ id: index + 1, name: `product ${index + 1}`, price: 9.5 + index }));
    json(response, 200, { items }, { etag: `"${limit}"` });
  },
  'GET /search': (request, response) => {
    const found = new URL(request.url, 'http://shop').searchParams.get('q') ?? '';
    response.writeHead(200, { 'content-type': 'text/html' });
    response.end(`<h1>${found.replace(/[<&]/g, '')}</h1><a href="/products/7" data-id="7">product 7</a>`);
  },
  'GET /old': (_, response) => response.writeHead(302, { location: '/products?limit=3' }).end(),
  'POST /login': async (request, response) => {
    const { user, seconds = TOKEN_SECONDS } = await body(request);
    if (!user) return json(response, 400, { error: 'no user' });
    const token = randomUUID();
    tokens.set(token, Date.now() + seconds * 1000);
    json(response, 200, { token, expires_in: seconds });
  },
  'POST /session': (_, response) => {
    const session = randomUUID();
    sessions.add(session);
    json(response, 200, {}, { 'set-cookie': `session=${session}; Path=/; HttpOnly` });
  },
  'GET /me': (request, response) => {
    const session = /session=([^;]+)/.exec(request.headers.cookie ?? '')?.[1];
    json(response, sessions.has(session) ? 200 : 401, {});
  },
  'POST /orders': async (request, response) => {
    if (!isKnown(request)) return json(response, 401, { error: 'log in first' });
    const order = { id: randomUUID(), state: 'open', ...(await body(request)) };
    orders.set(order.id, order);
    setTimeout(() => ship(order), 50);
    json(response, 201, order, { location: `/orders/${order.id}` });
  },
  'GET /orders/:id': (request, response, id) => {
    if (!isKnown(request)) return json(response, 401, { error: 'log in first' });
    const order = orders.get(id);
    return order ? json(response, 200, order) : json(response, 404, { error: 'no such order' });
  },
  'GET /orders/:id/events': (request, response, id) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    const tell = (order) => response.write(`event: order\ndata: ${JSON.stringify(order)}\n\n`);
    const order = orders.get(id);
    if (!order) return response.end();
    tell(order);
    if (order.state === 'open') watchers.set(id, tell);
    request.on('close', () => watchers.delete(id));
  },
  'POST /graphql': async (request, response) => {
    const { query, variables } = await body(request);
    if (!/product\b/.test(query)) return json(response, 200, { errors: [{ message: 'unknown field' }] });
    json(response, 200, { data: { product: { id: variables.id, name: `product ${variables.id}` } } });
  },
  'POST /uploads': async (request, response) => {
    const form = await new Response(Readable.toWeb(request), { headers: { 'content-type': request.headers['content-type'] } }).formData();
    const file = form.get('file');
    json(response, 201, { title: form.get('title'), name: file?.name ?? null, type: file?.type ?? null, bytes: file?.size ?? 0 });
  },
  'POST /bookings': async (request, response) => {
    const booking = await body(request);
    const isDay = /^\d{4}-\d\d-\d\d$/.test(booking.day) && booking.day > new Date().toISOString().slice(0, 10);
    json(response, isDay ? 201 : 422, isDay ? booking : { error: 'the day has passed' });
  },
  // What a big tenant does, others do not feel.
  'GET /reports': (request, response) => json(response, 200, { tenant: request.headers['x-tenant'] ?? null }),
};

function isKnown(request) {
  const token = /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1];
  return (tokens.get(token) ?? 0) > Date.now();
}

function ship(order) {
  order.state = 'shipped';
  watchers.get(order.id)?.(order);
  setTimeout(() => orders.delete(order.id), 10_000);
}

async function body(request) {
  let text = '';
  for await (const chunk of request) text += chunk;
  try {
    return JSON.parse(text);
  } catch {
    return Object.fromEntries(new URLSearchParams(text));
  }
}

function routed(request) {
  const path = request.url.split('?')[0];
  const exact = routes[`${request.method} ${path}`];
  if (exact) return [exact];
  const [, first, id, ...rest] = path.split('/');
  const pattern = [`${request.method} /${first}/:id`, ...rest].join('/');
  return [routes[pattern] ?? ((_, response) => json(response, 404, { error: 'no such route' })), id];
}

const server = createServer((request, response) => {
  const [route, id] = routed(request);
  Promise.resolve(route(request, response, id)).catch(() => response.destroy());
});
// A WebSocket for short texts, as far as the recipes need one; for anything else take a package.
const frame = (first, payload) => Buffer.concat([Buffer.from([first, payload.length]), payload]);
const answers = {
  hello: ({ user }) => ({ type: 'welcome', user }),
  price: ({ product }) => ({ type: 'price', product, price: 8.5 + product }),
};

function unframed(bytes) {
  const [first, length] = [bytes[0], (bytes[1] ?? 0) & 127];
  if (bytes.length < 6 + length) return null;
  const payload = Buffer.from(bytes.subarray(6, 6 + length).map((byte, at) => byte ^ bytes[2 + (at % 4)]));
  return { first, payload, rest: bytes.subarray(6 + length) };
}

function hear(socket, { first, payload }) {
  if (first === 0x88) return socket.end(frame(0x88, payload));
  if (first !== 0x81) return;
  const message = JSON.parse(payload.toString());
  const answer = answers[message.type]?.(message) ?? { type: 'error' };
  socket.write(frame(0x81, Buffer.from(JSON.stringify(answer))));
}

server.on('upgrade', (request, socket) => {
  const key = `${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`;
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
    + `Sec-WebSocket-Accept: ${createHash('sha1').update(key).digest('base64')}\r\n\r\n`);
  let bytes = Buffer.alloc(0);
  socket.on('data', (more) => {
    bytes = Buffer.concat([bytes, more]);
    for (let found = unframed(bytes); found; found = unframed(bytes)) {
      bytes = found.rest;
      hear(socket, found);
    }
  });
  socket.on('error', () => socket.destroy());
});
server.keepAliveTimeout = 60_000;
server.listen(Number(process.env.PORT ?? 3000), '127.0.0.1');
process.on('SIGTERM', () => {
  server.close(() => process.exit(0));
  server.closeAllConnections();
});
