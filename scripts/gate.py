#!/usr/bin/env python3
"""How often the duet gate is right with its defaults: duets of the Fastify reference API at its
own load (scenarios/orders.json), unchanged, worse in four ways, and beside a process that
spins on one of the cores. Only the seed differs from duet to duet.

    cargo build --release && npm ci --prefix examples/fastify-orders
    python3 scripts/gate.py [--same=30] [--cpu10=20] [--service15=20] [--frozen=10] [--step=10]
                            [--same+neighbour=10] [--service15+neighbour=10] [--k6=0]
                            [--file=target/tally/gate.jsonl] [--keep=FOLDER] [--any-build] [--update]

    same        the API with itself
    cpu10       10 % more CPU time per request
    service15   15 % of the median service time more for each request
    frozen      stands still for 250 ms every 10 s
    step        GET /orders/:id takes half of its median service time longer
    +neighbour  the same, beside a busy loop that is bound to core 0

A first run of the unchanged API says how long these times are. Additions are burnt on the CPU,
as Node's timers count whole milliseconds. A duet takes 2 to 14 minutes, all of them about nine
hours. Each is a line in the file; what is there already with the same calibration and by the
same binary is not done again, so the script can be ended at any time and goes on where it was.
With every duet done it only prints the tables. If the binary is built anew meanwhile, it ends:
put a copy aside and name it with LOADGATE. --keep keeps the duets' folders. --any-build counts
the duets that earlier builds have played too, and the text says how many each has; those of
which the folder was kept are judged again by this build, from what was measured.

In the tables a pass may be an improvement, and other is an invalid comparison, a lost target,
or no end within 15 minutes. Objectives that were missed show in the exit codes only.

Other ways judge the same pairs: the candidate's p99 against 1.10 times the baseline's of the
last duet before it without a neighbour, and a Mann-Whitney test on all response times (p <
0.01, slower). --k6 is how many pairs of two k6 runs there are of same and of service15, judged
by 1.10 times the p95 (scripts/k6_pairs.py).
"""
import collections
import contextlib
import datetime
import hashlib
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import typing

import k6_pairs
from histograms import ARMS, SLOWER_FROM, mann_whitney, of_segments, p99, pooled
from measuring import (API, LOADGATE, ROOT, TARGET, flag, free_port, in_turns, installed, need_loadgate, pinned,
                       publish, start, stop, table)

FILE = pathlib.Path(flag("file", str(TARGET / "tally" / "gate.jsonl")))
KEEP = flag("keep", "")
ANY_BUILD = "--any-build" in sys.argv
LIMIT_S = 15 * 60
NEIGHBOUR_CORE = 0
# The parent's end ends it too, however that comes.
SPIN = """import os, sys
while os.getppid() == int(sys.argv[1]):
    for _ in range(1_000_000): pass"""
ANSWERS = (0, 3, 4, 5, 6, 7)
P50, CPU = "p50 of response time", "CPU per request"


class Kind(typing.NamedTuple):
    label: str
    number: int
    neighbour: bool = False
    k6: bool = False


KINDS = {
    "same": Kind("unchanged", 30),
    "cpu10": Kind("10 % more CPU", 20),
    "service15": Kind("15 % longer", 20),
    "frozen": Kind("250 ms freeze every 10 s", 10),
    "step": Kind("one step 50 % longer", 10),
    "same+neighbour": Kind("unchanged, beside a neighbour", 10, neighbour=True),
    "service15+neighbour": Kind("15 % longer, beside a neighbour", 10, neighbour=True),
    "same+k6": Kind("unchanged", 0, k6=True),
    "service15+k6": Kind("15 % longer", 0, k6=True),
}


def main():
    need_loadgate()
    if not (API / "node_modules").is_dir():
        sys.exit(f"run: npm ci --prefix {API}")
    # What is set here would reach both arms.
    for name in [name for name in os.environ if name.startswith("FAULT_")]:
        del os.environ[name]
    wanted, k6 = plan()
    calibration = calibrated()
    tool = binary()
    done = [judged_again(line, tool) for line in lines() if belongs(line, calibration, tool)]
    try:
        for kind, seed in in_turns(wanted):
            if (kind, seed) not in {(line["kind"], line["seed"]) for line in done}:
                line = measured(kind, seed, calibration, k6)
                if binary() != tool:
                    sys.exit(f"{LOADGATE} was built anew meanwhile; put a copy aside and name it with LOADGATE")
                done.append(append({**line, "calibration": calibration["started"], **tool}))
                print(f"\n{told(done[-1])}\n\n{tally(done)}", file=sys.stderr)
    except KeyboardInterrupt:
        sys.exit("cut short: the figures are of what was done")
    finally:
        publish("gate", text(done, calibration, tool))


def plan():
    """How many of each kind, and the k6 to use."""
    wanted = {name: flag(name, kind.number) for name, kind in KINDS.items() if not kind.k6}
    pairs = flag("k6", 0)
    k6 = installed(["k6"]).get("k6") if pairs else None
    return {**wanted, **{name: pairs for name, kind in KINDS.items() if kind.k6 and k6}}, k6


def lines():
    return [json.loads(line) for line in FILE.read_text().splitlines()] if FILE.exists() else []


def append(line):
    FILE.parent.mkdir(parents=True, exist_ok=True)
    with FILE.open("a") as file:
        file.write(json.dumps(line) + "\n")
        file.flush()
        os.fsync(file.fileno())
    return line


def belongs(line, calibration, tool):
    """Whether a line is one of these figures. k6 does not depend on loadgate."""
    if line["kind"] not in KINDS or line["calibration"] != calibration["started"]:
        return False
    return ANY_BUILD or KINDS[line["kind"]].k6 or all(line[name] == value for name, value in tool.items())


def judged_again(line, tool):
    """A line of an earlier build as this one judges what was measured, if that was kept."""
    folder = pathlib.Path(KEEP, f"{line['kind']}-{line['seed']}")
    if KINDS[line["kind"]].k6 or line["sha256"] == tool["sha256"] or not (KEEP and folder.is_dir()):
        return line
    with tempfile.TemporaryDirectory() as out:
        command = [LOADGATE, "report", folder, "-o", out, "--json", "-q"]
        found = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, text=True, check=False)
    return {**line, "code": found.returncode, **judged(json.loads(found.stdout)), "judged": line["judged"], "again": True}


def binary():
    version = subprocess.run([LOADGATE, "--version"], stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
    return {"loadgate": version, "sha256": hashlib.sha256(LOADGATE.read_bytes()).hexdigest()}


def calibrated():
    """What a request of the unchanged API takes, in ms; measured once and kept in the file."""
    known = [line for line in lines() if line["kind"] == "calibration"]
    return known[-1] if known else append({"kind": "calibration", "started": now(), **calibrate()})


def calibrate():
    print("calibrating", file=sys.stderr)
    with tempfile.TemporaryDirectory() as folder:
        code, said, _ = ended(["run", described(folder, {})], folder)
        if code not in (0, 3, 5):
            sys.exit(f"the run of the unchanged API ended with {code}: nothing to calibrate by")
        record = json.loads(pathlib.Path(folder, "orders", "latest", "run.json").read_text())
    window = range(said["window"]["from"], said["window"]["to"])
    place = [gauge["name"] for gauge in record["gauges"]].index("cpu")
    cpu = {second["second"]: second["values"][place] for second in record["target_seconds"]
           if second["second"] in window and second["values"][place] is not None}
    requests = sum(step["planned"] for second in record["seconds"] if second["second"] in cpu for step in second["series"])
    if not requests:
        sys.exit("nothing is known of the API's CPU time, so there is nothing to calibrate by")
    shown = next(step for step in said["steps"] if step["name"] == "show order")
    return {"cpu_ms": sum(cpu.values()) / requests * 1e3, "service_ms": said["total"]["service"]["p50"],
            "step_ms": shown["service"]["p50"], "requests": requests}


def faults(kind, calibration):
    """The candidate's variables."""
    burnt = {"cpu10": .10 * calibration["cpu_ms"], "service15": .15 * calibration["service_ms"],
             "step": .50 * calibration["step_ms"]}
    name = kind.split("+")[0]
    if name == "frozen":
        return {"FAULT_FREEZE_MS": "250", "FAULT_FREEZE_EVERY_S": "10"}
    route = {"FAULT_ROUTE": "GET /orders/:id"} if name == "step" else {}
    return {**route, "FAULT_CPU_MS": f"{burnt[name]:.4f}"} if name in burnt else {}


def measured(kind, seed, calibration, k6):
    env = faults(kind, calibration)
    line = {"kind": kind, "seed": seed, "started": now(), "env": env}
    return {**line, **({"p95": k6_pairs.pair(k6, env)} if KINDS[kind].k6 else duet(kind, seed, env))}


def now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")


def duet(kind, seed, env):
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as children:
        if KINDS[kind].neighbour:
            start(children, pinned(NEIGHBOUR_CORE, [sys.executable, "-c", SPIN, os.getpid()]), 0)
        scenario = described(folder, env)
        code, said, seconds = ended(["duet", scenario, "--baseline", API, "--seed", seed], folder)
        found = pathlib.Path(folder, "orders", "latest")
        if KEEP and found.exists():
            shutil.copytree(found.resolve(), pathlib.Path(KEEP, f"{kind}-{seed}"), dirs_exist_ok=True)
        if code is not None and code not in ANSWERS:
            sys.exit(f"loadgate ended with {code} at {kind} {seed}, which is no answer of a gate")
        return {"code": code, "seconds": round(seconds, 1), **judged(said), **times(found, said)}


def described(folder, env):
    """The scenario of the API with this candidate."""
    scenario = json.loads((ROOT / "scenarios" / "orders.json").read_text())
    # Both are relative to the scenario's own folder.
    del scenario["$schema"], scenario["target"]["prepare"]
    scenario["target"].update(cwd=str(API), arms={"candidate": {"env": env}})
    path = pathlib.Path(folder, "scenario.json")
    path.write_text(json.dumps(scenario))
    return path


def ended(words, folder):
    """Runs loadgate: its exit code, or None where it did not end; what it said; its seconds."""
    said, begin = pathlib.Path(folder, "said.json"), time.monotonic()
    command = [str(word) for word in [LOADGATE, *words, "-o", folder, "--json", "-q"]]
    # In a session of its own, as Ctrl-C is meant for this script, which then stops it.
    with said.open("w") as out:
        child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, start_new_session=True,
                                 env={**os.environ, "PORT": str(free_port())})
        try:
            code = child.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            stop(child)
    text = said.read_text() if code is not None else ""
    return code, json.loads(text) if text else None, time.monotonic() - begin


def judged(said):
    """What the gate said."""
    if not said or not said["comparison"]:
        return {"ruling": None, "verdict": said and said["verdict"], "segments": 0, "judged": 0, "metrics": {},
                "reason": None}
    comparison, looks = said["comparison"], said["comparison"]["looks"]
    metrics = {metric["name"]: {name: metric.get(name) for name in ("gates", "ruling", "rule", "estimate")}
               for metric in comparison["metrics"]}
    return {"ruling": comparison["ruling"], "verdict": comparison["verdict"], "method": comparison["method"],
            "segments": len(said["duet"]["segments"]), "judged": looks[-1]["seconds"] if looks else 0,
            "metrics": metrics, "reason": next(iter(comparison["reasons"]), None)}


def times(folder, said):
    """What the other ways judge by: both p99 in ms, and the Mann-Whitney statistic."""
    record = said and said["duet"]
    arms = pooled(of_segments(folder, record)) if record else {}
    if not all(arms.get(arm) for arm in ARMS):
        return {"p99": None, "z": None}
    return {"p99": {arm: p99(arms[arm]) / 1e3 for arm in ARMS}, "z": round(mann_whitney(*(arms[arm] for arm in ARMS)), 3)}


def told(line):
    if KINDS[line["kind"]].k6:
        return f"{line['kind']} {line['seed']}: p95 {line['p95']['baseline']:.2f} and {line['p95']['candidate']:.2f} ms"
    return (f"{line['kind']} {line['seed']}: {line['ruling']}, exit code {line['code']}, {line['seconds']:.0f} s, "
            f"{line['segments']} segments: {line['reason']}")


def text(done, calibration, tool):
    burnt = ", ".join(f"{faults(kind, calibration)['FAULT_CPU_MS']} ms ({KINDS[kind].label})"
                      for kind in ("cpu10", "service15", "step"))
    return (f"{builds(done, tool)}. In the first run a request of the unchanged API used "
            f"{calibration['cpu_ms']:.2f} ms of CPU and had a median service time of {calibration['service_ms']:.2f} ms, "
            f"GET /orders/:id of {calibration['step_ms']:.2f} ms; so these candidates burn {burnt} more.\n\n"
            f"{tally(done)}\n\nExit codes, and how often: {codes(done)}.\n\nThe same pairs, judged in other ways; how many were "
            f"called worse:\n\n{others(done)}")


def builds(done, tool):
    """Which build played how many duets."""
    played = collections.Counter(line["sha256"][:12] for line in done if not KINDS[line["kind"]].k6)
    if len(played) < 2:
        return f"{tool['loadgate']} (SHA-256 {tool['sha256'][:12]})"
    again = sum(line.get("again", False) for line in done)
    names = ", ".join(f"{sha} ({number} duets)" for sha, number in played.items())
    return (f"{tool['loadgate']}, builds {names}; {again} duets of the earlier ones are judged again by "
            f"{tool['sha256'][:12]} from what was measured")


def by_kind(done):
    found = {name: [line for line in done if line["kind"] == name] for name in KINDS}
    return {name: some for name, some in found.items() if some}


def duets_by_kind(done):
    return {name: some for name, some in by_kind(done).items() if not KINDS[name].k6}


def tally(done):
    heads = ["candidate", "duets", "regressed", "pass", "inconclusive", "other", "median s", "longest s", "p50 ratio",
             "CPU ratio"]
    return table(heads, [row(name, some) for name, some in duets_by_kind(done).items()])


def row(name, some):
    outcomes = collections.Counter(map(outcome, some))
    seconds = [line["seconds"] for line in some]
    return [KINDS[name].label, len(some), *(outcomes[each] for each in ("regressed", "pass", "inconclusive", "other")),
            f"{statistics.median(seconds):.0f}", f"{max(seconds):.0f}", mean(some, P50), mean(some, CPU)]


def outcome(line):
    """What the gate made of the pair, whether or not the objectives were met."""
    if line["ruling"] is None or line["verdict"] in ("invalid", "target_lost"):
        return "other"
    return "pass" if line["ruling"] == "improved" else line["ruling"]


def mean(some, name):
    """The mean ratio with its standard error."""
    estimates = [line["metrics"].get(name, {}).get("estimate") for line in some]
    values = [estimate["value"] for estimate in estimates if estimate]
    if len(values) < 2:
        return f"{values[0]:.3f}" if values else "–"
    return f"{statistics.mean(values):.3f} ± {statistics.stdev(values) / len(values) ** .5:.3f}"


def codes(done):
    def of(some):
        found = collections.Counter("no end" if line["code"] is None else str(line["code"]) for line in some)
        return ", ".join(f"{code} ({number})" for code, number in sorted(found.items()))
    return "; ".join(f"{KINDS[name].label} {of(some)}" for name, some in duets_by_kind(done).items()) or "none"


def others(done):
    """How often each way calls the candidate worse, kind by kind; all of k6's pairs are alike."""
    kinds = duets_by_kind(done)
    stored = stored_p99(done)
    ways = {
        "loadgate duet": {name: [outcome(line) == "regressed" for line in some] for name, some in kinds.items()},
        "p99 > 1.10 x stored p99 of the duet before": stored,
        "Mann-Whitney on all response times, p < 0.01, slower": {
            name: [line["z"] > SLOWER_FROM for line in some if line["z"] is not None] for name, some in kinds.items()},
        "two k6 runs, p95 > 1.10 x baseline's": {
            name.split("+")[0]: [line["p95"]["candidate"] > 1.1 * line["p95"]["baseline"] for line in some]
            for name, some in by_kind(done).items() if KINDS[name].k6},
    }
    shown = [name for name in KINDS if any(name in found for found in ways.values())]
    rows = [[way, *(f"{sum(found[name])} of {len(found[name])}" if found.get(name) else "–" for name in shown)]
            for way, found in ways.items()]
    return table(["way", *(KINDS[name].label for name in shown)], rows)


def stored_p99(done):
    """What was stored is of a quiet machine: the last duet before that had no neighbour."""
    found, before = collections.defaultdict(list), None
    for line in (line for line in done if line.get("p99")):
        if before:
            found[line["kind"]].append(line["p99"]["candidate"] > 1.1 * before)
        if not KINDS[line["kind"]].neighbour:
            before = line["p99"]["baseline"]
    return found


main()
