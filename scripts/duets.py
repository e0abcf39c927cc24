#!/usr/bin/env python3
"""How often the duet gate is right on this machine: duets of the Fastify reference API with
itself, with a candidate that takes 15 % longer, and with one that freezes.

    cargo build --release && npm ci --prefix examples/fastify-orders
    python3 scripts/duets.py [--same=30] [--slower=20] [--frozen=10] [--segment=12] [--rate=100]
                              [--metrics=p50,p95,errors] [--update]

Each handler burns 1.5 ms of CPU; the slower candidate burns 15 % of the service time more,
which is measured first; the frozen one stands still for 250 ms every 10 s. A segment has
fresh processes of both arms. The whole takes about 85 minutes. --segment and --rate say how
long and how much: at a rate that keeps an arm's only thread busy for half of the time or
more, queues make more noise than more requests take away.

The same pairs of unchanged builds are also judged as others do it: the candidate's p99
against 1.10 times the baseline's of the duet before, and a Mann-Whitney test on all response
times of the pair (p < 0.01, candidate slower). And the noise model behind the simulated gates
is fitted to them (scripts/noise_model.py).
"""
import collections
import contextlib
import json
import math
import pathlib
import subprocess
import sys
import tempfile

import noise_model
from histograms import ARMS, by_second, is_slower, of_segments, p99, pooled, quantile
from measuring import API, LOADGATE, answers, flag, free_port, in_turns, need_loadgate, publish, start, table, token

SEGMENT, RATE = flag("segment", 12), flag("rate", 100)
# Five segments at this rate are too short to decide p99; a pilot would say so.
METRICS = flag("metrics", "p50,p95,errors")
WARMUP, SEGMENTS = 3, 5
PATH = "/orders?limit=20"
CPU_MS = 1.5
LABELS = {"same": "unchanged", "slower": "15 % longer", "frozen": "250 ms freeze every 10 s"}
# Quantiles that have requests enough beyond them in a single second.
MODELLED = (.5, .9)
DEFAULTS = {"same": 30, "slower": 20, "frozen": 10}


def main():
    need_loadgate()
    wanted = {kind: flag(kind, DEFAULTS[kind]) for kind in LABELS}
    done = {kind: [] for kind in LABELS}
    service = service_ms()
    candidates = {
        "same": {},
        "slower": {"FAULT_CPU_MS": f"{CPU_MS + .15 * service:.3f}"},
        "frozen": {"FAULT_FREEZE_MS": "250", "FAULT_FREEZE_EVERY_S": "10"},
    }
    try:
        for kind, seed in in_turns(wanted):
            done[kind].append(duet(kind, candidates[kind], seed))
    except (KeyboardInterrupt, SystemExit):
        print("cut short: the figures are of what was done", file=sys.stderr)
    rows = [row(LABELS[kind], duets) for kind, duets in done.items()]
    heads = ["candidate", "duets", "regressed", "pass", "inconclusive", "other", "mean segments", "p50 ratio",
             "p95 ratio"]
    text = (f"{RATE} requests per second and arm, at most {SEGMENTS} segments of {SEGMENT} s, gated by {METRICS}. "
            f"A request took {service:.2f} ms where it waited for nobody, so the slower candidate burns "
            f"{.15 * service:.2f} ms more.\n\n"
            f"{table(heads, rows)}")
    same = done["same"]
    publish("duets", f"{text}\n\n{others([one['arms'] for one in same])}\n\n{model(same)}")


def duet(kind, env, seed):
    with tempfile.TemporaryDirectory() as folder:
        said, record, found = played(folder, env, seed, SEGMENTS)
        comparison = said["comparison"]
        seconds = of_segments(found, record)
        arms = pooled(seconds)
        ratios = {metric["name"]: metric["estimate"] for metric in comparison["metrics"]}
        print(f"{kind} {seed}: {comparison['ruling']}, {len(record['segments'])} segments,",
              {name: f"{(found or {}).get('value', math.nan):.3f}" for name, found in ratios.items()}, file=sys.stderr)
        return {"ruling": comparison["ruling"], "verdict": comparison["verdict"], "segments": len(record["segments"]),
                "ratios": ratios, "arms": arms, "levels": {share: levels(seconds, share) for share in MODELLED}}


def played(folder, env, seed, segments):
    """What loadgate says of a duet with so many segments, its record, and where its files are."""
    scenario = pathlib.Path(folder, "scenario.json")
    scenario.write_text(json.dumps(described(env)))
    command = [LOADGATE, "duet", scenario, "--baseline", API, "--segment", f"{SEGMENT}s", "--warmup", f"{WARMUP}s",
               "--pilot", "0s", "--segments", segments, "--metrics", METRICS, "--seed", seed, "-o", folder,
               "--json", "-q"]
    ran = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL,
                         text=True, timeout=segments * (SEGMENT + WARMUP + 30) + 60)
    found = pathlib.Path(folder, "duets", "latest")
    return json.loads(ran.stdout), json.loads((found / "duet.json").read_text()), found


def described(env):
    return {
        "name": "duets",
        "target": {"url": "http://127.0.0.1:3210", "command": ["node", "server.js"], "cwd": str(API),
                   "env": {"FAULT_CPU_MS": str(CPU_MS)}, "ready": {"path": "/health", "within": "60s"},
                   "arms": {"candidate": {"env": env}}},
        "flows": [{"name": "read", "steps": [
            {"name": "list", "request": f"GET {PATH}", "headers": {"authorization": f"Bearer {fresh_token()}"},
             "check": {"status": 200}}]}],
        "load": {"stages": [{"for": "60s", "rate": f"{RATE}/s"}]},
        "slo": {"all": ["p50 < 5s"]},
    }


def fresh_token():
    """Good for an hour at every server of the API. A login for each user would be a load of its own."""
    with contextlib.ExitStack() as children:
        port = free_port()
        start(children, ["node", "server.js"], port, cwd=API)
        answers(port, "/health")
        return token(port)


def service_ms():
    """The service time of the unchanged API beside another one, as in all these duets: its
    lower quartile, as these requests waited for nobody."""
    with tempfile.TemporaryDirectory() as folder:
        _, record, found = played(folder, {}, 0, 1)
        arm = by_second(found, record, record["segments"][0], "baseline", "service")
        return quantile(sum(arm.values(), collections.Counter()), .25) / 1e3


def row(label, duets):
    rulings = collections.Counter(one["ruling"] for one in duets)
    passed = rulings["pass"] + rulings["improved"]
    known = rulings["regressed"] + passed + rulings["inconclusive"]
    mean = sum(one["segments"] for one in duets) / max(len(duets), 1)
    return [label, len(duets), rulings["regressed"], passed, rulings["inconclusive"], len(duets) - known, f"{mean:.1f}",
            *(spread(duets, name) for name in ("p50 of response time", "p95 of response time"))]


def spread(duets, name):
    values = sorted(one["ratios"][name]["value"] for one in duets if one["ratios"].get(name))
    return f"{values[0]:.3f} to {values[-1]:.3f}" if values else "–"


def levels(segments, share):
    """For each segment both arms' logarithm of a quantile, second by second."""
    def of(arms):
        both = sorted(set.intersection(*(set(arms[arm]) for arm in ARMS)))
        return tuple([math.log(max(quantile(arms[arm][second], share), 1)) for second in both] for arm in ARMS)
    return [of(arms) for arms in segments if all(arms[arm] for arm in ARMS)]


def model(duets):
    """The numbers of the noise model as these duets have them, beside what was assumed."""
    rows = [[f"p{share * 100:g}, measured here", *noise_model.row(noise_model.fit([one["levels"][share] for one in duets]))]
            for share in MODELLED if len(duets) > 1]
    rows += [[f"assumed, {name}", *noise_model.row(dict(zip(noise_model.NAMES, numbers)))]
             for name, numbers in noise_model.ASSUMED.items()]
    return ("The noise of these duets in the terms of the simulated gates' model (`python3 scripts/noise_model.py` "
            "says what they mean, and how well made-up noise is found again):\n\n" + table(noise_model.HEADS, rows))


def others(pairs):
    """What common ways of comparing say of the unchanged builds."""
    stored = sum(p99(now["candidate"]) > 1.1 * p99(before["baseline"]) for before, now in zip(pairs, pairs[1:]))
    ranks = sum(is_slower(pair["baseline"], pair["candidate"]) for pair in pairs)
    rows = [["p99 of this run > 1.10 x stored p99 of the run before", max(len(pairs) - 1, 0), stored],
            ["Mann-Whitney on all response times, p < 0.01, slower", len(pairs), ranks]]
    return "The same unchanged builds, judged in other ways:\n\n" + table(["way", "comparisons", "false alarms"], rows)


main()
