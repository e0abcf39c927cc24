// A small server that breaks in one of several manners. It serves SLOTS requests at a time and
// SERVICE milliseconds each, without using a CPU for it: 200 requests per second. What is more
// than that:
//
//   collapse    waits in a queue without an end. Who has given up is served all the same.
//   shed        waits where 40 wait at most, and is refused at once with 429.
//   metastable  waits as well; what its client has given up is tried again, twice, by the server:
//               a backlog that makes more of itself.
//   die         waits until 40 are waiting; then the process ends.
//   endless     does not exist: it serves everything at once.
//
//     PORT=3000 node scripts/breaking_server.js collapse
"use strict";
const http = require("node:http");

const SLOTS = 4;
const SERVICE = 20;
// What is waited for in the queue at most by a client of these tests, in milliseconds.
const PATIENCE = 400;
// A backlog of more than this is no longer told from a larger one, and memory is not.
const MOST = 20_000;
const mode = process.argv[2] ?? "collapse";
const queue = [];
let busy = 0;

function next() {
  while (busy < SLOTS && queue.length > 0) {
    const job = queue.shift();
    busy += 1;
    setTimeout(() => {
      busy -= 1;
      done(job);
      next();
    }, SERVICE);
  }
}

function done(job) {
  const isLate = performance.now() - job.since > PATIENCE;
  if (mode === "metastable" && isLate && queue.length < MOST) {
    queue.push({ since: job.since }, { since: job.since });
  }
  job.response?.end("{}");
}

http.createServer((request, response) => {
  if (request.url === "/health" || mode === "endless") return response.end("{}");
  if (mode === "shed" && busy === SLOTS && queue.length >= 10 * SLOTS) {
    response.statusCode = 429;
    return response.end("{}");
  }
  if (mode === "die" && queue.length >= 40) {
    console.error("too much");
    process.exit(9);
  }
  queue.push({ since: performance.now(), response });
  next();
}).listen(Number(process.env.PORT ?? 3000), "127.0.0.1");
