// A target that speaks HTTP/2, for the tests: in the clear, or by TLS where CERT and KEY are
// named. Prints its port, and logs each request and connection to the file in LOG. Ends with its
// standard input.
import { appendFileSync, readFileSync } from 'node:fs';
import http2 from 'node:http2';

const { ALLOW_HTTP1, CERT, KEY, LOG, PORT, STREAMS } = process.env;
const log = (line) => LOG && appendFileSync(LOG, `${line}\n`);
const settings = { ...(STREAMS && { maxConcurrentStreams: Number(STREAMS) }) };
const server = CERT
  ? http2.createSecureServer({
      cert: readFileSync(CERT), key: readFileSync(KEY), allowHTTP1: ALLOW_HTTP1 === '1', settings,
    })
  : http2.createServer({ settings });
let length = 10;
const json = (response, value) => {
  response.setHeader('content-type', 'application/json');
  response.end(JSON.stringify(value));
};
server.on('session', () => log('session'));
server.on('request', (request, response) => {
  log(`request ${request.httpVersion} ${request.method} ${request.url}`);
  const [, what, count] = request.url.split('/');
  switch (what) {
    case 'large':
      return response.end('x'.repeat(1_000_000));
    case 'slow':
      return setTimeout(() => json(response, { slow: true }), Number(count));
    case 'echo': {
      let size = 0;
      request.on('data', (piece) => { size += piece.length; });
      return request.on('end', () => json(response, { size, headers: request.headers }));
    }
    case 'metrics':
      response.setHeader('content-type', 'text/plain');
      return response.end('process_resident_memory_bytes 50000000\n');
    case 'error':
      response.statusCode = 500;
      response.setHeader('set-cookie', 'session=verysecretvalue');
      return json(response, { error: 'it broke' });
    default:
      return json(response, { id: length++ });
  }
});
server.listen(Number(PORT ?? 0), '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit(0));
