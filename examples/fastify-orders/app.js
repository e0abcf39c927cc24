// Owns how the service is put together: which routes exist, which of them the
// faults touch, and what is counted.

import fastifyJwt from '@fastify/jwt';
import Fastify from 'fastify';
import { addRequestFaults } from './faults.js';
import { createMetrics } from './metrics.js';
import { addLogin, addOrders, addPing } from './routes.js';

/**
 * The Fastify app on an open database. Until `app.markReady()` is called, when
 * the data is there, the API answers 503. Closing the app closes the database.
 */
export function buildApp({ db, config, faults }) {
  // The log has the id that the caller sends, so that a failed request is found in it.
  const app = Fastify({ logger: { level: config.logLevel }, requestIdHeader: 'x-request-id', ...protocol(config) });
  const metrics = createMetrics(db.stats);
  const readiness = { seeded: false };
  app.decorate('markReady', () => {
    readiness.seeded = true;
    metrics.forgetStart();
  });
  app.register(fastifyJwt, { secret: config.jwtSecret });
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unmatched';
    metrics.countRequest(request.method, route, reply.statusCode, reply.elapsedTime);
  });
  app.addHook('onClose', () => db.close());
  addHealth(app, readiness, faults);
  app.get('/metrics', async (request, reply) => reply.type(metrics.contentType).send(await metrics.render()));
  app.register(async (scope) => addApi(scope, { db, config, faults, readiness }));
  return app;
}

/** By TLS a client may choose between HTTP/1.1 and HTTP/2; in the clear there is one of them. */
function protocol({ http2, tls }) {
  return { ...(http2 && { http2 }), ...(tls && { https: { ...tls, ...(http2 && { allowHTTP1: true }) } }) };
}

function addHealth(app, readiness, faults) {
  app.get('/health', async (request, reply) => {
    const ready = readiness.seeded && !faults.neverReady;
    return reply.code(ready ? 200 : 503).send({ ready });
  });
}

/** The routes that faults apply to, in a scope of their own so that no other route has them. */
function addApi(scope, { db, config, faults, readiness }) {
  scope.addHook('onRequest', async (request, reply) => {
    if (readiness.seeded) return;
    return reply.code(503).send({ statusCode: 503, error: 'Service Unavailable', message: 'still starting' });
  });
  addRequestFaults(scope, faults);
  addPing(scope);
  addLogin(scope, db, config.tokenSeconds);
  scope.register(async (orders) => addOrders(orders, db));
}
