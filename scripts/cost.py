#!/usr/bin/env python3
"""What a request costs the generator, in microseconds of CPU time (user and system, the
whole process), for loadgate and other tools, against nginx.

    cargo build --release && bash scripts/install-tools.sh
    python3 scripts/cost.py [--rounds=5] [--old=BINARY] [--tools=wrk,oha] [--update]
                                                            (about four minutes)

One core for the generator, another one for nginx; keep-alive GET of a small JSON body, 64
connections. The tools take turns, so that a change of the machine meets all of them; the
median of the rounds counts. Each tool runs twice in a round, for 3 s and for 1 s: the
difference of the two is what requests cost without start, end and reports ("per request");
"with start and reports" is all of the longer run.

The other tools send as fast as they can. loadgate sends by its schedule: at 95 % and 70 % of
what wrk reached just before, and at 20,000/s. A generator that is not saturated finds fewer
answers at each wake-up, so loadgate's figures are rather too high than too low. --old is an
earlier build of loadgate that takes its turn too, each time beside the new one.
"""
import pathlib
import statistics
import sys

import measuring
from measuring import GENERATORS, Nginx, installed, loadgate, measure, need_loadgate, publish, sent, table, flag

CONNECTIONS = 64
# Whole seconds, as some tools take nothing else.
LONG, SHORT = 3, 1
RATES = {"95 % of wrk": lambda wrk: .95 * wrk, "70 % of wrk": lambda wrk: .7 * wrk, "20,000/s": lambda _: 20_000}
CLOCKS = ("generator", "kernel")


def main():
    need_loadgate()
    wanted = flag("tools", ",".join(name for name in GENERATORS if " " not in name))
    tools, old = installed(name for name in wanted.split(",") if name), flag("old", "")
    builds = {"loadgate": measuring.LOADGATE}
    if old:
        builds["loadgate before"] = pathlib.Path(old)
    if "wrk" not in tools:
        sys.exit("wrk is the yardstick; run: bash scripts/install-tools.sh")
    rounds = flag("rounds", 5)
    figures = {}
    with Nginx() as server:
        for number in range(rounds):
            wrk_rate = None
            for name, run in turns(tools, builds, number):
                wrk_rate = one(figures, name, run, server.url, wrk_rate)
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
    publish("cost", render(figures, rounds))


def turns(tools, builds, number):
    """wrk first, as loadgate's rate follows from it; the others begin with another one each round."""
    others = [(name, tool_run(name, path)) for name, path in tools.items() if name != "wrk"]
    # Who goes first changes too.
    names = list(builds)[::1 if number % 2 else -1]
    others += [(f"{name}, {clock} clock, {label}", loadgate_run(builds[name], clock, label))
               for label in RATES for clock in CLOCKS for name in names]
    start = number % len(others)
    return [("wrk", tool_run("wrk", tools["wrk"])), *others[start:], *others[:start]]


def tool_run(name, path):
    def run(url, seconds, _wrk_rate):
        ran, count, _ = measure(name, path, url, seconds, CONNECTIONS)
        return ran.cpu, count
    return run


def loadgate_run(binary, clock, label):
    def run(url, seconds, wrk_rate):
        measuring.LOADGATE = binary
        more = ["-c", str(CONNECTIONS), "--warmup", "300ms", "--receive-clock", clock]
        ran, record, _ = loadgate(url, round(RATES[label](wrk_rate)), seconds, more)
        return ran.cpu, sent(record)
    return run


def one(figures, name, run, url, wrk_rate):
    """Adds a round's figures of one tool; wrk's requests per second."""
    try:
        (cpu, count), (cpu_short, count_short) = run(url, LONG, wrk_rate), run(url, SHORT, wrk_rate)
    except ValueError as error:
        print(f"{name} is left out of this round: {error}", file=sys.stderr)
        return wrk_rate
    figure = (cpu / count * 1e6, (cpu - cpu_short) / (count - count_short) * 1e6, count / LONG)
    figures.setdefault(name, []).append(figure)
    return figure[2] if name == "wrk" else wrk_rate


def render(figures, rounds):
    medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in figures.items()}
    yardstick = medians["wrk"][1]
    rows = [[name, f"{rate:,.0f}", f"{whole:.1f}", f"{marginal:.1f}", f"{marginal / yardstick:.2f}"]
            for name, (whole, marginal, rate) in medians.items()]
    order = {name: place for place, name in enumerate([*GENERATORS, *medians])}
    rows.sort(key=lambda row: order[row[0]])
    spread = [row[1] for row in figures["wrk"]]
    heads = ["", "requests per second", "µs with start and reports", "µs per request", "ratio to wrk"]
    return (f"{table(heads, rows)}\n\nMedians of {rounds} rounds; wrk's own rounds were between "
            f"{min(spread):.1f} and {max(spread):.1f} µs.")


main()
