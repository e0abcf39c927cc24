// An API of many tenants. Whoever logs in gets a token of its tenant, which no other may use. Requests
// of the tenant named in SLOW take 150 ms. What comes is logged: the path, the tenant, the iteration.
import fs from "node:fs";
import http from "node:http";

const log = fs.createWriteStream(process.env.LOG, { flags: "a" });
const answer = (response, status, body) => {
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
};

const server = http.createServer((request, response) => {
  const tenant = decodeURIComponent(request.headers["x-tenant"] ?? "");
  log.write(`${request.url} ${tenant} ${request.headers["x-iteration"] ?? "-"}\n`);
  if (request.url === "/login") {
    return answer(response, 200, { token: Buffer.from(tenant).toString("hex") });
  }
  const token = request.headers.authorization;
  if (token !== undefined && token !== Buffer.from(tenant).toString("hex")) {
    return answer(response, 403, { error: "a token of another tenant" });
  }
  const wait = tenant !== "" && tenant === process.env.SLOW ? 150 : 0;
  setTimeout(() => answer(response, 200, { items: [] }), wait);
});

server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("end", () => process.exit(0));
