// An API with one queue: each request takes WORK ms of it, one after the other, whosever it is. With
// FAIR=1 each tenant has a queue of its own. With REFUSE=1 whoever finds 20 waiting is refused at once.
import http from "node:http";

const work = Number(process.env.WORK ?? "4");
const queues = new Map();

function serve(queue) {
  const next = queue[0];
  if (next === undefined) return;
  setTimeout(() => {
    queue.shift();
    next();
    serve(queue);
  }, work);
}

const server = http.createServer((request, response) => {
  const tenant = request.headers["x-tenant"] ?? "";
  const key = process.env.FAIR === "1" ? tenant : "all";
  if (!queues.has(key)) queues.set(key, []);
  const queue = queues.get(key);
  if (process.env.REFUSE === "1" && queue.length >= 20) {
    response.writeHead(503).end();
    return;
  }
  queue.push(() => response.writeHead(200, { "content-type": "application/json" }).end("[]"));
  if (queue.length === 1) serve(queue);
});

server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("end", () => process.exit(0));
