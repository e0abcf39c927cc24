// Owns the connection to SQL: one small interface over an embedded PGlite and
// over a PostgreSQL pool, so that the rest of the service sends the same SQL to
// either and cannot tell which one it has.
//
//   query(sql, params)   -> rows
//   transaction(work)    -> what work(query) returns; rolled back if it throws
//   stats()              -> { inUse, waiting, size } of the connection pool
//   close()

import { PGlite } from '@electric-sql/pglite';
import pg from 'pg';

/**
 * Opens PostgreSQL when `databaseUrl` is given, else a PGlite in memory. Neither
 * is waited for: the first statement waits, or fails if there is no database.
 */
export function openDatabase({ databaseUrl = null, poolMax = 10, onError = () => {} } = {}) {
  return databaseUrl ? openPostgres(databaseUrl, poolMax, onError) : openPglite();
}

function openPglite() {
  const lite = new PGlite();
  const queue = countedQueue();
  return {
    kind: 'pglite',
    query: (sql, params) => queue.run(async () => (await lite.query(sql, params)).rows),
    transaction: (work) =>
      queue.run(() => lite.transaction((tx) => work(async (sql, params) => (await tx.query(sql, params)).rows))),
    stats: queue.stats,
    close: () => lite.close(),
  };
}

/**
 * PGlite works on one statement at a time and queues the others by itself; this
 * counts them, as a pool of one connection would.
 */
function countedQueue() {
  let pending = 0;
  return {
    async run(work) {
      pending += 1;
      try {
        return await work();
      } finally {
        pending -= 1;
      }
    },
    stats: () => ({ inUse: Math.min(pending, 1), waiting: Math.max(pending - 1, 0), size: 1 }),
  };
}

function openPostgres(connectionString, poolMax, onError) {
  const pool = new pg.Pool({ connectionString, max: poolMax, connectionTimeoutMillis: 5000 });
  // Without a listener the loss of an idle connection would end the process.
  pool.on('error', onError);
  return {
    kind: 'postgresql',
    query: async (sql, params) => (await pool.query(sql, params)).rows,
    transaction: (work) => postgresTransaction(pool, work),
    stats: () => ({ inUse: pool.totalCount - pool.idleCount, waiting: pool.waitingCount, size: poolMax }),
    close: () => pool.end(),
  };
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
