#!/usr/bin/env python3
"""Whether `loadgate soak` finds what grows and invents nothing: real servers in small, with windows
of 5 s in place of 5 min, so that an hour is a minute.

    cargo build --release
    python3 scripts/soak.py [--rounds=3] [--unchanged=50] [--beside=10] [--length=300s] [--only=NAME] [--update]

The servers are Node processes of some 100 MB that keep so much more of each second, whose event loop is
blocked for longer and longer, or that do neither; one of them is killed in the middle of a soak, which is
then resumed. 30 MB an hour are 0.5 MB a second here. Each is played so many rounds, the one without a
leak --unchanged of them (as many as the others if it is not given), so many beside each other (one).
"""
import collections
import concurrent.futures
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

from measuring import LOADGATE, flag, need_loadgate, publish, table

ROUNDS, LENGTH, BESIDE = flag("rounds", 3), flag("length", "300s"), flag("beside", 1)
UNCHANGED = flag("unchanged", ROUNDS)
SERVER = """
const { monitorEventLoopDelay } = require("node:perf_hooks");
const [leak, creep] = [process.env.LEAK, process.env.CREEP].map(Number);
const kept = [Buffer.alloc(60e6, 1)];
const began = Date.now();
let trash = [];
setInterval(() => { if (leak) kept.push(Buffer.alloc(leak * 1e5, 1)); }, 100);
// What comes and goes: 30 MB within some seconds.
setInterval(() => { trash.push(Buffer.alloc(1e6, 1)); if (trash.length > 30) trash = []; }, 100);
setInterval(() => {
  if (!creep) return;
  const until = performance.now() + 2 + creep * (Date.now() - began) / 1000;
  while (performance.now() < until);
}, 200);
const delay = monitorEventLoopDelay({ resolution: 5 });
delay.enable();
require("node:http").createServer((request, response) => {
  if (request.url !== "/metrics") return response.end("{}");
  response.end(`nodejs_eventloop_lag_max_seconds ${delay.max / 1e9}\\n`);
  delay.reset();
}).listen(Number(process.env.PORT), "127.0.0.1");
"""
# Beside its length, a soak takes no longer than this.
PATIENCE = 120
# Name, MB kept of each second, ms that the loop is blocked for longer each second, what is expected.
CASES = [
    ("no leak", 0, 0, "pass"),
    ("30 MB/h", 0.5, 0, "leak"),
    ("event loop", 0, 0.2, "drift"),
    ("30 MB/h, killed and resumed", 0.5, 0, "leak"),
]


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def scenario(folder, leak, creep):
    (folder / "server.js").write_text(SERVER)
    file = folder / "soak.json"
    file.write_text(json.dumps({
        "name": "soak",
        "target": {"url": f"http://127.0.0.1:{free_port()}", "command": ["node", "server.js"], "metrics": "/metrics",
                   "env": {"LEAK": str(leak), "CREEP": str(creep)}},
        "flows": [{"name": "f", "steps": [{"request": "GET /"}]}],
        "load": {"stages": [{"for": "5s", "rate": "50/s"}]},
        "slo": {"all": ["p50 < 2s"]},
    }))
    return file


def played(folder, leak, creep, killed):
    """The summary of a soak, and how long it took."""
    file, began = scenario(folder, leak, creep), time.monotonic()
    command = [LOADGATE, "soak", file, "-d", LENGTH, "--window", "5s", "-q", "-o", folder / "out", "--json"]
    latest = folder / "out" / "soak" / "latest-soak"
    if killed:
        soak = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(seconds(LENGTH) / 2)
        soak.send_signal(signal.SIGKILL)
        soak.wait()
        command = [LOADGATE, "soak", "--resume", latest, "-q", "--json"]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False,
                          timeout=seconds(LENGTH) + PATIENCE)
    if done.returncode not in (0, 3, 5):
        sys.exit(f"loadgate ended with {done.returncode}: {done.stderr}")
    return json.loads(done.stdout), time.monotonic() - began


def seconds(length):
    found = re.fullmatch(r"(\d+)([sm])", length)
    if not found:
        sys.exit(f"--length={length}: expected a length such as 150s or 3m")
    return int(found[1]) * (60 if found[2] == "m" else 1)


def called(summary):
    grows = summary["soak"]["grows"]
    return grows if summary["verdict"] == "slo_missed" and grows else summary["verdict"]


def one(case):
    """What a soak was called, and how much of memory's growth it saw, in MB a minute."""
    name, leak, creep, _ = case
    with tempfile.TemporaryDirectory() as folder:
        summary, took = played(pathlib.Path(folder), leak, creep, "killed" in name)
    memory = next(it for it in summary["soak"]["trends"] if it["metric"] == "memory")
    slope = None if memory["per_hour"] is None else memory["per_hour"] / 60e6
    print(f"{name}: {called(summary)} after {took:.0f} s: {summary['reasons'][0]}", file=sys.stderr, flush=True)
    return called(summary), slope


def main():
    need_loadgate()
    names = [name for name, *_ in CASES]
    if flag("only", names[0]) not in names or min(ROUNDS, UNCHANGED, BESIDE) < 1 or seconds(LENGTH) < 90:
        sys.exit(f"--only is one of: {', '.join(names)}; --rounds, --unchanged and --beside at least 1, --length "
                 "at least 90s")
    cases = [case for case in CASES if flag("only", case[0]) == case[0]]
    rounds = [case for case in cases for _ in range(ROUNDS if case[3] != "pass" else UNCHANGED)]
    with concurrent.futures.ThreadPoolExecutor(BESIDE) as players:
        results = list(players.map(one, rounds))
    rows, wrong = [], 0
    for case in cases:
        name, _, _, expected = case
        found = [result for played, result in zip(rounds, results) if played is case]
        calls = collections.Counter(call for call, _ in found)
        slopes = [slope for _, slope in found if slope is not None]
        wrong += len(found) - calls[expected]
        others = ", ".join(f"{call} {number}" for call, number in calls.items() if call != expected)
        rows.append([name, expected, f"{calls[expected]} of {len(found)}", others or "–",
                     f"{min(slopes):.1f} to {max(slopes):.1f}" if slopes else "–"])
    publish("soak", table(["server", "expected", "called so", "others", "slope of memory, MB per minute"], rows))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
