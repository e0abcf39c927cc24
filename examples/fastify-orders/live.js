// Owns what is told while it happens: the orders of a tenant as server-sent events, and
// the same over a WebSocket. Nothing is kept; who is not there hears nothing.

import { EventEmitter } from 'node:events';
import fastifyWebsocket from '@fastify/websocket';

/** Tells those who follow a tenant of each of its new orders. */
export function createFeed() {
  const emitter = new EventEmitter().setMaxListeners(0);
  return {
    publish: (tenantId, order) => emitter.emit(`tenant ${tenantId}`, order),
    /** Returns what ends it. */
    follow(tenantId, listener) {
      emitter.on(`tenant ${tenantId}`, listener);
      return () => emitter.off(`tenant ${tenantId}`, listener);
    },
  };
}

/** GET /orders/events: the tenant's new orders, from now on, until the client goes. */
export function addEvents(scope, feed) {
  const open = new Set();
  // A stream has no end of its own: closing would wait for it.
  scope.addHook('preClose', async () => open.forEach((raw) => raw.end()));

  scope.get('/orders/events', (request, reply) => {
    reply.hijack();
    const { raw } = reply;
    raw.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    const send = (event, data) => raw.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
    send('welcome', { tenant: request.user.tenantId });
    const leave = feed.follow(request.user.tenantId, (order) => send('order', order));
    open.add(raw);
    raw.on('error', () => {});
    raw.on('close', () => {
      leave();
      open.delete(raw);
    });
  });
}

/** GET /orders/live: a WebSocket. It answers "ping", and tells of new orders once asked to. */
export async function addLive(scope, feed) {
  await scope.register(fastifyWebsocket, { options: { maxPayload: 16 * 1024 } });

  scope.get('/orders/live', { websocket: true }, (socket, request) => {
    const { tenantId } = request.user;
    const send = (message) => socket.send(JSON.stringify(message));
    let leave = () => {};
    socket.on('message', (bytes) => {
      switch (typeOf(bytes)) {
        case 'ping':
          return send({ type: 'pong' });
        case 'subscribe':
          leave();
          leave = feed.follow(tenantId, (order) => send({ type: 'order', order }));
          return send({ type: 'subscribed', tenant: tenantId });
        default:
          return send({ type: 'error', message: 'send {"type": "ping"} or {"type": "subscribe"}' });
      }
    });
    socket.on('error', () => {});
    socket.on('close', () => leave());
    send({ type: 'welcome', tenant: tenantId });
  });
}

function typeOf(bytes) {
  try {
    return JSON.parse(bytes.toString())?.type;
  } catch {
    return undefined;
  }
}
