#!/usr/bin/env python3
"""Whether the verdict is right about twelve kinds of servers, and two of some kinds, each asked
by GET and by POST.

    cargo build --release
    python3 scripts/verdicts.py [--only=MOOD] [--update]        (about 8 minutes)

LG names another binary. What the verdict must be follows from the server's own log
(scripts/moody_server.py) and the objectives, not from what loadgate says: which requests the
server read, what it did with them and when. Then the first sentence must name the cause, and
the report of a server that stands still or leaks must have that finding. Exits with 1 if
anything is wrong.
"""
import contextlib
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

import measuring
from measuring import PATIENCE, await_port, flag, free_port, publish, table

LG = pathlib.Path(os.environ.get("LG", measuring.LOADGATE))
SERVER = pathlib.Path(__file__).with_name("moody_server.py")
RATE, WARMUP = 250, 2
# Enough to show an error rate below 0.1 %, or to see one that is not.
LONG, SHORT = 13, 8
# So that memory has a trend.
LEAKING = 36
# The limit in seconds and the share that may be slower, of the default objectives.
DEFAULT = {"p95 < 200ms": (.2, .05), "p99 < 500ms": (.5, .01), "error_rate < 0.1%": (None, .001)}
STRICT = {"p99 < 100ms": (.1, .01), "error_rate < 0.1%": (None, .001)}
EXIT = {"pass": 0, "SLO missed": 3, "invalid": 6}
VERDICTS = {"pass": "pass", "slo_missed": "SLO missed", "invalid": "invalid"}

# Name, mood, judged seconds, objectives, what the first sentence must name, finding.
ROWS = [
    ("right", "right", LONG, DEFAULT, "objectives are met", None),
    ("slow", "slow", SHORT, DEFAULT, r"p95 < 200ms", None),
    ("resetting", "resetting", SHORT, DEFAULT, r"reset", None),
    ("closing", "closing", LONG, DEFAULT, "objectives are met", None),
    ("half-closing", "half-closing", LONG, DEFAULT, "objectives are met", None),
    ("refusing (429)", "refusing", SHORT, DEFAULT, r"429", None),
    ("refusing (no listener after 5 s)", "gone", SHORT, DEFAULT, r"refused", None),
    ("failing", "failing", SHORT, DEFAULT, r"500", None),
    ("hanging after 5 s", "hanging", SHORT, DEFAULT, r"time", None),
    ("freezing", "freezing", LONG, STRICT, r"p99 < 100ms", "stood_still"),
    ("leaking", "leaking", LEAKING, DEFAULT, "objectives are met", "memory_grows"),
    ("wrong status", "wrong status", LONG, DEFAULT, r"never worked.*404", None),
    ("wrong status, 2 %", "wrong status, some", SHORT, DEFAULT, r"404", None),
    ("wrong body", "wrong body", LONG, DEFAULT, r"never worked.*value to extract", None),
    ("wrong body, 2 %", "wrong body, some", SHORT, DEFAULT, r"value to extract", None),
]
METHODS = ("GET", "POST")


def main():
    if not LG.exists():
        sys.exit(f"{LG} is missing; run: cargo build --release")
    only, rows, wrong = flag("only", ""), [], 0
    for row in ROWS:
        for method in METHODS:
            if only in ("", row[1]):
                cells, is_right = tried(row, method)
                rows.append(cells)
                wrong += not is_right
                print(f"{row[0]}, {method}: {cells[-1]}", file=sys.stderr)
    heads = ["server", "method", "what its log says", "must be", "is", "exit", "its first sentence", "right"]
    publish("verdicts", f"{table(heads, rows)}\n\n{wrong or 'None'} of {len(rows)} wrong.")
    sys.exit(1 if wrong else 0)


def tried(row, method):
    """One run: its row of the table, and whether all of it is right."""
    name, mood, seconds, objectives, named, finding = row
    with tempfile.TemporaryDirectory() as folder:
        code, summary, log = ran(pathlib.Path(folder), method, mood, seconds, objectives)
    log_says, expected = truth(log, seconds, objectives)
    actual, first = VERDICTS.get(summary["verdict"], summary["verdict"]), summary["reasons"][0]
    faults = [
        actual != expected and "the verdict",
        code != EXIT.get(expected) and "the exit code",
        not re.search(named, first) and "the first sentence",
        finding and finding not in [found["kind"] for found in summary["findings"]] and f"no finding {finding}",
    ]
    faults = ", ".join(fault for fault in faults if fault)
    cells = [name, method, log_says, expected, actual, code, first.replace("|", "\\|"), f"no: {faults}" if faults else "yes"]
    return cells, not faults


def ran(folder, method, mood, seconds, objectives):
    """Runs loadgate against a server with that mood: exit code, summary, the server's log."""
    port, log = free_port(), folder / "server.json"
    server = [sys.executable, str(SERVER), mood, str(port), str(log)]
    own = mood == "leaking"
    scenario = folder / "scenario.json"
    scenario.write_text(json.dumps(document(method, port, seconds, objectives, server if own else None)))
    command = [LG, "run", scenario, "--no-walk", "-q", "-o", folder / "out"]
    with contextlib.ExitStack() as children:
        child = None if own else started(children, server, port)
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=WARMUP + seconds + 3 * PATIENCE)
        if child:
            child.send_signal(signal.SIGTERM)
            child.wait(PATIENCE)
    found = list((folder / "out").glob("*/latest/summary.json"))
    if not found or not log.exists():
        sys.exit(f"{mood}: no report, or no log of the server:\n{done.stdout.decode(errors='replace')}")
    return done.returncode, json.loads(found[0].read_text()), json.loads(log.read_text())


def started(children, command, port):
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    children.callback(measuring.stop, child)
    await_port(port)
    return child


def document(method, port, seconds, objectives, command):
    step = {"name": "order", "request": f"{method} /orders/4711", "timeout": "2s", "extract": {"id": "$.id"}}
    target = {"url": f"http://127.0.0.1:{port}"}
    stages = [{"for": f"{WARMUP}s", "rate": f"{RATE}/s", "warmup": True}, {"for": f"{seconds}s", "rate": f"{RATE}/s"}]
    return {
        "name": "verdicts",
        "target": {**target, "command": command} if command else target,
        "flows": [{"name": "orders", "steps": [{**step, "json": {"sku": "a-17"}} if method == "POST" else step]}],
        "load": {"stages": stages},
        **({} if objectives is DEFAULT else {"slo": {"all": list(objectives)}}),
    }


def truth(log, seconds, objectives):
    """What the log says in words, and the verdict that follows."""
    begin = log["requests"][0][0] + WARMUP
    judged = [entry for entry in log["requests"] if entry[0] >= begin]
    bad = {}
    for _, _, what in judged:
        bad[what] = bad.get(what, 0) + 1
    right = bad.pop("right", 0)
    read = len(judged)
    words = [f"{share(count, read)} {what}" for what, count in bad.items()] or ["all answered right"]
    errors = (read - right) / read if read else 1
    if log["gone"]:
        # What was due from then on met nobody.
        lost = 1 - (log["gone"] - begin) / seconds
        errors += (1 - errors) * lost
        words = [f"gone for {lost:.0%} of the time"]
    if log["stops"]:
        words.append(f"stood still {len(log['stops'])} times for {log['stops'][0][1] * 1e3:.0f} ms")
    if is_growing(log["resident"]):
        words.append(f"memory {log['resident'][0] / 1e6:.0f} to {log['resident'][-1] / 1e6:.0f} MB")
    if not any(what == "right" for _, _, what in log["requests"]):
        return "not one right answer", "invalid"
    shares = [(errors if limit is None else slow(log, judged, seconds, limit), allowed)
              for limit, allowed in objectives.values()]
    times = sorted(end - start for start, end, _ in judged if end)
    if times and times[len(times) // 2] > .1:
        words.append(f"median {times[len(times) // 2] * 1e3:.0f} ms")
    return "; ".join(words), verdict(shares)


def slow(log, judged, seconds, limit):
    """The share that waited for longer: for an answer, or for a stop of the server to end."""
    late = sum(end is None or end - start > limit for start, end, _ in judged) / max(len(judged), 1)
    return late + sum(max(length - limit, 0) for _, length in log["stops"]) / seconds


def verdict(shares):
    """From shares and what is allowed of each; rather no answer than a close one."""
    if any(share > 1.5 * allowed for share, allowed in shares):
        return "SLO missed"
    if all(share < allowed / 3 for share, allowed in shares):
        return "pass"
    return "open"


def is_growing(resident):
    """Only ever up, and by a tenth in its second half alone."""
    half = len(resident) // 2
    return half > 0 and resident == sorted(resident) and resident[-1] > 1.1 * resident[half]


def share(count, of):
    return f"{count / of:.1%}".replace("%", " %")


main()
