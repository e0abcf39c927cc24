// Owns how passwords are stored and checked.
//
// scrypt rather than a bare sha256: it runs on libuv's thread pool as it does in
// a real login, so a burst of logins queues there and takes CPU away from the
// rest, which is the behaviour a load test should see. Its cost is 1/16 of Node's
// default (about 1.5 ms instead of 25 ms), because login is a load path here and
// 200 users are hashed at every start.

import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto';
import { promisify } from 'node:util';

const scryptAsync = promisify(scrypt);
const KEY_BYTES = 32;
const COST = { N: 1024, r: 8, p: 1 };

/** `salt:key` in hex; the seed passes its own salt to be the same at each start. */
export async function hashPassword(password, salt = randomBytes(16)) {
  const key = await scryptAsync(password, salt, KEY_BYTES, COST);
  return `${salt.toString('hex')}:${key.toString('hex')}`;
}

export async function passwordMatches(password, stored) {
  const [salt, key] = stored.split(':').map((part) => Buffer.from(part, 'hex'));
  return timingSafeEqual(await scryptAsync(password, salt, KEY_BYTES, COST), key);
}

/** A hash no password matches: checking it makes an unknown user cost a login too. */
export const UNMATCHABLE_HASH = `${'00'.repeat(16)}:${'00'.repeat(KEY_BYTES)}`;
