#!/usr/bin/env python3
"""What loadgate and other tools say of a server that logs the truth about itself.

    cargo build --release --bin loadgate --example truth-server && bash scripts/install-tools.sh
    python3 scripts/truth.py [--update] [--only=freeze|lognormal|quick] [--neighbour=no] [--protocol=plain|tls|http2]
                                                               (about eleven minutes)

The server (examples/truth-server/main.rs) answers each request on a thread of its own and logs
when it arrived and when its answer was written. Three behaviours, each with and without a
neighbour that spins on the generator's core:

- freeze: nobody is answered for 500 ms in every 5 s; 500 requests per second;
- lognormal: each request waits by itself, median 10 ms, sigma 0.6; 1,000 per second;
- quick: each request waits 0.1 to 0.6 ms; 1,000 per second.

The truth about service time is the server's log. The truth about response time is that log
for requests that are due while the server answers; what is due in a freeze waits from its
intended moment, known from loadgate's plan, until its answer was written. The same by TLS, and by
HTTP/2 in TLS with 10 streams on a connection; there the other tools are left out. The other tools
run at the same rate with 64 connections, except wrk, which knows no rate.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

from measuring import (GENERATOR_CORE, GENERATORS, LOADGATE, QUANTILES, SERVER_CORE, TARGET, flag, installed, loadgate,
                       measure, need_loadgate, pinned, publish, quantiles, table)

# Behaviour: requests per second, seconds with the warm-up. The freezes of three whole periods.
CASES = {"freeze": (500, 17), "lognormal": (1_000, 10), "quick": (1_000, 10)}
# Of examples/truth-server/main.rs, in milliseconds.
FREEZE, PERIOD = 500, 5_000
WARMUP = 2
CONNECTIONS, STREAMS = 64, 10
PROTOCOLS = ("plain", "tls", "http2")
SEED = 7
SERVER = TARGET / "release" / "examples" / "truth-server"
# What the bracket may be wide, and service time off: a share or so many milliseconds.
SHARE, BRACKET_MS, SERVICE_MS = .02, .2, .05
SLOS = [word for mark in ("p50", "p95", "p99", "p99.9") for word in ("--slo", f"{mark} < 9s")]


def main():
    need_loadgate()
    if not SERVER.exists():
        sys.exit(f"{SERVER} is missing; run: cargo build --release --example truth-server")
    tools = installed(GENERATORS)
    only, neighbours = flag("only", ""), [False, True][:1 if flag("neighbour", "yes") == "no" else 2]
    protocols = [name for name in PROTOCOLS if flag("protocol", name) == name]
    parts = [part(name, tools, busy, protocol) for protocol in protocols
             for name in CASES if only in ("", name) for busy in neighbours]
    publish("truth", "\n\n".join(parts))


class Server:
    """A truth server; its log is there after the end."""

    def __init__(self, behaviour, protocol="plain"):
        self.behaviour, self.protocol = behaviour, protocol
        self.folder = tempfile.mkdtemp(prefix="truth-")
        self.file = pathlib.Path(self.folder, "log")
        command = pinned(SERVER_CORE, [SERVER, behaviour, self.file, protocol])
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = f"http{'' if protocol == 'plain' else 's'}://127.0.0.1:{int(self.process.stdout.readline())}/"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait(20)
        # In milliseconds since 1970: when it started; then arrived, replied; by arrival.
        first, *lines = self.file.read_text().splitlines()
        self.start = int(first) / 1e6
        self.log = sorted(tuple(int(time) / 1e6 for time in line.split()) for line in lines)
        shutil.rmtree(self.folder)

    def is_frozen(self, at):
        return self.behaviour == "freeze" and (at - self.start) % PERIOD >= PERIOD - FREEZE

    def thaw(self, at):
        return at + PERIOD - (at - self.start) % PERIOD


class Neighbour:
    """Spins on the generator's core, if it is to; two minutes at most, whatever happens here."""

    SPIN = "import time\nend = time.monotonic() + 120\nwhile time.monotonic() < end: pass"

    def __init__(self, busy):
        command = pinned(GENERATOR_CORE, [sys.executable, "-c", self.SPIN])
        self.process = subprocess.Popen(command) if busy else None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.kill()
            self.process.wait()


def part(name, tools, busy, protocol):
    """One table: the truth, loadgate, the other tools."""
    rate, seconds = CASES[name]
    rows = by_loadgate(name, rate, seconds, busy, protocol)
    for tool, path in tools.items() if protocol == "plain" else ():
        rows.append(by_tool(name, tool, path, rate, seconds - WARMUP, busy))
        print(f"{name}, {tool}, neighbour: {busy}", file=sys.stderr)
    spoken = {"plain": "", "tls": " by TLS", "http2": f" by HTTP/2 in TLS, {STREAMS} streams on a connection"}[protocol]
    title = f"**{name}**{spoken}, {rate:,} requests per second" + (", with a busy neighbour" if busy else "")
    return f"{title}\n\n{table(['ms', 'p50', 'p95', 'p99', 'p99.9'], rows)}"


def by_loadgate(name, rate, seconds, busy, protocol):
    with Server(name, protocol) as server, Neighbour(busy):
        if protocol == "plain":
            more = ["--warmup", f"{WARMUP}s", "--seed", str(SEED), *SLOS]
            _, record, summary = loadgate(server.url, rate, seconds, more)
        else:
            record, summary = secured(server, rate, seconds)
    true_response, true_service = truths(server, record, summary, rate, seconds)
    total = summary["total"]
    bracket = {mark: slo["generator_error"] for mark, slo in zip(QUANTILES, summary["slos"])}
    return [
        ["true response time", *cells(true_response)],
        [f"loadgate ({summary['verdict']})", *cells(total["response"])],
        ["its bracket", *(ends(bracket[mark]) for mark in QUANTILES)],
        ["truth inside, bracket narrow", *(judged(true_response[mark], bracket[mark]) for mark in QUANTILES)],
        ["true service time", *cells(true_service)],
        ["loadgate's service time", *cells(total["service"])],
        ["within 2 % or 50 µs", *(close(true_service[mark], total["service"][mark]) for mark in QUANTILES)],
    ]


def secured(server, rate, seconds):
    """The same load by a scenario, as a URL alone cannot ask for HTTP/2; the record and the summary."""
    target = {"url": server.url, "tls": {"insecure": True}, "http2": server.protocol == "http2"}
    stages = [{"for": f"{WARMUP}s", "rate": f"{rate}/s", "warmup": True},
              {"for": f"{seconds - WARMUP}s", "rate": f"{rate}/s"}]
    limits = {"connections": 1_000, **({"streams": STREAMS} if server.protocol == "http2" else {})}
    words = {"name": "truth", "target": target, "load": {"seed": SEED, "stages": stages}, "limits": limits,
             "flows": [{"name": "f", "steps": [{"name": "s", "request": "GET /"}]}],
             "slo": {"all": [word for word in SLOS if word != "--slo"]}}
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "truth.json")
        file.write_text(json.dumps(words))
        command = [LOADGATE, "run", file, "--no-walk", "-q", "-o", folder]
        ran = subprocess.run(pinned(GENERATOR_CORE, command), capture_output=True, text=True, timeout=seconds + 60)
        latest = pathlib.Path(folder, "truth", "latest")
        if not (latest / "summary.json").exists():
            raise ValueError(f"loadgate left no run:\n{(ran.stdout + ran.stderr)[-2000:]}")
        return [json.loads((latest / name).read_text()) for name in ("run.json", "summary.json")]


def truths(server, record, summary, rate, seconds):
    """The quantiles of the true response and service time in the judged window."""
    start, window = record["started_unix_ms"], summary["window"]
    is_judged = lambda at: window["from"] * 1e3 <= at - start < window["to"] * 1e3
    judged_log = [(arrived, replied) for arrived, replied in server.log if is_judged(arrived)]
    service = sorted(replied - arrived for arrived, replied in judged_log)
    # Those that were due in a freeze waited from then on, whenever they were sent.
    awake = sorted(replied - arrived for arrived, replied in judged_log if not server.is_frozen(arrived))
    frozen = [wait for due, wait in frozen_waits(server, record, rate, seconds) if is_judged(due)]
    return quantiles(sorted(awake + frozen)), quantiles(service)


def frozen_waits(server, record, rate, seconds):
    """When each request of the plan that fell into a freeze was due, and how long it waited."""
    due = [record["started_unix_ms"] + at for at in planned(rate, seconds)]
    # What came before the schedule, such as a look whether the server is there, is not of it.
    log = [entry for entry in server.log if entry[0] >= record["started_unix_ms"]]
    if len(due) == len(log):
        # The requests left in the order of the plan.
        ends = [replied for _, replied in log]
    else:
        print(f"{len(due)} requests were due and {len(log)} arrived: waits end with the freeze", file=sys.stderr)
        ends = [server.thaw(at) for at in due]
    return [(at, max(end, server.thaw(at)) - at) for at, end in zip(due, ends) if server.is_frozen(at)]


def planned(rate, seconds):
    """The schedule's moments of one warm-up and one stage at the same rate, in milliseconds."""
    command = [SERVER, "plan", str(rate), str(seconds), str(SEED)]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return [int(line) / 1e6 for line in ran.stdout.split()]


def by_tool(name, tool, path, rate, seconds, busy):
    pace = None if tool == "wrk" else rate
    label = f"{tool} (as fast as it can)" if pace is None else tool
    with Server(name) as server, Neighbour(busy):
        try:
            _, _, at = measure(tool, path, server.url, seconds, CONNECTIONS, pace)
        except ValueError as error:
            print(f"{tool} gave no figures: {error}", file=sys.stderr)
            at = {}
    return [label, *cells(at)]


def cells(at):
    return [f"{at[mark]:,.2f}" if at and mark in at else "–" for mark in QUANTILES]


def ends(error):
    return f"{error['low']:,.2f} to {error['high']:,.2f}" if error else "–"


def judged(truth, error):
    if not error:
        return "–"
    # The way through the kernel is neither in the server's log nor the generator's doing.
    slack = max(SERVICE_MS, SHARE * truth)
    is_inside = error["low"] - slack <= truth <= error["high"] + slack
    width = error["high"] - error["low"]
    return f"{yes(is_inside)}, {yes(width <= max(SHARE * error['high'], BRACKET_MS))}"


def close(truth, measured):
    return yes(abs(measured - truth) <= max(SERVICE_MS, SHARE * truth))


def yes(holds):
    return "yes" if holds else "**no**"


main()
