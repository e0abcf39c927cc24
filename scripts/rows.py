#!/usr/bin/env python3
"""Rows of data in great numbers: what a million cost before the first request, and whether each
unique one is sent once in ten million arrivals.

    cargo build --release --bin loadgate --example row-server
    python3 scripts/rows.py [--only=start|arrivals] [--arrivals=10000000] [--rate=20000] [--workers=1,2,3,4]
                            [--rounds=5] [--update]             (about forty minutes; three with --only=start)

[--only=start] a file of a million rows (CSV, NDJSON, JSON; four columns): the time of `check`, the time of
`run` from the start of the process to the first request by the server's clock, and the most memory that
was resident, each beside the same scenario without a file.

[--only=arrivals] two loads at once, of which each iteration takes a unique row, a shuffled, a random and a
Zipf one, and draws a number; for each number of workers the server (examples/row-server.rs) counts the
requests, the rows that came, those that came twice, and a digest of all requests that does not depend on
their order. There are as many rows as iterations, so each has to come once.
"""
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

import measuring
from measuring import SERVER_CORE, TARGET, Ran, flag, need_loadgate, pinned, publish, table

SERVER = TARGET / "release" / "examples" / "row-server"
MILLION = 1_000_000
# So many of ten arrivals are of the scenario's load; the others of a flow's own.
SHARE = 8
# Workers need both cores; the server has one of them, too.
CORES = "0,1"
# What is asked: a second, and so many MiB.
MOST_SECONDS, MOST_MIB = 1, 150


def main():
    need_loadgate()
    if not SERVER.exists():
        sys.exit(f"{SERVER} is missing; run: cargo build --release --example row-server")
    only, parts = flag("only", ""), {"start": start, "arrivals": arrivals}
    if only and only not in parts:
        sys.exit(f"--only={only}: expected one of {', '.join(parts)}")
    for name, part in parts.items():
        if only in ("", name):
            publish(f"rows-{name}", part())


class Server:
    """A row server; what it counted is there after its end."""

    def __enter__(self):
        command = pinned(SERVER_CORE, [SERVER])
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        said = self.process.stdout.read()
        self.process.wait(20)
        self.counted = json.loads(said)


# ---- A million rows before the first request ----

def csv(rows):
    yield "id,email,password,city\n"
    for row in range(rows):
        yield f"{row},user{row}@example.com,pw-{row:08x},city-{row % 1000}\n"


def ndjson(rows):
    for row in range(rows):
        yield (f'{{"id": {row}, "email": "user{row}@example.com", "password": "pw-{row:08x}", '
               f'"city": "city-{row % 1000}"}}\n')


def listed(rows):
    for row, line in enumerate(ndjson(rows)):
        yield ("[" if row == 0 else ",") + line
    yield "]"


FILES = {"rows.csv": csv, "rows.ndjson": ndjson, "rows.json": listed}


def start():
    rounds, rows = flag("rounds", 5), []
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        for name, lines in FILES.items():
            with open(folder / name, "w") as file:
                file.writelines(lines(MILLION))
        for name in (None, *FILES):
            found = [started(folder, name) for _ in range(rounds)]
            check, first, check_memory, run_memory = (statistics.median(column) for column in zip(*found))
            size = "–" if name is None else f"{(folder / name).stat().st_size / 1e6:.0f} MB"
            # What ends at once is gone before its memory was looked at.
            mebibytes = lambda memory: f"{memory / 2**20:.0f} MiB" if memory else "–"
            rows.append([name or "no file", size, f"{check:.2f} s", mebibytes(check_memory), f"{first:.2f} s",
                         mebibytes(run_memory)])
            print(f"{name or 'no file'} is done", file=sys.stderr)
    heads = ["a million rows of four columns", "size", "check", "memory of check", "run, to the first request",
             "memory of run"]
    return (f"{table(heads, rows)}\n\nMedians of {rounds} rounds. Asked for CSV: at most {MOST_SECONDS} s and "
            f"{MOST_MIB} MiB.")


def started(folder, name):
    """Seconds of `check` and to the first request of `run`, and the memory of both."""
    with Server() as server:
        file = folder / "start.json"
        file.write_text(json.dumps({
            "name": "start", "target": {"url": server.url},
            **({"data": {"rows": {"file": name, "order": "shuffled"}}} if name else {}),
            "flows": [{"name": "f", "steps": [{"request": "GET /{{rows.id}}/{{rows.email}}" if name else "GET /1/a"}]}],
            "load": {"arrivals": "uniform", "stages": [{"for": "2s", "rate": "1000/s"}]},
            "slo": {"all": ["error_rate <= 0%"]},
        }))
        begun = time.monotonic()
        checked = Ran([measuring.LOADGATE, "check", file], 30, memory=True)
        took = time.monotonic() - begun
        begun = time.time_ns()
        out = folder / "out"
        ran = Ran([measuring.LOADGATE, "run", file, "-q", "--no-walk", "-o", out], 30, memory=True)
    if checked.code or ran.code not in (0, 3, 5, 6):
        sys.exit(f"it did not work:\n{checked.text}\n{ran.text}")
    return took, (server.counted["first_ns"] - begun) / 1e9, checked.resident, ran.resident


# ---- Ten million arrivals ----

def arrivals():
    count, rate = flag("arrivals", 10_000_000), flag("rate", 20_000)
    workers = [int(number) for number in flag("workers", "1,2,3,4").split(",")]
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        numbers = {"unique.csv": count, "others.csv": 100_003}
        for name, rows in numbers.items():
            with open(folder / name, "w") as file:
                file.write("id\n")
                file.writelines(f"{row}\n" for row in range(rows))
        found = []
        for number in workers:
            found.append(played(folder, count, rate, number))
            print(f"{number} workers: {found[-1]}", file=sys.stderr)
    rows = [[number, f"{it['requests']:,}", f"{it['rows']:,}", it["again"], it["unsent"], it["digest"],
             f"{it['memory'] / 2**20:.0f} MiB"] for number, it in zip(workers, found)]
    heads = ["workers", "requests at the server", "different rows", "rows that came again", "unsent",
             "digest of all requests", "memory"]
    wrong = [number for number, it in zip(workers, found)
             if it["digest"] != found[0]["digest"] or it["rows"] != count or it["requests"] != count or it["again"]]
    said = "Each row came once, and all sent the same requests." if not wrong else f"**Wrong with {wrong} workers.**"
    return f"{table(heads, rows)}\n\n{count:,} arrivals at {rate:,}/s. {said}"


def played(folder, count, rate, workers):
    """What the server counted of a run, with what loadgate says that it did not send."""
    seconds = count / rate
    source = {order: {"file": "others.csv", "order": order} for order in ("shuffled", "random", "zipf")}
    path = "/".join("{{%s.id}}" % name for name in ("unique", *source))
    flow = {"steps": [{"name": "browse", "request": f"GET /{path}/{{{{random 1..1000000}}}}", "timeout": "60s"}]}
    own = {"steps": [{"name": "import", "request": f"GET /{path}/import", "timeout": "60s"}]}
    load = lambda tenths: {"arrivals": "uniform",
                           "stages": [{"for": f"{round(seconds * 1000)}ms", "rate": f"{rate * tenths / 10:g}/s"}]}
    with Server() as server:
        file = folder / "arrivals.json"
        file.write_text(json.dumps({
            "name": "arrivals", "target": {"url": server.url},
            "data": {"unique": {"file": "unique.csv", "order": "unique"}, **source},
            "flows": [{"name": "browse", **flow}, {"name": "import", "load": load(10 - SHARE), **own}],
            "load": {"seed": 7, **load(SHARE)},
            "limits": {"workers": workers, "in_flight": 50_000, "connections": 256},
            "slo": {"all": ["error_rate <= 0%"]},
        }))
        out = folder / f"out-{workers}"
        command = [measuring.LOADGATE, "run", file, "-q", "--no-walk", "-o", out]
        ran = Ran(command, seconds + 120, core=CORES, memory=True)
    # A machine that is full is no reason to send something else: the verdict may be that of a late generator.
    if ran.code not in (0, 3, 5, 6):
        sys.exit(f"it did not work:\n{ran.text[-4000:]}")
    record = json.loads(next(out.glob("arrivals/2*/run.json")).read_text())
    slots = record["generators"][0]["slots"]
    if slots["count"] != workers:
        sys.exit(f"{workers} workers were asked for, and {slots} sent")
    unsent = sum(step["planned"] - step["sent"] for second in record["seconds"]
                 for step in second.get("series") or second["steps"])
    return {**server.counted, "unsent": unsent, "memory": ran.resident}


main()
