#!/usr/bin/env python3
"""How near `loadgate capacity` comes to limits that are known: servers that can do so much and no
more, whatever comes, searched again and again.

    cargo build --release
    python3 scripts/capacity.py [--searches=10] [--within=5m] [--only=slots,stages] [--update]

The servers, in Node, each with an exact limit by a clock that is never late (a slot is free again
at the moment at which it should be, not when a timer noticed):

    slots    8 slots of 20 ms: 400 requests/s
    stages   12 slots of 20 ms, then 6 of 20 ms, which is the slower: 300/s
    bucket   a token bucket of 250/s and 25 tokens that answers 429 without a token: 250/s
    waiting  the same bucket, of 350/s, that lets requests wait for their token: 350/s

Of each so many searches, one after the other; each is off by so much as its lower bound. Printed
are how many are within 5 and 20 %, and how long the longest took.
"""
import collections
import json
import pathlib
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


def main():
    need_loadgate()
    searches, within = flag("searches", 10), flag("within", "5m")
    wanted = [name for name in flag("only", ",".join(LIMITS)).split(",") if name]
    found = collections.defaultdict(list)
    for number in range(searches):
        for name in wanted:
            result = search(name, number, within)
            found[name].append(result)
            low, high, seconds, code = result
            print(f"{name} {number + 1} of {searches}: {low} to {high} of {LIMITS[name]}, "
                  f"{seconds:.0f} s, exit code {code}", file=sys.stderr)
    publish("capacity", render(found))


def search(name, number, within):
    """One search: its bounds, how long it took, and its exit code."""
    with tempfile.TemporaryDirectory() as place:
        place = pathlib.Path(place)
        (place / "server.js").write_text(SERVER)
        (place / "scenario.json").write_text(json.dumps(scenario(name, number)))
        command = [measuring.LOADGATE, "capacity", "scenario.json", "--within", within, "--json",
                   "-q", "--no-step-summary"]
        begun = time.monotonic()
        ran = subprocess.run(command, cwd=place, capture_output=True, text=True, check=False)
        seconds = time.monotonic() - begun
        try:
            bounds = json.loads(ran.stdout)["found"]
        except json.JSONDecodeError:
            print(ran.stderr, file=sys.stderr)
            bounds = {"low": None, "high": None}
        rounded = [bound and round(bound, 1) for bound in (bounds["low"], bounds["high"])]
        return (*rounded, seconds, ran.returncode)


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


if __name__ == "__main__":
    main()
