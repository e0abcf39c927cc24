// Owns the connection to SQL: one small interface over an embedded PGlite and
// over a PostgreSQL pool, so that the rest of the service sends the same SQL to
// either and cannot tell which one it has.
//
//   query(sql, params)   -> rows
//   transaction(work)    -> what work(query) returns; rolled back if it throws
//   stats()              -> { inUse, waiting, size } of the connection pool
//   close()

import { setTimeout as sleep } from 'node:timers/promises';
import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';

/**
 * Opens PostgreSQL when `databaseUrl` is given, else a PGlite in memory. Neither
 * is waited for: the first statement waits, or fails if there is no database.
 * With `queryMs` each query outside of a transaction keeps its connection for so
 * much longer, as a slow statement would.
 */
export function openDatabase({ databaseUrl = null, poolMax = 10, queryMs = 0, onError = () => {} } = {}) {
  return databaseUrl ? openPostgres({ databaseUrl, poolMax, queryMs, onError }) : openPglite(queryMs);
}

function openPglite(queryMs) {
  const lite = new PGlite();
  const queue = countedQueue();
  const held = async (sql, params) => {
    if (queryMs > 0) await sleep(queryMs);
    return (await lite.query(sql, params)).rows;
  };
  return {
    kind: 'pglite',
    query: (sql, params) => queue.run(() => held(sql, params)),
    transaction: (work) =>
      queue.run(() => lite.transaction((tx) => work(async (sql, params) => (await tx.query(sql, params)).rows))),
    stats: queue.stats,
    close: () => lite.close(),
  };
}

/**
 * One piece of work at a time, as a pool of one connection would, and how many wait for their turn.
 * PGlite queues statements by itself, but not what they are held for beside.
 */
function countedQueue() {
  let pending = 0;
  let last = Promise.resolve();
  return {
    async run(work) {
      pending += 1;
      const mine = last.then(work);
      last = mine.catch(() => {});
      try {
        return await mine;
      } finally {
        pending -= 1;
      }
    },
    stats: () => ({ inUse: Math.min(pending, 1), waiting: Math.max(pending - 1, 0), size: 1 }),
  };
}

function openPostgres({ databaseUrl, poolMax, queryMs, onError }) {
  const pool = new pg.Pool({ connectionString: databaseUrl, max: poolMax, connectionTimeoutMillis: 5000 });
  // Without a listener the loss of an idle connection would end the process.
  pool.on('error', onError);
  return {
    kind: 'postgresql',
    query: async (sql, params) => {
      if (queryMs > 0) return heldQuery(pool, queryMs, sql, params);
      return (await pool.query(sql, params)).rows;
    },
    transaction: (work) => postgresTransaction(pool, work),
    stats: () => ({ inUse: pool.totalCount - pool.idleCount, waiting: pool.waitingCount, size: poolMax }),
    close: () => pool.end(),
  };
}

/** A query whose connection is busy for longer than the query needs. */
async function heldQuery(pool, queryMs, sql, params) {
  const client = await pool.connect();
  try {
    await client.query('SELECT pg_sleep($1)', [queryMs / 1000]);
    return (await client.query(sql, params)).rows;
  } finally {
    client.release();
  }
}

async function postgresTransaction(pool, work) {
  const client = await pool.connect();
  try {
    await client.query('BEGIN');
    const result = await work(async (sql, params) => (await client.query(sql, params)).rows);
    await client.query('COMMIT');
    client.release();
    return result;
  } catch (error) {
    // A connection whose transaction failed is closed, which also rolls back.
    client.release(error);
    throw error;
  }
}
