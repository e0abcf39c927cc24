#!/usr/bin/env python3
"""What many connections cost in memory, and whether many idle WebSockets are kept without drift.

    cargo build --release
    python3 scripts/connections.py [--only=clear,tls,websocket] [--update]     (about four minutes)

Node serves, from a core of its own; its certificate is made for the run. The parts:

- clear, tls: 10,000 requests under way at a time, each on a connection of its own, as each is answered only
  after half a minute. Memory per connection is what loadgate's resident set grows by from the first hundred
  connections to the last, so it has all that belongs to the request as well;
- websocket: 2,000 WebSockets that say something every 5 s for a minute and are answered. Each must end well,
  and the drift is what a conversation takes longer than its pauses together.

More files may be open than is usual: ulimit -n 20000.
"""
import contextlib
import json
import pathlib
import resource
import subprocess
import sys
import tempfile
import threading
import time

import measuring
from measuring import GENERATOR_CORE, LOADGATE, SERVER_CORE, await_port, flag, free_port, pinned, publish, start, table

CONNECTIONS, RATE, ANSWER_AFTER = 10_000, 300, 33.5
SOCKETS, MESSAGES, PAUSE = 2_000, 12, 5
# So long a request may take that nobody answers; then the run ends.
WAIT = 90
PARTS = ("clear", "tls", "websocket")

SLOW = """
import https from 'node:https'; import http from 'node:http'; import { readFileSync } from 'node:fs';
const { CERT, KEY, PORT, AFTER } = process.env;
const answer = (_, response) => setTimeout(() => response.end('{"fine":true}'), Number(AFTER));
const server = CERT ? https.createServer({ cert: readFileSync(CERT), key: readFileSync(KEY) }, answer) : http.createServer(answer);
server.keepAliveTimeout = 120_000;
server.listen(Number(PORT), '127.0.0.1', 4096);
"""


def certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem", "-days", "365",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
    return {"CERT": f"{folder}/cert.pem", "KEY": f"{folder}/key.pem"}


class Watched(threading.Thread):
    """Looks at a process twice a second: since when, open files and resident bytes."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.seen, self.begun = pid, [], time.monotonic()

    def run(self):
        proc = pathlib.Path(f"/proc/{self.pid}")
        # A process that has ended has neither.
        with contextlib.suppress(OSError, StopIteration):
            while True:
                files = sum(1 for _ in (proc / "fd").iterdir())
                lines = (proc / "status").read_text().splitlines()
                resident = next(line for line in lines if line.startswith("VmRSS:"))
                self.seen.append((time.monotonic() - self.begun, files, int(resident.split()[1]) * 1024))
                time.sleep(.5)


def load(scenario, folder, seconds):
    """Runs it; its summary and what was seen of the process."""
    file, out = pathlib.Path(folder, "scenario.json"), pathlib.Path(folder, "out")
    file.write_text(json.dumps(scenario))
    words = [LOADGATE, "run", "-q", "--no-walk", file, "-o", out]
    with tempfile.TemporaryFile() as said:
        child = subprocess.Popen(pinned(GENERATOR_CORE, words), stdin=subprocess.DEVNULL, stdout=said, stderr=said)
        watched = Watched(child.pid)
        watched.start()
        try:
            child.wait(seconds + WAIT)
        finally:
            child.kill()
        watched.join(5)
        said.seek(0)
        text = said.read().decode(errors="replace")[-4_000:]
    latest = out / scenario["name"] / "latest" / "summary.json"
    if not latest.exists():
        sys.exit(text)
    return json.loads(latest.read_text()), watched.seen


def failed(summary):
    return sum(count for name, count in summary["whole_run"]["outcomes"] if name != "ok")


def many(is_secured):
    scheme = "https" if is_secured else "http"
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as children:
        port = free_port()
        env = {"AFTER": str(int(ANSWER_AFTER * 1_000)), **(certificate(folder) if is_secured else {})}
        program = pathlib.Path(folder, "slow.mjs")
        program.write_text(SLOW)
        start(children, pinned(SERVER_CORE, ["node", program]), port, env)
        await_port(port)
        seconds = int(CONNECTIONS / RATE) + 4
        target = {"url": f"{scheme}://127.0.0.1:{port}"}
        if is_secured:
            target["tls"] = {"ca": f"{folder}/cert.pem"}
        scenario = {
            "name": "many", "target": target,
            "flows": [{"name": "wait", "steps": [{"name": "one", "request": "GET /", "timeout": "60s"}]}],
            "load": {"arrivals": "uniform", "stages": [{"for": f"{seconds}s", "rate": f"{RATE}/s"}]},
            "limits": {"connections": CONNECTIONS + 2_000, "in_flight": CONNECTIONS + 2_000},
            "slo": {"all": ["p50 < 60s", "error_rate < 1%"]},
        }
        summary, seen = load(scenario, folder, seconds + ANSWER_AFTER)
    first = next(it for it in seen if it[1] >= 100)
    last = max(seen, key=lambda it: it[1])
    each = (last[2] - first[2]) / (last[1] - first[1]) / 1024
    name = "HTTP/1.1 by TLS 1.3" if is_secured else "HTTP/1.1 in the clear"
    return [name, f"{last[1]:,}", f"{last[2] / 2**20:.0f} MiB", f"{each:.1f} KiB", f"{failed(summary):,} of {summary['whole_run']['sent']:,}"]


def sockets():
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as children:
        server = children.enter_context(subprocess.Popen(
            pinned(SERVER_CORE, ["node", measuring.ROOT / "tests/js/stream-server.mjs"]),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE))
        children.callback(server.kill)
        port = int(server.stdout.readline())
        said = [[{"send": f"message {number}"}, {"expect": f"message {number}", "within": "2s"},
                 {"think": f"{PAUSE}s"}] for number in range(MESSAGES)]
        step = {"name": "talk", "request": "GET /live", "timeout": "120s", "websocket": sum(said, [])}
        scenario = {
            "name": "many", "target": {"url": f"http://127.0.0.1:{port}"},
            "flows": [{"name": "talk", "steps": [step]}],
            "load": {"arrivals": "uniform", "stages": [{"for": "20s", "rate": f"{SOCKETS // 20}/s"}]},
            "limits": {"connections": SOCKETS + 100},
            "slo": {"all": ["p50 < 100s", "error_rate <= 0%"]},
        }
        summary, seen = load(scenario, folder, 20 + MESSAGES * PAUSE)
    whole = [it for it in seen if 25 <= it[0] <= MESSAGES * PAUSE - 2]
    total = summary["steps"][0]
    drift = total["response"]["max"] - MESSAGES * PAUSE * 1_000
    trips = total["round_trip"]
    grown = (whole[-1][2] - whole[0][2]) / 2**20
    return [f"{max(it[1] for it in seen):,}", f"{trips['count']:,}", f"{failed(summary):,} of {summary['whole_run']['sent']:,}",
            f"{trips['p50']:.2f} ms", f"{trips['p99']:.2f} ms", f"{trips['max']:.1f} ms", f"{drift:.0f} ms",
            f"{whole[-1][2] / 2**20:.0f} MiB", f"{grown:+.2f} MiB"]


def main():
    measuring.need_loadgate()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < CONNECTIONS + 2_000:
        sys.exit(f"{hard} files may be open; raise it: ulimit -n 20000")
    parts = flag("only", ",".join(PARTS)).split(",")
    texts = []
    rows = [many(part == "tls") for part in ("clear", "tls") if part in parts]
    if rows:
        heads = ["", "open files at most", "resident", "for each connection", "failed"]
        texts.append(table(heads, rows))
    if "websocket" in parts:
        heads = ["open files at most", "round trips", "failed", "p50", "p99", "max", "drift in a minute",
                 "resident", "grown, all open"]
        texts.append(table(heads, [sockets()]))
    publish("connections", "\n\n".join(texts))


main()
