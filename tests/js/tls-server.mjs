// A target that speaks TLS, for the tests: prints its port, and logs each request and session to
// the file in LOG. Ends with its standard input.
import { appendFileSync, readFileSync } from 'node:fs';
import https from 'node:https';

const { CERT, KEY, CLIENT_CA, MAX_VERSION, MIN_VERSION, LOG, DELAY_MS, HOST, PORT } = process.env;
const log = (line) => LOG && appendFileSync(LOG, `${line}\n`);
const options = {
  cert: readFileSync(CERT),
  key: readFileSync(KEY),
  ...(CLIENT_CA && { ca: readFileSync(CLIENT_CA), requestCert: true, rejectUnauthorized: true }),
  ...(MAX_VERSION && { maxVersion: MAX_VERSION }),
  ...(MIN_VERSION && { minVersion: MIN_VERSION }),
  ...(MAX_VERSION === 'TLSv1.1' && { ciphers: 'DEFAULT@SECLEVEL=0' }),
};
let length = 10;
const server = https.createServer(options, (request, response) => {
  log(`request ${request.method} ${request.url}`);
  const answer = () => {
    if (request.url === '/large') {
      response.end('x'.repeat(1_000_000));
    } else if (request.url === '/close') {
      response.setHeader('connection', 'close');
      response.end('bye');
    } else if (request.url === '/echo') {
      request.resume().on('end', () => response.end('echoed'));
      return;
    } else {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ id: length++, peer: request.socket.getPeerCertificate?.()?.subject?.CN ?? null }));
    }
  };
  setTimeout(answer, Number(DELAY_MS ?? 0));
});
server.on('secureConnection', (socket) =>
  log(`session ${socket.isSessionReused() ? 'resumed' : 'full'} ${socket.getProtocol()} ${socket.servername || '-'}`),
);
server.keepAliveTimeout = 60_000;
server.listen(Number(PORT ?? 0), HOST ?? '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit(0));
