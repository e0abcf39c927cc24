#!/usr/bin/env python3
"""How near closed loads come to theory: users with exponential times to think, and a server of so
many slots, whose throughput and response time are known (the machine-repairman model).

    cargo build --release
    python3 scripts/closed.py [--runs=10] [--seconds=60] [--only=exponential,fixed] [--together=1] [--update]
    python3 scripts/closed.py [--beside] [--seconds=60] [--update]

The server, in Node, gives each request the slot that is free first; a slot is free again at the
moment at which it should be by a clock that is never late. Its times are exponential, for which the
model has a formula, or fixed, for which the same queue is played event by event, some million of
them. Users, slots and times are such that requests wait for a slot now and then (light), mostly
(busy), and always (full).

Of each so many runs with other seeds, so many at a time. Printed is in how many both the throughput
and the mean response time are within 2 %, how far off the worst was, and of how many that can be
expected at all: the share of a hundred queues of the same length, played in memory, that are as near.

--beside: the same server under loadgate, k6 and wrk, one run each. wrk's users do not think, so
that loadgate's do not either beside it.
"""
import collections
import concurrent.futures
import contextlib
import functools
import heapq
import json
import math
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile

import measuring
from measuring import flag, installed, need_loadgate, publish, table

SERVER = """
const http = require("node:http");
const [kind, slots, time, seed] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const now = () => performance.now();
const free = Array(slots).fill(0);
let state = seed >>> 0;
// mulberry32
const unit = () => {
  state = (state + 0x6d2b79f5) | 0;
  let t = Math.imul(state ^ (state >>> 15), 1 | state);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};
const takes = () => (kind === "fixed" ? time : -Math.log(1 - unit()) * time);
// A timer is up to a millisecond late; the last one is waited for turn by turn.
const at = (until, act) => {
  const left = until - now();
  if (left <= 0) act();
  else if (left > 2.5) setTimeout(() => at(until, act), left - 2);
  else setImmediate(() => at(until, act));
};
http.createServer((request, response) => {
  if (request.url === "/health") return response.end("{}");
  let first = 0;
  for (let slot = 1; slot < slots; slot++) if (free[slot] < free[first]) first = slot;
  free[first] = Math.max(now(), free[first]) + takes();
  at(free[first], () => response.end("{}"));
}).listen(Number(process.env.PORT), "127.0.0.1");
"""
SLOTS, SERVICE, THINK = 20, .05, .1
USERS = {"light": 30, "busy": 60, "full": 120}
KINDS = ["exponential", "fixed"]
WARMUP = 5
# Queues that are played in memory.
PLAYED = 100


def main():
    need_loadgate()
    runs, seconds = flag("runs", 10), flag("seconds", 60)
    if "--beside" in sys.argv[1:]:
        return publish("closed-beside", beside(seconds))
    wanted = [name for name in flag("only", ",".join(KINDS)).split(",") if name]
    if runs < 1 or seconds < 5 or not set(wanted) <= set(KINDS):
        sys.exit(f"--runs is at least 1, --seconds 5, and --only some of {', '.join(KINDS)}")
    todo = [(kind, name, number) for kind in wanted for name in USERS for number in range(runs)]
    found = collections.defaultdict(list)
    with concurrent.futures.ThreadPoolExecutor(flag("together", 1)) as crew:
        for (kind, name, number), (rate, response) in zip(todo, crew.map(lambda it: run(*it, seconds), todo)):
            truth = theory(kind, USERS[name])
            off = [rate / truth[0] - 1, response / truth[1] - 1]
            found[kind, name].append((rate, response, off))
            print(f"{kind} {name} {number + 1} of {runs}: {rate:.1f}/s, {response * 1e3:.1f} ms; "
                  f"off by {off[0]:+.2%} and {off[1]:+.2%}", file=sys.stderr)
    publish("closed", render(found, seconds) + f"\n\nRuns of {seconds} s.")


def beside(seconds):
    tools, rows = installed(["k6", "wrk"]), []
    for name, users in USERS.items():
        truth = repairman(users)
        rows.append(row("loadgate", users, "100 ms", truth, run("exponential", name, 0, seconds)))
        if "k6" in tools:
            measured = at_server(lambda port, folder: by_k6(tools["k6"], port, users, seconds, folder))
            rows.append(row("k6", users, "100 ms", truth, measured))
    for name, users in USERS.items():
        truth = min(SLOTS, users) / SERVICE, max(SLOTS, users) / SLOTS * SERVICE
        rows.append(row("loadgate", users, "–", truth, run("exponential", name, 0, seconds, thinks=False)))
        if "wrk" in tools:
            measured = at_server(lambda port, _: by_wrk(tools["wrk"], port, users, seconds))
            rows.append(row("wrk", users, "–", truth, measured))
    heads = ["tool", "users", "think", "throughput, theory", "measured", "response time, theory", "measured", "off"]
    return table(heads, rows) + f"\n\nOne run of {seconds} s each."


def row(tool, users, think, truth, measured):
    off = ", ".join(f"{it / true - 1:+.1%}" for it, true in zip(measured, truth))
    return [tool, users, think, f"{truth[0]:.1f}/s", f"{measured[0]:.1f}/s", f"{truth[1] * 1e3:.1f} ms",
            f"{measured[1] * 1e3:.1f} ms", off]


def at_server(measured):
    """What is measured of a server of its own, by its port and a folder for files."""
    with tempfile.TemporaryDirectory() as place, contextlib.ExitStack() as children:
        folder, port = pathlib.Path(place), measuring.free_port()
        (folder / "server.js").write_text(SERVER)
        command = ["node", folder / "server.js", "exponential", SLOTS, SERVICE * 1e3, 1]
        measuring.start(children, command, port)
        measuring.answers(port, "/health")
        return measured(port, folder)


def by_k6(path, port, users, seconds, folder):
    script, said = folder / "load.js", folder / "k6.json"
    script.write_text(f"""import http from "k6/http"; import {{ sleep }} from "k6";
export const options = {{ scenarios: {{ s: {{ executor: "constant-vus", vus: {users}, duration: "{seconds}s",
  gracefulStop: "0s" }} }} }};
export default () => {{ http.get("http://127.0.0.1:{port}/"); sleep(-Math.log(1 - Math.random()) * {THINK}); }};
""")
    said_so = measuring.Ran([path, "run", "--quiet", "--no-usage-report", f"--summary-export={said}", script],
                            seconds + 5)
    if not said.exists():
        sys.exit(f"k6 left no summary:\n{said_so.text[-2000:]}")
    metrics = json.loads(said.read_text())["metrics"]
    return metrics["http_reqs"]["count"] / seconds, metrics["http_req_duration"]["avg"] / 1e3


def by_wrk(path, port, users, seconds):
    ran = measuring.Ran([path, "-t1", f"-c{users}", f"-d{seconds}s", f"http://127.0.0.1:{port}/"], seconds)
    mean = measuring.milliseconds(measuring.found(r"Latency\s+(\S+)", ran.text)) / 1e3
    return int(measuring.found(r"(\d+) requests in", ran.text)) / seconds, mean


def run(kind, name, number, seconds, thinks=True):
    """Throughput and mean response time of a run."""
    users = USERS[name]
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        (place / "server.js").write_text(SERVER)
        (place / "closed.json").write_text(json.dumps(scenario(kind, users, number, seconds, thinks)))
        command = [measuring.LOADGATE, "run", "closed.json", "--json", "-q", "--no-step-summary"]
        ran = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False,
                             timeout=seconds + WARMUP + 60)
        summary = json.loads(ran.stdout)
        counts, window = summary["total"]["counts"], summary["window"]
        answered = sum(count for _, count in counts["outcomes"])
        if answered != sum(count for name, count in counts["outcomes"] if name == "ok"):
            sys.exit(f"not all were answered: {counts}")
        return answered / (window["to"] - window["from"]), summary["total"]["response"]["mean"] / 1e3


def scenario(kind, users, number, seconds, thinks):
    port = measuring.free_port()
    command = ["node", "server.js", kind, str(SLOTS), str(SERVICE * 1e3), str(number + 1)]
    return {
        "name": "closed",
        "target": {"url": f"http://127.0.0.1:{port}", "command": command, "ready": {"path": "/health"}},
        "flows": [{"name": "get", "steps": [
            {"request": "GET /"}, *([{"think": f"exponential {THINK * 1e3:.0f}ms"}] if thinks else [])]}],
        "load": {"seed": number + 1, "stages": [
            {"for": f"{WARMUP}s", "users": users, "warmup": True},
            {"for": f"{seconds}s", "users": users}]},
        "slo": {"all": ["p95 < 5s", "error_rate < 1%"]},
    }


def theory(kind, users):
    """Throughput and mean response time."""
    return repairman(users) if kind == "exponential" else played(users)


def repairman(users):
    weights = []
    for busy in range(users + 1):
        weight = math.lgamma(users + 1) - math.lgamma(users - busy + 1) + busy * math.log(SERVICE / THINK)
        served = min(busy, SLOTS)
        weight -= math.lgamma(served + 1) + (busy - served) * math.log(SLOTS)
        weights.append(weight)
    most = max(weights)
    weights = [math.exp(weight - most) for weight in weights]
    working = sum(min(busy, SLOTS) * weight for busy, weight in enumerate(weights)) / sum(weights)
    rate = working / SERVICE
    return rate, users / rate - THINK


@functools.cache
def played(users):
    """The same queue with fixed times of service, event by event, for some million of them."""
    return play("fixed", users, 3_000, 1)


def play(kind, users, seconds, seed):
    """Throughput and mean response time of so many seconds of the queue, behind a warm-up."""
    chance = random.Random(seed)
    ready = [chance.expovariate(1 / THINK) for _ in range(users)]
    heapq.heapify(ready)
    free, waited, number, at = [0.0] * SLOTS, 0.0, 0, 0.0
    while (at := heapq.heappop(ready)) < WARMUP + seconds:
        service = SERVICE if kind == "fixed" else chance.expovariate(1 / SERVICE)
        done = max(at, heapq.heappop(free)) + service
        heapq.heappush(free, done)
        heapq.heappush(ready, done + chance.expovariate(1 / THINK))
        if at >= WARMUP:
            number, waited = number + 1, waited + done - at
    return number / seconds, waited / number


def expected(kind, users, seconds):
    """The share of runs of so many seconds that chance leaves near the theory."""
    truth = theory(kind, users)
    of = [play(kind, users, seconds, seed) for seed in range(PLAYED)]
    return sum(is_close([it / true - 1 for it, true in zip(one, truth)]) for one in of) / PLAYED


def is_close(off):
    return max(map(abs, off)) <= .02


def render(found, seconds):
    rows = []
    for (kind, name), results in found.items():
        users = USERS[name]
        rate, response = theory(kind, users)
        close = sum(is_close(off) for *_, off in results)
        worst = [max((off[place] for *_, off in results), key=abs) for place in (0, 1)]
        rows.append([
            f"{kind}, {users} users", f"{rate:.1f}/s", f"{statistics.median(it[0] for it in results):.1f}/s",
            f"{response * 1e3:.1f} ms", f"{statistics.median(it[1] for it in results) * 1e3:.1f} ms",
            f"{close} of {len(results)}", f"{expected(kind, users, seconds):.0%}", f"{worst[0]:+.1%}, {worst[1]:+.1%}",
        ])
    heads = ["times of service", "throughput, theory", "measured (median)", "response time, theory",
             "measured (median)", "both within 2 %", "by chance at most", "furthest off"]
    return table(heads, rows)


if __name__ == "__main__":
    main()
