//! fastify.
