#!/usr/bin/env python3
"""Whether a stress test tells three kinds of servers apart: one that collapses and comes back, one
that sheds load, and one that never recovers.

    cargo build --release
    python3 scripts/stress.py [--times=5] [--only=MODE] [--minutes=15] [--update]

It takes about 12 minutes, and begins nothing more after --minutes: what was not measured then is
told and is no success. LOADGATE names another binary. All three serve 200 requests per second
(scripts/breaking_server.js), so the first step of the ramp that is more than that is known as well.
Exits with 1 if anything is wrong.
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import time

from measuring import LOADGATE, flag, free_port, in_turns, need_loadgate, publish, table

SERVER = pathlib.Path(__file__).with_name("breaking_server.js").resolve()
PROFILE = ["--from", "100/s", "--growth", "20%", "--step", "4s", "--hold", "4s", "--warmup", "2s",
           "--recover-within", "20s", "--repeats", "1"]
# A test of this profile takes at most a minute; one that hangs is ended.
LONGEST = 120
# 100, 120, 144, 172.8, 207.36: the first one above 200.
BREAKS = 207.4
# The manner, whether it comes back, and the share of the best goodput at 1.5x: from, to.
RIGHT = {
    "collapse": ("timeouts", "after", 0, .6),
    "shed": ("shedding", "after", .85, 1.1),
    "metastable": ("timeouts", "not_within", 0, .6),
}


def main():
    need_loadgate()
    only, until = flag("only", ""), time.monotonic() + 60 * flag("minutes", 15.0)
    if only and only not in RIGHT:
        sys.exit(f"--only={only}: expected one of {', '.join(RIGHT)}")
    rows, wrong, left_out = [], 0, 0
    for mode, time_of_many in in_turns({mode: flag("times", 5) for mode in RIGHT if only in ("", mode)}):
        if time.monotonic() > until:
            left_out += 1
            continue
        cells, is_right = tried(mode)
        rows.append([mode, str(time_of_many), *cells, "yes" if is_right else "**no**"])
        wrong += not is_right
        print(" | ".join(rows[-1]), file=sys.stderr)
    heads = ["server", "time", "breaks at", "manner", "at 1.5x", "back", "took", "right"]
    told = f"{wrong or 'None'} of {len(rows)} wrong."
    if left_out:
        told += f" There was no time for {left_out} more (--minutes)."
    publish("stress", f"{table(heads, sorted(rows))}\n\n{told}")
    sys.exit(1 if wrong or left_out else 0)


def tried(mode):
    with tempfile.TemporaryDirectory() as place:
        place, begun = pathlib.Path(place), time.monotonic()
        (place / "scenario.json").write_text(json.dumps(scenario(mode, free_port())))
        command = [LOADGATE, "stress", place / "scenario.json", *PROFILE, "-o", place / "out", "--json", "-q"]
        try:
            ended = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST)
        except subprocess.TimeoutExpired:
            return ["–", "–", "–", f"not over after {LONGEST} s", f"{LONGEST} s"], False
        took = f"{time.monotonic() - begun:.0f} s"
        if ended.returncode != 0:
            return ["–", "–", "–", ended.stderr.strip()[-80:], took], False
        return judged(mode, json.loads(ended.stdout)["stress"]["repeats"][0], took)


def judged(mode, repeat, took):
    manner, back, least, most = RIGHT[mode]
    reach, recovery = repeat["reach"], repeat["recovery"]
    reach = reach.get("broke", {}) if isinstance(reach, dict) else {}
    recovery = recovery if isinstance(recovery, dict) else {recovery: None}
    rate, found = reach.get("rate", 0), (repeat["manners"] or [{"manner": "–"}])[0]["manner"]
    share = {it["factor"]: it["share"] for it in repeat["goodput"]}.get(1.5)
    is_right = (abs(rate - BREAKS) < 1 and found == manner and back in recovery
                and share is not None and least <= share <= most)
    shown = "; ".join(f"{key} {value} s" for key, value in recovery.items())
    return [f"{rate:.0f}/s", found, "–" if share is None else f"{share:.0%}", shown, took], is_right


def scenario(mode, port):
    return {
        "name": mode,
        "target": {"url": f"http://127.0.0.1:{port}", "command": ["node", str(SERVER), mode],
                   "env": {"PORT": str(port)}, "ready": {"path": "/health"}},
        "flows": [{"name": "f", "steps": [{"name": "get", "request": "GET /", "timeout": "400ms"}]}],
        "load": {"stages": [{"for": "10s", "rate": "100/s"}]},
        "slo": {"all": ["p50 < 200ms"]},
    }


if __name__ == "__main__":
    main()
