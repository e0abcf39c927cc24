// A target that streams, for the tests: HTTP/1.1, or by TLS where CERT and KEY are named, HTTP/2
// where HTTP2 is set, on the socket file in SOCKET if there is one. Prints its port, and logs each
// request, connection and the end of each stream to the file in LOG. Ends with its standard input.
import { createHash } from 'node:crypto';
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

// WebSockets by hand, as there is no package here: one message of up to 64 kB in each frame.
const frame = (first, payload) => {
  const head = payload.length < 126
    ? Buffer.from([first, payload.length])
    : Buffer.from([first, 126, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([head, payload]);
};
const read = (bytes) => {
  if (bytes.length < 6) return undefined;
  const short = bytes[1] & 127;
  const at = short === 126 ? 8 : 6;
  const length = short === 126 ? bytes.readUInt16BE(2) : short;
  if (bytes.length < at + length) return undefined;
  const [mask, payload] = [bytes.subarray(at - 4, at), Buffer.from(bytes.subarray(at, at + length))];
  payload.forEach((byte, index) => { payload[index] = byte ^ mask[index % 4]; });
  return { first: bytes[0], payload, rest: bytes.subarray(at + length) };
};
server.on('upgrade', (request, socket) => {
  log(`upgrade ${request.url} ${request.headers['sec-websocket-key'].length}`);
  const accept = createHash('sha1')
    .update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
    + `Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
  const say = (text) => socket.write(frame(0x81, Buffer.from(text)));
  say(JSON.stringify({ type: 'welcome', url: request.url }));
  let bytes = Buffer.alloc(0);
  socket.on('data', (more) => {
    bytes = Buffer.concat([bytes, more]);
    for (let found = read(bytes); found; found = read(bytes)) {
      bytes = found.rest;
      const text = found.payload.toString();
      if (found.first === 0x88) {
        log(`close ${found.payload.readUInt16BE(0)}`);
        socket.end(frame(0x88, found.payload));
      } else if (found.first === 0x82) {
        socket.write(frame(0x82, found.payload));
      } else if (text === 'noise') {
        say('noise 1'); socket.write(frame(0x89, Buffer.from('ping'))); say('noise 2'); say('quiet');
      } else if (text.startsWith('later')) {
        setTimeout(() => say(text), 30);
      } else {
        say(text);
      }
    }
  });
  socket.on('error', () => {});
});
server.listen(SOCKET ?? 0, SOCKET ? undefined : '127.0.0.1', () => {
  console.log(SOCKET ? 0 : server.address().port);
});
process.stdin.resume().on('end', () => process.exit(0));
