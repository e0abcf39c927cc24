#!/usr/bin/env python3
"""Whether a reference server in the same run makes stored numbers worth more: runs of the
Fastify reference API, each with a second run at a low rate against a server whose work never
changes, and how much the API's figures scatter over the runs alone and as ratios to its.

    cargo build --release && npm ci --prefix examples/fastify-orders
    python3 scripts/reference.py [--runs=12] [--seconds=30] [--rate=200] [--reference=hash] [--reference-rate=50] [--update]

Takes about runs x (seconds + 12 s). All processes are fresh in each run and none is pinned.
Every other run has a neighbour that spins a share of a core, drawn from a seed for each run
anew. Each handler of the API burns 1.5 ms of CPU. --reference says what the reference does
for an answer:

    hash      a fixed number of SHA-256 rounds in a Node process, about 1.5 ms of CPU
    health    the demo's /health: a text of a few bytes, hardly any CPU
    products  the demo's /products: it sleeps for 2 to 8 ms, and then makes a list; its time
              is mostly that of a timer, as the demo burns no CPU

The smallest visible change is that of the gate of stored baselines with ten accepted runs
(analysis::prediction): called regressed in 95 of 100 cases at a level of 1 %, 5 % accepted.
"""
import contextlib
import json
import math
import random
import statistics
import subprocess
import sys
import tempfile

from measuring import API, LOADGATE, PATIENCE, answers, flag, free_port, need_loadgate, publish, start, table, token

RUNS, SECONDS, RATE = flag("runs", 12), flag("seconds", 30), flag("rate", 200)
REFERENCE, REFERENCE_RATE = flag("reference", "hash"), flag("reference-rate", 50)
WARMUP = 5
CPU_MS = "1.5"
HASH = """require('http').createServer((_, answer) => {
  require('crypto').pbkdf2Sync('a', 'b', 3000, 32, 'sha256'); answer.end('{}') }).listen(process.env.PORT, '127.0.0.1')"""
REFERENCES = {
    "hash": (lambda port: ["node", "-e", HASH], "/"),
    "health": (lambda port: [LOADGATE, "demo", "--port", port], "/health"),
    "products": (lambda port: [LOADGATE, "demo", "--port", port], "/products"),
}
MARKS = ("p50", "p95", "p99")
TOLERANCE, LEAST_SD = .05, .01
# Student's points for .99 and .95 with nine degrees of freedom, and one new value beside ten.
POINTS = (2.821 + 1.833) * math.sqrt(1 + 1 / 10)


def main():
    need_loadgate()
    if REFERENCE not in REFERENCES or RUNS < 4:
        sys.exit(f"--reference is one of {', '.join(REFERENCES)}, and --runs at least 4")
    runs = [one(number) for number in range(RUNS)]
    text = f"{RUNS} runs of {SECONDS} s at {RATE}/s, the reference ({REFERENCE}) at {REFERENCE_RATE}/s.\n"
    for label, kept in (("All runs", runs), ("Quiet ones", runs[::2]), ("Those with a neighbour", runs[1::2])):
        text += f"\n{label}:\n\n{scatter(kept)}\n"
    publish("reference", text.rstrip())


def one(number):
    """The response times of API and reference in one run."""
    seconds = WARMUP + SECONDS
    share = random.Random(number).uniform(.2, 1) if number % 2 else 0
    ports = free_port(), free_port()
    command, path = REFERENCES[REFERENCE]
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as children:
        start(children, ["node", "server.js"], ports[0], cwd=API, env={"FAULT_CPU_MS": CPU_MS})
        start(children, command(ports[1]), ports[1])
        answers(ports[0], "/health")
        answers(ports[1], path)
        if share:
            start(children, [sys.executable, "-c", SPIN, share, seconds + PATIENCE], 0)
        # Checking a password takes so much CPU that a login for each user would be the load.
        loads = ((ports[0], "/orders?limit=20", RATE, ["-H", f"authorization: Bearer {token(ports[0])}"]),
                 (ports[1], path, REFERENCE_RATE, []))
        length = ["-d", f"{seconds}s", "--warmup", f"{WARMUP}s", "--slo", "p50 < 5s"]
        both = [start(children, [LOADGATE, "run", f"http://127.0.0.1:{port}{path}", "--no-walk", "-R", rate, *length, *more,
                                 "--json", "-q", "-o", folder], 0, stdout=subprocess.PIPE)
                for port, path, rate, more in loads]
        said = [json.loads(child.communicate(timeout=seconds + PATIENCE)[0]) for child in both]
    api, reference = ({mark: one["total"]["response"][mark] for mark in MARKS} for one in said)
    shown = ", ".join(f"{mark} {api[mark]:.2f} and {reference[mark]:.2f} ms" for mark in MARKS)
    print(f"run {number + 1}: neighbour {share:.0%}: {shown}", file=sys.stderr)
    return api, reference


# Of every 20 ms a share is spun; it ends by itself.
SPIN = """import sys, time
share, end = float(sys.argv[1]), time.monotonic() + float(sys.argv[2])
while time.monotonic() < end:
    until = time.monotonic() + .02 * share
    while time.monotonic() < until: pass
    time.sleep(.02 * (1 - share))"""


def scatter(runs):
    """How far figures and ratios are apart from run to run."""
    ways = (("alone", lambda reference, mark: 1), ("same percentile", lambda reference, mark: reference[mark]),
            ("its p50", lambda reference, mark: reference["p50"]))
    rows = []
    for mark in MARKS:
        sds = [statistics.stdev(math.log(api[mark] / of(reference, mark)) for api, reference in runs) for _, of in ways]
        rows.append([mark, *(f"{sd:.1%}" for sd in sds), *(f"+{visible(sd):.0%}" for sd in sds)])
    heads = [f"sd of ln, {name if name == 'alone' else 'divided by ' + name}" for name, _ in ways]
    return table(["", *heads, *(f"visible, {name}" for name, _ in ways)], rows)


def visible(sd):
    return (1 + TOLERANCE) * math.exp(POINTS * max(sd, LEAST_SD)) - 1


main()
