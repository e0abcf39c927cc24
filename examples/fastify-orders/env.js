// Owns the reading of environment variables: a value that makes no sense stops
// the start with a message that names the variable, instead of being ignored.

import { readFileSync } from 'node:fs';

/** An error in how the service was started, to be shown without a stack. */
export class ConfigError extends Error {}

/**
 * The number in `env[name]`, or `fallback` when the variable is absent or empty.
 * `min` and `max` are inclusive.
 */
export function numberFrom(env, name, { fallback = 0, min = 0, max = Infinity, integer = false } = {}) {
  const text = env[name];
  if (text === undefined || text.trim() === '') return fallback;
  const value = Number(text);
  const valid = Number.isFinite(value) && value >= min && value <= max && (!integer || Number.isInteger(value));
  if (!valid) {
    const kind = integer ? 'a whole number' : 'a number';
    const range = max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`;
    throw new ConfigError(`${name} must be ${kind} ${range}, not "${text}"`);
  }
  return value;
}

/** True for "1" and "true", false for "0", "false", empty and absent. */
export function flagFrom(env, name) {
  const text = (env[name] ?? '').trim().toLowerCase();
  if (['1', 'true'].includes(text)) return true;
  if (['', '0', 'false'].includes(text)) return false;
  throw new ConfigError(`${name} must be 1 or 0, not "${env[name]}"`);
}

const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'];

function logLevelFrom(env) {
  const level = env.LOG_LEVEL || 'warn';
  if (LOG_LEVELS.includes(level)) return level;
  throw new ConfigError(`LOG_LEVEL must be one of ${LOG_LEVELS.join(', ')}, not "${level}"`);
}

/** Whether HTTP/2 is spoken, and the certificate and key of TLS; without them it is plain. */
function protocolFrom(env) {
  const { TLS_CERT: cert, TLS_KEY: key } = env;
  if (Boolean(cert) !== Boolean(key)) throw new ConfigError('TLS_CERT and TLS_KEY belong together');
  return { http2: flagFrom(env, 'HTTP2'), tls: cert ? { cert: fileOf('TLS_CERT', cert), key: fileOf('TLS_KEY', key) } : null };
}

function fileOf(name, path) {
  try {
    return readFileSync(path);
  } catch (error) {
    throw new ConfigError(`${name} names a file that cannot be read: ${error.message}`);
  }
}

/** Everything but the faults (see faults.js) that the environment decides. */
export function serviceConfig(env) {
  return {
    host: env.HOST || '127.0.0.1',
    port: numberFrom(env, 'PORT', { fallback: 3000, max: 65535, integer: true }),
    ...protocolFrom(env),
    // A default so that the example runs without setup; a real service would
    // refuse to start without a secret.
    jwtSecret: env.JWT_SECRET || 'demo-secret-not-for-production',
    tokenSeconds: numberFrom(env, 'TOKEN_SECONDS', { fallback: 3600, min: 1, max: 31_536_000, integer: true }),
    databaseUrl: env.DATABASE_URL || null,
    poolMax: numberFrom(env, 'DB_POOL_MAX', { fallback: 10, min: 1, max: 1000, integer: true }),
    // Request logs would otherwise be a good part of what a load test measures.
    logLevel: logLevelFrom(env),
  };
}
