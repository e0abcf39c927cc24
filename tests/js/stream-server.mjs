// A target that streams, for the tests: HTTP/1.1, or by TLS where CERT and KEY are named, HTTP/2
// where HTTP2 is set, on the socket file in SOCKET if there is one. Prints its port, and logs each
// request, connection and the end of each stream to the file in LOG. Ends with its standard input.
import { appendFileSync, readFileSync } from 'node:fs';
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';

const { CERT, HTTP2, KEY, LOG, SOCKET } = process.env;
const log = (line) => LOG && appendFileSync(LOG, `${line}\n`);
const secret = CERT && { cert: readFileSync(CERT), key: readFileSync(KEY) };
const make = () => {
  if (HTTP2) return CERT ? http2.createSecureServer(secret) : http2.createServer();
  return CERT ? https.createServer(secret) : http.createServer();
};
const server = make();
server.on('session', () => log('session'));
server.on('connection', () => log('connection'));
server.on('request', (request, response) => {
  log(`request ${request.httpVersion} ${request.method} ${request.url} ${request.headers.accept}`);
  const url = new URL(request.url, 'http://localhost');
  if (url.pathname !== '/events') {
    response.setHeader('content-type', 'application/json');
    return response.end('{"fine":true}');
  }
  response.writeHead(200, { 'content-type': 'text/event-stream; charset=utf-8' });
  response.write(': welcome\n\n');
  let number = 0;
  const wait = Number(url.searchParams.get('wait') ?? 20);
  const last = Number(url.searchParams.get('last') ?? Infinity);
  const timer = setInterval(() => {
    number += 1;
    const name = number % 3 === 0 ? 'event: third\r\n' : '';
    response.write(`${name}id: ${number}\r\ndata: {"number": ${number},\r\ndata:  "of": "all"}\r\n\r\n`);
    if (number === last) response.end();
  }, wait);
  response.on('close', () => {
    clearInterval(timer);
    log(`closed after ${number}`);
  });
});
server.listen(SOCKET ?? 0, SOCKET ? undefined : '127.0.0.1', () => {
  console.log(SOCKET ? 0 : server.address().port);
});
process.stdin.resume().on('end', () => process.exit(0));
