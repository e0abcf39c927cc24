#!/usr/bin/env python3
"""What a request costs the generator, in microseconds of CPU time (user and system, the
whole process), for loadgate and other tools, against nginx.

    cargo build --release && bash scripts/install-tools.sh
    python3 scripts/cost.py [--rounds=5] [--old=BINARY] [--tools=wrk,oha] [--update]
                                                            (about four minutes)
    python3 scripts/cost.py --looking [--rounds=5]              (about two minutes)

One core for the generator, another one for nginx; keep-alive GET of a small JSON body, 64
connections. The tools take turns, so that a change of the machine meets all of them; the
median of the rounds counts. Each tool runs twice in a round, for 3 s and for 1 s: the
difference of the two is what requests cost without start, end and reports ("per request");
"with start and reports" is all of the longer run.

The other tools send as fast as they can. loadgate sends by its schedule: at 95 % and 70 % of
what wrk reached just before, and at 20,000/s. A generator that is not saturated finds fewer
answers at each wake-up, so loadgate's figures are rather too high than too low. --old is an
earlier build of loadgate that takes its turn too, each time beside the new one.

[--looking] measures what looking at the target costs: runs against the same nginx by turns
without, with its metrics (a page of 500 series, of which ten are watched), and with its
processes as well, which loadgate starts itself for that. The figure is the generator's own
CPU time per request by its record, so that the target's is not in it.
"""
import contextlib
import json
import pathlib
import shutil
import statistics
import sys
import tempfile

import measuring
from measuring import GENERATORS, Nginx, installed, loadgate, measure, need_loadgate, publish, sent, table, flag

CONNECTIONS = 64
# Whole seconds, as some tools take nothing else.
LONG, SHORT = 3, 1
RATES = {"95 % of wrk": lambda wrk: .95 * wrk, "70 % of wrk": lambda wrk: .7 * wrk, "20,000/s": lambda _: 20_000}
CLOCKS = ("generator", "kernel")


LOOKS = ("nothing", "metrics", "metrics and processes")
LOOKING_RATE, LOOKING_SECONDS = 10_000, 6


def main():
    need_loadgate()
    if "--looking" in sys.argv[1:]:
        return looking(flag("rounds", 5))
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


def looking(rounds):
    """Prints what a request costs with and without a look at the target."""
    figures = {look: [] for look in LOOKS}
    for number in range(rounds):
        # Who goes first changes with each round.
        for look in (*LOOKS[number % len(LOOKS):], *LOOKS[:number % len(LOOKS)]):
            figures[look].append(looked(look))
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    ratios = {look: [cost / alone for cost, alone in zip(figures[look], figures[LOOKS[0]])] for look in LOOKS}
    rows = [[look, f"{statistics.median(figures[look]):.2f}", f"{statistics.median(ratios[look]):.3f}",
             f"{min(ratios[look]):.3f} to {max(ratios[look]):.3f}"] for look in LOOKS]
    print(table(["looked at", "µs per request", "ratio to nothing", "of the rounds"], rows))


def looked(look):
    """Microseconds of generator CPU per request of one run."""
    with contextlib.ExitStack() as at_its_end:
        server = Nginx()
        at_its_end.callback(shutil.rmtree, server.prepare(page()), ignore_errors=True)
        target = {"url": server.url}
        if look == LOOKS[2]:
            target |= {"command": [str(word) for word in server.command()], "ready": {"path": "/"}}
        else:
            at_its_end.callback(measuring.stop, server.run())
        if look != LOOKS[0]:
            target["metrics"] = {"watch": [f"series_{number}" for number in range(10)]}
        scenario = {
            "name": "looking", "target": target,
            "flows": [{"name": "f", "steps": [{"name": "s", "request": "GET /"}]}],
            "load": {"stages": [{"for": "1s", "rate": f"{LOOKING_RATE}/s", "warmup": True},
                                {"for": f"{LOOKING_SECONDS}s", "rate": f"{LOOKING_RATE}/s"}]},
            "slo": {"all": ["error_rate < 1%"]},
        }
        folder = pathlib.Path(at_its_end.enter_context(tempfile.TemporaryDirectory()))
        file = folder / "looking.json"
        file.write_text(json.dumps(scenario))
        command = [measuring.LOADGATE, "run", file, "-q", "--no-walk", "-o", folder / "out"]
        ran = measuring.Ran(command, LOOKING_SECONDS + 1)
        found = sorted(folder.glob("out/looking/*/summary.json"))
        if not found:
            sys.exit(f"there is no summary of the run:\n{ran.text}")
        return json.loads(found[-1].read_text())["saturation"]["generator_micros_per_request"]


def page():
    """Metrics as an application has them."""
    lines = [f'series_{number}{{route="/{label}"}} {number}' for number in range(100) for label in range(5)]
    return "\n".join(lines) + "\n"


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
