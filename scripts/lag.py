#!/usr/bin/env python3
"""How late requests leave (send lag) and how late answers are read (receive lag), at four
rates against nginx, and how late tokio's timer is for the same moments.

    cargo build --release && cargo bench --bench timer --no-run
    python3 scripts/lag.py [--seconds=8] [--update]        (about a minute)

loadgate has one core and nginx another one. tokio's timer waits on loadgate's core for the
moments of the same schedule and sends nothing, right after each run.
"""
import json
import os
import subprocess
import sys

from measuring import GENERATOR_CORE, ROOT, Nginx, Ran, flag, loadgate, need_loadgate, publish, table

RATES = (500, 2_000, 10_000, 20_000)
MARKS = ("p50", "p99", "p999")
TIMER_SECONDS = 3


def main():
    need_loadgate()
    timer, seconds = timer_program(), flag("seconds", 8.0)
    rows = []
    with Nginx() as server:
        for rate in RATES:
            _, record, summary = loadgate(server.url, rate, seconds, ["--warmup", "2s"])
            rows.append(row(rate, record, summary["total"], tokio(timer, rate)))
            print(f"{rate}/s done", file=sys.stderr)
    heads = ["requests per second", "send lag p50", "p99", "p99.9", "receive lag p50", "p99", "p99.9",
             "tokio's timer p50", "p99", "p99.9", "ratio of p99 to tokio's"]
    publish("lag", f"{table(heads, rows)}\n\nAll times in microseconds.")


def timer_program():
    """The binary of benches/timer.rs; cargo knows where it is."""
    command = ["cargo", "bench", "--bench", "timer", "--no-run", "--message-format=json"]
    ran = subprocess.run(command, cwd=ROOT, env=os.environ, stdout=subprocess.PIPE, check=True)
    messages = map(json.loads, ran.stdout.splitlines())
    found = [message["executable"] for message in messages
             if message.get("target", {}).get("name") == "timer" and message.get("executable")]
    return found[-1]


def tokio(program, rate):
    ran = Ran([program, rate, TIMER_SECONDS], TIMER_SECONDS, GENERATOR_CORE)
    return json.loads(ran.text.splitlines()[-1])


def row(rate, record, total, timer):
    if record["generators"][0]["environment"]["receive_clock"] == "generator":
        print("the kernel stamps nothing here: there is no receive lag", file=sys.stderr)
    cells = [micros(times, mark) for times in (total["send_lag"], total["receive_lag"], timer) for mark in MARKS]
    return [f"{rate:,}", *cells, f"{total['send_lag']['p99'] / timer['p99']:.2f}"]


def micros(times, mark):
    return f"{times[mark] * 1e3:,.0f}" if times else "–"


main()
