#!/usr/bin/env python3
"""How near `loadgate capacity` comes to limits that are known: servers that can do so much and no
more, whatever comes, searched again and again.

    cargo build --release
    python3 scripts/capacity.py [--searches=10] [--within=5m] [--only=slots,stages] [--update]
    python3 scripts/capacity.py [--together] [--into=searches.jsonl] [--searches=3] [--update]
    python3 scripts/capacity.py [--pools=4,20] [--searches=1] [--within=5m]

The servers, in Node, each with an exact limit by a clock that is never late (a slot is free again
at the moment at which it should be, not when a timer noticed):

    slots    8 slots of 20 ms: 400 requests/s
    stages   12 slots of 20 ms, then 6 of 20 ms, which is the slower: 300/s
    bucket   a token bucket of 250/s and 25 tokens that answers 429 without a token: 250/s
    waiting  the same bucket, of 350/s, that lets requests wait for their token: 350/s

Of each so many searches, one after the other, or those of the servers beside each other with
--together; each is off by so much as its lower bound. Printed are how many are within 5 and 20 %,
and how long the longest took. With --into each search is a line of that file, and printed is what
all of its lines say: ten searches of each need not be made at one go.

With --pools it searches the Fastify reference API on a PostgreSQL of its own instead, once with so
many connections in its pool and once with so many, where each query takes 40 ms: 25 a second for a
connection. Printed are the capacities, and what was full first. It needs initdb, postgres, psql and
npm ci --prefix examples/fastify-orders.
"""
import collections
import concurrent.futures
import contextlib
import json
import os
import pathlib
import pwd
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import measuring
from measuring import flag, need_loadgate, publish, table

SERVER = """
const http = require("node:http");
const mode = process.argv[2], now = () => performance.now();
const slots = (count, time) => {
  const free = Array(count).fill(0);
  return (from) => {
    let first = 0;
    for (let slot = 1; slot < count; slot++) if (free[slot] < free[first]) first = slot;
    return (free[first] = Math.max(from, free[first]) + time);
  };
};
const bucket = (rate, size) => {
  let tokens = size, last = now();
  // What is left after one more is taken; below zero it is owed.
  return (mayOwe) => {
    const at = now();
    tokens = Math.min(size, tokens + (at - last) / 1000 * rate);
    last = at;
    if (tokens < 1 && !mayOwe) return -1;
    return (tokens -= 1);
  };
};
const one = slots(8, 20), first = slots(12, 20), second = slots(6, 20);
const shedding = bucket(250, 25), waiting = bucket(350, 25);
const after = (response, until) => setTimeout(() => response.end("{}"), until - now());
const modes = {
  slots: (response) => after(response, one(now())),
  stages: (response) => after(response, second(first(now()))),
  bucket: (response) => {
    if (shedding(false) >= 0) return after(response, now() + 5);
    response.statusCode = 429;
    response.end();
  },
  waiting: (response) => after(response, now() + 5 + Math.max(0, -waiting(true) / 350 * 1000)),
};
http.createServer((request, response) =>
  request.url === "/health" ? response.end("{}") : modes[mode](response),
).listen(Number(process.env.PORT), "127.0.0.1");
"""
LIMITS = {"slots": 400, "stages": 300, "bucket": 250, "waiting": 350}
OBJECTIVES = ["p95 < 200ms", "error_rate < 1%"]
# Beside what --within says, a search takes no longer than this.
PATIENCE = 180


def main():
    need_loadgate()
    searches, within = flag("searches", 10), flag("within", "5m")
    seconds(within)
    wanted = [name for name in flag("only", ",".join(LIMITS)).split(",") if name]
    if searches < 1 or not set(wanted) <= set(LIMITS):
        sys.exit(f"--searches is at least 1, and --only some of {', '.join(LIMITS)}")
    pools = flag("pools", "")
    if pools:
        return with_pools(pools, flag("searches", 1), within)
    into = flag("into", "")
    earlier = read(into) if into else []
    before = collections.Counter(name for name, *_ in earlier)
    plan = [[(name, before[name] + number) for number in range(searches)] for name in wanted]
    if "--together" not in sys.argv:
        plan = [[one for turn in zip(*plan) for one in turn]]
    with concurrent.futures.ThreadPoolExecutor(len(plan)) as side_by_side:
        each = side_by_side.map(lambda turns: [told(turn, within, into) for turn in turns], plan)
        results = [result for results in each for result in results]
    found = collections.defaultdict(list)
    for name, *result in [*earlier, *results]:
        found[name].append(result)
    publish("capacity", render(found))


def read(into):
    path = pathlib.Path(into)
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def told(turn, within, into):
    """One search, kept and said as soon as it ends."""
    name, number = turn
    low, high, took, code = search(name, number, within)
    print(f"{name} {number + 1}: {low} to {high} of {LIMITS[name]}, {took:.0f} s, exit code {code}",
          file=sys.stderr, flush=True)
    result = [name, low, high, round(took), code]
    if into:
        with open(into, "a") as file:
            file.write(json.dumps(result) + "\n")
    return result


def search(name, number, within):
    """One search: its bounds, how long it took, and its exit code."""
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        (place / "server.js").write_text(SERVER)
        file, took, code = searched(place, scenario(name, number), within)
        return (*bounds(file), took, code)


def searched(place, scenario, within):
    """What a search found, if anything, how long it took, and its exit code."""
    (place / "scenario.json").write_text(json.dumps(scenario))
    command = [measuring.LOADGATE, "capacity", "scenario.json", "--within", within, "--json", "-q",
               "--no-step-summary"]
    begun = time.monotonic()
    ran = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False,
                         timeout=seconds(within) + PATIENCE)
    took = time.monotonic() - begun
    try:
        return json.loads(ran.stdout), took, ran.returncode
    except json.JSONDecodeError:
        print(ran.stderr, file=sys.stderr)
        return None, took, ran.returncode


def bounds(file):
    found = file["found"] if file else {"low": None, "high": None}
    return [bound and round(bound, 1) for bound in (found["low"], found["high"])]


def seconds(length):
    found = re.fullmatch(r"(\d+)([smh])", length)
    if not found:
        sys.exit(f"--within={length}: expected a length such as 5m or 90s")
    return int(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]


def scenario(name, number):
    port = measuring.free_port()
    return {
        "name": name,
        "target": {"url": f"http://127.0.0.1:{port}", "command": ["node", "server.js", name],
                   "ready": {"path": "/health"}},
        "flows": [{"name": "get", "steps": [{"request": "GET /", "timeout": "5s"}]}],
        "load": {"seed": number + 1, "stages": [{"for": "10s", "rate": "100/s"}]},
        "slo": {"all": OBJECTIVES},
    }


def render(found):
    rows = []
    for name, results in found.items():
        limit = LIMITS[name]
        off = [abs(low / limit - 1) if low else 1 for low, *_ in results]
        lows = [low for low, *_ in results if low]
        rows.append([
            name, f"{limit}/s",
            f"{statistics.median(lows):.0f}/s" if lows else "none",
            f"{min(lows):.0f} to {max(lows):.0f}/s" if lows else "none",
            f"{sum(it <= .05 for it in off)} of {len(off)}",
            f"{sum(it > .2 for it in off)} of {len(off)}",
            f"{max(seconds for _, _, seconds, _ in results):.0f} s",
        ])
    heads = ["server", "limit", "found (median)", "least and most", "within 5 %",
             "off by more than 20 %", "longest search"]
    return table(heads, rows)


def with_pools(pools, searches, within):
    """The reference API with pools of so many connections."""
    try:
        sizes = [int(size) for size in pools.split(",")]
    except ValueError:
        sys.exit(f"--pools={pools}: expected numbers of connections such as 4,20")
    if not all(1 <= size <= 50 for size in sizes):
        sys.exit(f"--pools={pools}: from 1 to 50 connections")
    if not (measuring.API / "node_modules" / "pg").is_dir():
        sys.exit("npm ci --prefix examples/fastify-orders is needed first")
    rows = []
    with contextlib.ExitStack() as children:
        database = postgres(children)
        for size in sizes:
            for number in range(searches):
                with tempfile.TemporaryDirectory() as place:
                    file, took, code = searched(pathlib.Path(place), orders(database, size, number), within)
                low, high = bounds(file)
                first = full_first(file) if file else "not known"
                print(f"pool of {size}: {low} to {high}, {took:.0f} s, exit code {code}, full first: {first}",
                      file=sys.stderr, flush=True)
                rows.append([f"{size}", f"{size / .04:.0f}/s", f"{low} to {high}/s", first, f"{took:.0f} s", f"{code}"])
    print(f"{measuring.conditions()}\n")
    print(table(["pool", "queries at most", "found", "full first", "took", "exit code"], rows))


def full_first(file):
    """What filled up at the lowest rate, by the trials in the order of their rates."""
    for trial in sorted(file["trials"], key=lambda trial: trial["rate"]):
        filled = [what for what in trial["filled"] if what != "the machine's CPUs"]
        if filled:
            return f"{filled[0]} at {trial['rate']:.0f}/s"
    return "nothing"


def postgres(children):
    """A PostgreSQL of its own on a socket; root may not run one, so somebody else does."""
    place = children.enter_context(tempfile.TemporaryDirectory(prefix="lgpg", dir="/tmp"))
    os.chmod(place, 0o755)
    data, who = pathlib.Path(place) / "data", {}
    data.mkdir()
    if os.geteuid() == 0:
        names = {user.pw_name for user in pwd.getpwall()}
        user = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
        os.chown(data, user.pw_uid, user.pw_gid)
        who = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "cwd": "/", **who}
    made = [program("initdb"), "--auth=trust", "--username=orders", "--no-sync", "-D", data]
    subprocess.run(made, check=True, timeout=120, **quiet)
    server = [program("postgres"), "-D", data, "-k", data, "-c", "listen_addresses=", "-c", "fsync=off"]
    child = subprocess.Popen(server, stderr=subprocess.DEVNULL, **quiet)
    children.callback(child.wait, 30)
    # At once, without writing what nobody will read.
    children.callback(child.send_signal, signal.SIGQUIT)
    ask = [program("psql"), "-h", data, "-U", "orders", "-d", "postgres", "-c"]
    for _ in range(300):
        if subprocess.run([*ask, "SELECT 1"], stderr=subprocess.DEVNULL, timeout=10, check=False, **quiet).returncode == 0:
            break
        time.sleep(.1)
    subprocess.run([*ask, "CREATE DATABASE orders"], check=True, timeout=30, **quiet)
    return f"postgres://orders@/orders?host={data}"


def program(name):
    """Of the newest PostgreSQL that is installed."""
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob(f"*/bin/{name}"))
    return found[-1] if found else name


def orders(database, pool, number):
    port = measuring.free_port()
    return {
        "name": f"pool-{pool}",
        "target": {
            "url": f"http://127.0.0.1:{port}", "command": ["node", "server.js"], "cwd": str(measuring.API),
            "env": {"DATABASE_URL": database, "DB_POOL_MAX": str(pool), "FAULT_QUERY_MS": "40"},
            "ready": {"path": "/health", "within": "60s"},
            "metrics": {"path": "/metrics", "watch": ["db_pool_waiting"]},
        },
        "flows": [{"name": "browse", "steps": [
            {"name": "log in", "once": True, "request": "POST /login",
             "json": {"email": "user{{random 1..200}}@orders.test", "password": "demo"},
             "extract": {"token": "$.token"}},
            {"name": "list orders", "request": "GET /orders?limit=5", "timeout": "5s",
             "headers": {"authorization": "Bearer {{token}}"}},
        ]}],
        "load": {"seed": number + 1, "stages": [{"for": "10s", "rate": "20/s"}]},
        "slo": {"all": OBJECTIVES},
    }


if __name__ == "__main__":
    main()
