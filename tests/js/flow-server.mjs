// A target with logins, cookies, redirects and tokens that expire, for the tests: HTTP/1.1, HTTP/2
// in the clear with H2C=1, or both by TLS where CERT and KEY are named. Prints its port, and logs
// each request to the file in LOG. Ends with its standard input.
import { appendFileSync, readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';

const { CERT, H2C, KEY, LOG, TTL } = process.env;
const log = (line) => LOG && appendFileSync(LOG, `${line}\n`);
const secure = CERT && { cert: readFileSync(CERT), key: readFileSync(KEY), allowHTTP1: true };
const server = secure ? http2.createSecureServer(secure) : H2C ? http2.createServer() : http.createServer();
const scheme = CERT ? 'https' : 'http';
const life = Number(TTL ?? 1_000);
const tokens = new Map();
let sessions = 0;
let logins = 0;

const say = (response, status, value, headers = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
};
const cookies = (request) => Object.fromEntries(
  (request.headers.cookie ?? '').split('; ').filter(Boolean).map((pair) => pair.split('=')),
);

const answer = (request, response, body) => {
  const { method, url } = request;
  const host = request.headers[':authority'] ?? request.headers.host;
  const to = (status, location, headers = {}) => say(response, status, {}, { location, ...headers });
  const [path, query = ''] = url.split('?');
  switch (path) {
    case '/fail':
      return say(response, 500, { id: 'no' });
    case '/session': {
      const known = cookies(request).sid;
      sessions += 1;
      return say(response, 200, { known: known ?? null }, {
        'set-cookie': [`sid=verysecret${sessions}; Path=/; HttpOnly`, 'gone=1; Max-Age=0', 'other=1; Domain=elsewhere.example',
          ...(CERT ? ['tls=secretbytls; Secure; Path=/'] : ['tls=never; Secure; Path=/'])],
      });
    }
    case '/me': {
      const all = cookies(request);
      log(`cookies ${Object.keys(all).sort().join(',')}`);
      return all.sid?.startsWith('verysecret') && !all.gone && !all.other && Boolean(all.tls) === Boolean(CERT)
        ? say(response, 200, { sid: all.sid })
        : say(response, 403, { error: `wrong: ${all.sid ?? 'none'}` });
    }
    case '/broken': // an error that repeats the cookie
      return say(response, 500, { you: cookies(request).sid ?? 'nobody' });
    case '/leak': // an error that sets a cookie and repeats it
      return say(response, 500, { you: 'verysecretleak' }, { 'set-cookie': 'sid=verysecretleak' });
    case '/slow':
      return setTimeout(() => say(response, 200, {}), 300);
    case '/to': { // /to?STATUS,LOCATION
      const [status, ...location] = query.split(',');
      return to(Number(status), decodeURIComponent(location.join(',')).replace('HOST', `${scheme}://${host}`));
    }
    case '/hop': { // /hop?N: so many redirects, with a cookie that the last one needs
      const left = Number(query);
      return left > 0
        ? to(302, `hop?${left - 1}`, { 'set-cookie': `hop=${left}; Path=/` })
        : say(response, 200, { done: true, hop: cookies(request).hop ?? null });
    }
    case '/nowhere':
      return say(response, 302, {});
    case '/echo':
      return say(response, 200, { method, url, body, type: request.headers['content-type'] ?? null });
    case '/login': {
      logins += 1;
      const token = `secrettoken${logins}`;
      tokens.set(token, Date.now() + life);
      return say(response, 200, { token, ttl: life / 1_000 });
    }
    case '/api': {
      const token = (request.headers.authorization ?? '').replace('Bearer ', '');
      return (tokens.get(token) ?? 0) > Date.now() ? say(response, 200, { ok: true }) : say(response, 401, { error: `no ${token}` });
    }
    case '/never': // whatever token
      return say(response, 401, { error: 'never' });
    case '/basic': {
      const given = Buffer.from((request.headers.authorization ?? '').replace('Basic ', ''), 'base64').toString();
      return given === 'ann:pass:w0rd' ? say(response, 200, {}) : say(response, 401, { given });
    }
    case '/graphql':
      return say(response, 200, JSON.parse(body).query.includes('bad')
        ? { data: null, errors: [{ message: 'no such field' }] }
        : { data: { ok: JSON.parse(body).variables ?? null } });
    default:
      return say(response, 200, { id: `i${sessions}`, url });
  }
};
server.on('request', (request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const body = Buffer.concat(pieces).toString('latin1');
    log(`request ${request.httpVersion} ${request.method} ${request.url} ${body.slice(0, 2_000).replaceAll('\n', '\\n').replaceAll('\r', '\\r')}`);
    answer(request, response, body);
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit(0));
