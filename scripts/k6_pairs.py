"""Pairs of k6 runs of the reference API, as a team would compare two builds by hand: the
baseline alone, then the candidate alone, each a fresh process under the same constant arrival
rate. scripts/gate.py runs and judges them.

k6 gets what an arm of a duet gets, 10 s of warm-up, and 40 s that count.
"""
import contextlib
import json
import pathlib
import statistics
import subprocess
import tempfile

from measuring import API, PATIENCE, answers, free_port, start, token

RATE, WARMUP, SECONDS = 60, 10, 40
SCRIPT = """import http from 'k6/http';
const load = (seconds, from) => ({ executor: 'constant-arrival-rate', rate: %(rate)d, timeUnit: '1s',
  duration: `${seconds}s`, startTime: `${from}s`, preAllocatedVUs: 50, maxVUs: 500 });
export const options = { scenarios: { warmup: load(%(warmup)d, 0), judged: load(%(seconds)d, %(warmup)d) } };
export default function () { http.get(%(url)s, { headers: { authorization: %(token)s } }); }
"""


def pair(program, env):
    """The p95 in ms of both, the candidate with these variables."""
    return {"baseline": p95(program, {}), "candidate": p95(program, env)}


def p95(program, env):
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as children:
        port = free_port()
        start(children, ["node", "server.js"], port, cwd=API, env=env)
        answers(port, "/health")
        script, points = pathlib.Path(folder, "pair.js"), pathlib.Path(folder, "points.json")
        script.write_text(SCRIPT % {
            "rate": RATE, "warmup": WARMUP, "seconds": SECONDS, "token": json.dumps(f"Bearer {token(port)}"),
            "url": json.dumps(f"http://127.0.0.1:{port}/orders?limit=20")})
        # Its report of use would leave this machine.
        command = [program, "run", "--quiet", "--no-usage-report", "--out", f"json={points}", str(script)]
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, check=True,
                       timeout=WARMUP + SECONDS + 30 + PATIENCE)
        return percentile_95(points.read_text().splitlines())


def percentile_95(lines):
    """Of the requests that count, as k6 would say it: between ranks in proportion."""
    points = [point["data"] for point in map(json.loads, lines)
              if point["type"] == "Point" and point["metric"] == "http_req_duration"]
    judged = [point for point in points if point["tags"].get("scenario") == "judged"]
    if len(judged) < RATE * SECONDS * .9 or any(point["tags"].get("status") != "200" for point in judged):
        raise ValueError(f"{len(judged)} requests of k6, not all of them answered with 200")
    return statistics.quantiles([point["value"] for point in judged], n=20, method="inclusive")[-1]
