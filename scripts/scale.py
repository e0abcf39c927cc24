#!/usr/bin/env python3
"""Whether loadgate stays small and quick at scale: memory per open connection, memory over
time, the time from a ready target to the first request, and the time of a long run's report.

    cargo build --release
    python3 scripts/scale.py [--minutes=10] [--hours=1] [--only=NAME] [--update]      (about 12 minutes)

The parts are `connections`, `growth`, `start` and `hour`; `--hours` makes the record of the
last one longer. Memory is the resident set in the run's own record, and for the report the most
that the process had. loadgate has one core and what it loads another one.
"""
import collections
import json
import multiprocessing
import os
import pathlib
import resource
import select
import socket
import statistics
import sys
import tempfile
import time

from measuring import (GENERATOR_CORE, LOADGATE, SERVER_CORE, Nginx, Ran, flag, loadgate, need_loadgate, publish,
                       table)

HOLD, FEW, MANY = 10, 100, 10_000
GROWTH_RATE, FIRST_MINUTE = 5_000, 60
STARTS = 20
STEPS, SECONDS = 10, 20
HOURS = int(flag("hours", 1))
LENGTH = HOURS * 3_600
ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"


class Slow:
    """A server in a process of its own that answers each request after a while. `arrivals`
    has the path of each request and when it came."""

    def __init__(self, hold):
        self.hold = hold

    def __enter__(self):
        listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        self.seen, there = multiprocessing.Pipe(duplex=False)
        self.process = multiprocessing.Process(target=serve, args=(listener, self.hold, there), daemon=True)
        self.process.start()
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.join(10)

    def arrivals(self):
        while self.seen.poll():
            yield self.seen.recv()


def serve(listener, hold, first):
    """Tells the first request of each path since the last one to /ready."""
    os.sched_setaffinity(0, {SERVER_CORE})
    open_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files))
    listener.setblocking(False)
    poller, connections, due, told = select.epoll(), {}, collections.deque(), None
    poller.register(listener, select.EPOLLIN)
    while True:
        wait = max(0, due[0][0] - time.monotonic()) if due else 1
        for number, _ in poller.poll(wait):
            if number == listener.fileno():
                accept(listener, poller, connections)
                continue
            request, now = receive(connections[number]), time.monotonic()
            if not request:
                connections.pop(number).close()
                continue
            path = request.split(b" ")[1]
            if path != told:
                told = path
                first.send((path.decode(), now))
            due.append((now + (0 if path == b"/ready" else hold), number))
        while due and due[0][0] <= time.monotonic():
            answer(connections.get(due.popleft()[1]))


def accept(listener, poller, connections):
    try:
        while True:
            connection, _ = listener.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connections[connection.fileno()] = connection
            poller.register(connection, select.EPOLLIN)
    except BlockingIOError:
        pass


def receive(connection):
    """A small request comes whole; nothing is the end of the connection."""
    try:
        return connection.recv(4096)
    except OSError:
        return b""


def answer(connection):
    try:
        if connection:
            connection.sendall(ANSWER)
    except OSError:
        pass


def connections():
    """Runs with few and with many requests that wait for their answer."""
    memory = []
    for wanted in (FEW, MANY):
        with Slow(HOLD) as server:
            more = ["-c", str(wanted * 3 // 2), "--timeout", f"{HOLD * 4}s", "--warmup", "1s"]
            _, record, _ = loadgate(server.url + "/", wanted / HOLD, HOLD * 2.5, more)
        open_ones, rss = max((second["connections"], second["rss"]) for second in record["generator_seconds"])
        if open_ones < wanted * .95:
            sys.exit(f"only {open_ones} of {wanted} connections were open")
        memory.append((open_ones, rss))
        print(f"{open_ones} connections: {rss / 2**20:.1f} MiB", file=sys.stderr)
    (few, small), (many, large) = memory
    each = (large - small) / (many - few) / 1024
    return [f"memory per open connection, of {many:,}", f"{each:.1f} KiB", "16 KiB"]


def growth():
    """The highest after the first minute, against the end of the first minute."""
    minutes = flag("minutes", 10.0)
    with Nginx() as server:
        _, record, _ = loadgate(server.url, GROWTH_RATE, minutes * 60)
    # The last second may be a part of one, in which nobody looked.
    rss = [second["rss"] for second in record["generator_seconds"] if second["rss"]]
    for second in range(0, len(rss), 30):
        print(f"second {second}: {rss[second] / 2**20:.2f} MiB", file=sys.stderr)
    grown = (max(rss[FIRST_MINUTE:]) - rss[FIRST_MINUTE]) / 2**20
    return [f"growth after the first of {minutes:g} minutes at {GROWTH_RATE:,}/s", f"{grown:.2f} MiB", "1 MiB"]


def start():
    """From the answer to the question whether it is ready to the first request, in the server's
    own time. Requests are due every millisecond."""
    scenario = {"name": "start", "target": {"url": "", "ready": {"path": "/ready", "within": "10s"}},
                "flows": [{"name": "f", "steps": [{"request": "GET /"}]}],
                "load": {"arrivals": "uniform", "stages": [{"for": "1s", "rate": "1000/s"}]}}
    took = []
    with Slow(0) as server, tempfile.TemporaryDirectory() as folder:
        scenario["target"]["url"] = server.url
        file = pathlib.Path(folder, "start.json")
        file.write_text(json.dumps(scenario))
        for _ in range(STARTS):
            Ran([LOADGATE, "run", file, "--no-walk", "-q", "-o", folder], 1)
            (ready, asked), (other, came) = list(server.arrivals())[-2:]
            if (ready, other) != ("/ready", "/"):
                sys.exit(f"{other} came after {ready}")
            took.append((came - asked) * 1e3)
    return [f"from ready to the first request, median and worst of {STARTS}",
            f"{statistics.median(took):.0f} and {max(took):.0f} ms", "50 ms"]


def hour():
    """A short run of ten steps, repeated to an hour or more, and all its reports written again."""
    steps = [{"name": f"step {number}", "request": f"GET /?step={number}"} for number in range(STEPS)]
    with Nginx() as server, tempfile.TemporaryDirectory() as folder:
        scenario = {"name": "hour", "target": {"url": server.url.rstrip("/")},
                    "flows": [{"name": "f", "steps": steps}],
                    "load": {"stages": [{"for": f"{SECONDS}s", "rate": "50/s"}]},
                    "slo": {"all": ["p95 < 200ms", "p99 < 500ms", "error_rate < 0.1%"]}}
        file = pathlib.Path(folder, "hour.json")
        file.write_text(json.dumps(scenario))
        Ran([LOADGATE, "run", file, "--no-walk", "-q", "-o", folder], SECONDS)
        run = pathlib.Path(folder, "hour", "latest").resolve()
        lengthen(run)
        times = [reported(run) for _ in range(5)]
    wall, cpu, memory = (statistics.median(column) for column in zip(*times))
    length = "an hour" if HOURS == 1 else f"{HOURS} hours"
    return [f"report of {length} of {STEPS} steps, read, judged and written: time, CPU time and memory",
            f"{wall:.2f} s, {cpu:.2f} s and {memory / 2 ** 20:.0f} MiB",
            "1 s" if HOURS == 1 else "10 s and 300 MiB for a day"]


def reported(run):
    begun = time.monotonic()
    # On both cores: nothing else runs.
    ran = Ran([LOADGATE, "report", run], 10, f"{GENERATOR_CORE},{SERVER_CORE}", memory=True)
    if "requests" not in ran.text:
        sys.exit(f"no report:\n{ran.text[-2000:]}")
    return time.monotonic() - begun, ran.cpu, ran.resident


def lengthen(run):
    """Makes a record of some hours of one of some seconds."""
    file, log = run / "run.json", run / "intervals.hlog"
    record = json.loads(file.read_text())
    offsets = range(0, LENGTH, SECONDS)
    for series in ("seconds", "generator_seconds", "target_seconds"):
        once = [entry for entry in record[series] if entry["second"] < SECONDS]
        record[series] = [{**entry, "second": entry["second"] + offset} for offset in offsets for entry in once]
    record["load"]["stages"][0]["seconds"] = LENGTH
    record["end"].update(scheduled=LENGTH, seconds=LENGTH)
    file.write_text(json.dumps(record))
    lines = log.read_text().splitlines(keepends=True)
    heads = [line for line in lines if not line.startswith("Tag=")]
    parts = [line.split(",", 2) for line in lines if line.startswith("Tag=")]
    with log.open("w") as out:
        out.writelines(heads)
        for offset in offsets:
            out.writelines(f"{tag},{float(second) + offset:.3f},{rest}" for tag, second, rest in parts)


def main():
    need_loadgate()
    parts = {"connections": connections, "growth": growth, "start": start, "hour": hour}
    only = flag("only", "")
    rows = [part() for name, part in parts.items() if only in ("", name)]
    publish("scale", table(["", "measured", "at most"], rows))


main()
