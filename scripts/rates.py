#!/usr/bin/env python3
"""What a request costs the generator at the rates that people gate at: microseconds of CPU time
(user and system, the whole process) for loadgate and other tools, against nginx; and how late
loadgate's requests leave.

    cargo build --release && bash scripts/install-tools.sh
    python3 scripts/rates.py [--rounds=3] [--seconds=8] [--old=BINARY] [--tools=oha,k6]
                            [--update]

One core for the generator, another one for nginx; keep-alive GET of a small JSON body, 64
connections. Each tool runs twice, for so many seconds and for 2 s: the difference of the two is
what requests cost without start, end and reports. The tools take turns, so that a change of the
machine meets all of them; the median of the rounds counts. loadgate and k6 are open (Poisson
arrivals; k6's constant-arrival-rate), the others send at a fixed pace on each connection, h2load
and autocannon in bursts. --old is an earlier build of loadgate that takes its turn too.
"""
import json
import pathlib
import statistics
import sys
import tempfile

import measuring
from measuring import Nginx, Ran, flag, installed, loadgate, measure, need_loadgate, publish, sent, table

CONNECTIONS, SHORT = 64, 2
RATES = (500, 2_000, 5_000, 20_000)
# The tools that have a rate and hold it here.
OTHERS = ("oha", "autocannon", "h2load")
K6 = """import http from "k6/http";
export const options = {{ discardResponseBodies: true, scenarios: {{ s: {{
  executor: "constant-arrival-rate", rate: {rate}, timeUnit: "1s", duration: "{seconds}s",
  preAllocatedVUs: {users}, maxVUs: {users} }} }} }};
export default () => http.get("{url}");
"""


def main():
    need_loadgate()
    rounds, seconds = flag("rounds", 3), flag("seconds", 8)
    wanted = flag("tools", ",".join([*OTHERS, "k6"]))
    tools, old = installed(name for name in wanted.split(",") if name), flag("old", "")
    runs = {"loadgate": ours(measuring.LOADGATE)}
    if old:
        runs["loadgate before"] = ours(pathlib.Path(old))
    runs |= {name: k6(path) if name == "k6" else other(name, path) for name, path in tools.items()}
    figures = {}
    with Nginx() as server:
        for number in range(rounds):
            names = list(runs)[number % len(runs):] + list(runs)[:number % len(runs)]
            for rate in RATES:
                for name in names:
                    one(figures, (name, rate), runs[name], server.url, rate, seconds)
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
    publish("rates", render(figures, runs, rounds))


def ours(binary):
    def run(url, rate, seconds):
        measuring.LOADGATE = binary
        ran, record, summary = loadgate(url, rate, seconds, ["-c", str(CONNECTIONS), "--warmup", "1s"])
        return ran.cpu, sent(record), summary["total"]["send_lag"]
    return run


def other(name, path):
    def run(url, rate, seconds):
        ran, count, _ = measure(name, path, url, seconds, CONNECTIONS, rate)
        return ran.cpu, count, None
    return run


def k6(path):
    def run(url, rate, seconds):
        with tempfile.TemporaryDirectory() as folder:
            script, said = pathlib.Path(folder, "load.js"), pathlib.Path(folder, "summary.json")
            script.write_text(K6.format(rate=rate, seconds=seconds, users=CONNECTIONS, url=url))
            ran = Ran([path, "run", "--quiet", "--no-usage-report", f"--summary-export={said}", script], seconds + 5)
            if not said.exists():
                raise ValueError(f"k6 left no summary:\n{ran.text[-500:]}")
            return ran.cpu, json.loads(said.read_text())["metrics"]["http_reqs"]["count"], None
    return run


def one(figures, key, run, url, rate, seconds):
    try:
        (cpu, count, lag), (cpu_short, count_short, _) = run(url, rate, seconds), run(url, rate, SHORT)
        figure = (cpu - cpu_short) / (count - count_short) * 1e6
    except (ValueError, ZeroDivisionError) as error:
        print(f"{key[0]} is left out at {rate}/s: {error}", file=sys.stderr)
        return
    reached = count / seconds / rate
    figures.setdefault(key, []).append((figure, lag, reached))


def render(figures, runs, rounds):
    ours_named = [name for name in runs if name.startswith("loadgate")]
    heads = ["requests per second", *runs, *(f"{name}: send lag p50 / p99" for name in ours_named)]
    rows = [[f"{rate:,}", *(cost(figures.get((name, rate))) for name in runs),
             *(lags(figures.get((name, rate))) for name in ours_named)] for rate in RATES]
    return (f"{table(heads, rows)}\n\nMicroseconds; medians of {rounds} rounds. † did not reach 95 % of the rate.")


def cost(found):
    if not found:
        return "–"
    slow = statistics.median(reached for *_, reached in found) < .95
    return f"{statistics.median(figure for figure, *_ in found):.1f}{' †' if slow else ''}"


def lags(found):
    if not found:
        return "–"
    of = lambda mark: statistics.median(lag[mark] for _, lag, _ in found) * 1e3
    return f"{of('p50'):,.0f} / {of('p99'):,.0f}"


main()
