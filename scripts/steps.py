#!/usr/bin/env python3
"""What a step costs that uses rows, values, a check and an extraction, beside a plain one, and both
beside k6 doing the same: microseconds of CPU time of the generator per request, against nginx.

    cargo build --release && bash scripts/install-tools.sh
    python3 scripts/steps.py [--rounds=3] [--seconds=6] [--rates=2000,20000,60000] [--update]
                                                                            (about five minutes)

*plain*: GET of a small JSON body, whose status is checked. *used*: POST with a row of data in the path, a
UUID, a counter and a weighted choice in the JSON body; the status and a value of the JSON answer are
checked, and another value of it is kept.

One core for the generator, another one for nginx; 64 connections. Each runs twice, for so many seconds
and for 2 s: the difference is what requests cost without start, end and reports. The tools take turns.
k6 runs at the same rates (constant-arrival-rate), where it reaches them, and as fast as 64 virtual users
can, which is where it is cheapest.
"""
import json
import pathlib
import statistics
import sys
import tempfile

import measuring
from measuring import Nginx, Ran, flag, installed, need_loadgate, publish, sent, table

CONNECTIONS, SHORT, ROWS = 64, 2, 10_000
# A rate that k6 reaches on one core.
SLOW = 5_000
FULL = "as fast as it can"
KINDS = ("plain", "used")
STEPS = {
    "plain": {"request": "GET /orders?limit=20", "check": {"status": 200}},
    "used": {
        "request": "POST /orders?for={{users.name}}",
        "json": {"sku": "{{uuid}}", "n": "{{counter 1000}}", "state": "{{choose open*3 | sent}}"},
        "check": {"status": 200, "json": {"$.state": "open"}},
        "extract": {"order": "$.id"},
    },
}
K6 = {
    "plain": """
export default () => check(http.get(`${URL}/orders?limit=20`), { status: (r) => r.status === 200 });
""",
    "used": """
const users = new SharedArray("users", () => open("users.csv").trim().split("\\n").slice(1).map((name) => ({ name })));
const hex = (length) => { let s = ""; while (s.length < length) s += ((Math.random() * 16) | 0).toString(16); return s; };
const uuid = () => `${hex(8)}-${hex(4)}-4${hex(3)}-a${hex(3)}-${hex(12)}`;
let order;
export default () => {
  const number = exec.scenario.iterationInTest;
  const body = JSON.stringify({ sku: uuid(), n: 1000 + number, state: Math.random() < 0.75 ? "open" : "sent" });
  const answer = http.post(`${URL}/orders?for=${encodeURIComponent(users[number % users.length].name)}`, body,
    { headers: { "content-type": "application/json" }, tags: { name: "orders" } });
  const json = answer.json();
  check(answer, { status: (r) => r.status === 200, state: () => json.state === "open" });
  order = json.id;
};
""",
}
HEAD = """import http from "k6/http"; import { check } from "k6"; import exec from "k6/execution";
import { SharedArray } from "k6/data";
"""


def main():
    need_loadgate()
    k6 = installed(["k6"]).get("k6")
    rounds, seconds = flag("rounds", 3), flag("seconds", 6)
    rates = [int(rate) for rate in flag("rates", "2000,20000,60000").split(",")]
    wanted = [("loadgate", kind, rate) for kind in KINDS for rate in rates]
    if k6:
        wanted += [("k6", kind, rate) for kind in KINDS for rate in (*(r for r in rates if r <= SLOW), FULL)]
    figures = {}
    with Nginx() as server, tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        lines = [f"user {row}@example.com" for row in range(ROWS)]
        (folder / "users.csv").write_text("\n".join(["name", *lines]) + "\n")
        for number in range(rounds):
            for what in (*wanted[number % len(wanted):], *wanted[:number % len(wanted)]):
                run = (lambda s: by_k6(folder, k6, server.url, what, s)) if what[0] == "k6" else (
                    lambda s: by_loadgate(folder, server.url, what, s))
                (cpu, count), (cpu_short, count_short) = run(seconds), run(SHORT)
                figures.setdefault(what, []).append(((cpu - cpu_short) / (count - count_short) * 1e6, count / seconds))
            print(f"round {number + 1} of {rounds}", file=sys.stderr)
    publish("steps", render(figures, rounds))


def by_loadgate(folder, url, what, seconds):
    _, kind, rate = what
    file, out = folder / "steps.json", pathlib.Path(tempfile.mkdtemp(dir=folder))
    file.write_text(json.dumps({
        "name": "steps", "target": {"url": url.rstrip("/")},
        "data": {"users": {"file": "users.csv", "order": "shuffled"}} if kind == "used" else {},
        "flows": [{"name": "f", "steps": [{"name": "s", **STEPS[kind]}]}],
        "load": {"stages": [{"for": f"{seconds}s", "rate": f"{rate}/s"}]},
        "limits": {"connections": CONNECTIONS, "workers": 1},
        "slo": {"all": ["error_rate <= 0%"]},
    }))
    ran = Ran([measuring.LOADGATE, "run", file, "-q", "--no-walk", "-o", out], seconds)
    found = list(out.glob("steps/2*/run.json"))
    if not found:
        sys.exit(f"loadgate left no run:\n{ran.text[-2000:]}")
    record = json.loads(found[0].read_text())
    summary = json.loads(found[0].with_name("summary.json").read_text())
    if summary["total"]["error_rate"] > 0.001:
        sys.exit(f"requests have failed:\n{ran.text[-2000:]}")
    return ran.cpu, sent(record)


def by_k6(folder, path, url, what, seconds):
    _, kind, rate = what
    if rate == FULL:
        load = {"executor": "constant-vus", "vus": CONNECTIONS, "duration": f"{seconds}s"}
    else:
        load = {"executor": "constant-arrival-rate", "rate": rate, "timeUnit": "1s", "duration": f"{seconds}s",
                "preAllocatedVUs": CONNECTIONS, "maxVUs": CONNECTIONS}
    options = {"scenarios": {"s": load}, "discardResponseBodies": kind == "plain"}
    script, said = folder / "load.js", folder / "summary-of-k6.json"
    said.unlink(missing_ok=True)
    script.write_text(f"{HEAD}const URL = {json.dumps(url.rstrip('/'))};\n"
                      f"export const options = {json.dumps(options)};\n{K6[kind]}")
    ran = Ran([path, "run", "--quiet", "--no-usage-report", f"--summary-export={said}", script], seconds + 5)
    if not said.exists():
        sys.exit(f"k6 left no summary:\n{ran.text[-2000:]}")
    metrics = json.loads(said.read_text())["metrics"]
    if metrics["checks"]["fails"] or metrics["http_req_failed"]["passes"]:
        sys.exit(f"requests of k6 have failed: {metrics['checks']}")
    return ran.cpu, metrics["http_reqs"]["count"]


def render(figures, rounds):
    cost = {what: statistics.median(figure for figure, _ in found) for what, found in figures.items()}
    reached = {what: statistics.median(rate for _, rate in found) for what, found in figures.items()}
    rows = []
    for tool, rate in dict.fromkeys((tool, rate) for tool, _, rate in figures):
        plain, used = (cost[tool, kind, rate] for kind in KINDS)
        per_second = " and ".join(f"{reached[tool, kind, rate]:,.0f}" for kind in KINDS)
        least = [cost.get(("k6", kind, FULL)) for kind in KINDS]
        shares = ["–" if tool == "k6" or not k6 else f"1/{k6 / own:.1f}" for own, k6 in zip((plain, used), least)]
        rows.append([f"{tool}, {rate if rate == FULL else f'{rate:,}/s'}", per_second, f"{plain:.1f}", f"{used:.1f}",
                     f"{used - plain:.1f}", f"{used / plain:.2f}", *shares])
    heads = ["", "requests per second, plain and used", "µs, plain", "µs, used", "more", "ratio",
             "plain, of k6 at its cheapest", "used, of k6 at its cheapest"]
    return f"{table(heads, rows)}\n\nMedians of {rounds} rounds."


main()
