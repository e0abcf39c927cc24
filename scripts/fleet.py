#!/usr/bin/env python3
"""What it costs to have very many generators: seconds that one of them recorded at 20,000 requests
per second and five steps are told by a thousand agents through a real nats-server to one coordinator.

    cargo build --release && cargo build --release --example fleet-crowd
    python3 scripts/fleet.py [--agents=1000] [--seconds=15] [--rate=20000] [--only=NAME] [--update]   (about 4 minutes)

The parts are `telling` (what a generator tells, and what that costs it), `start` (how far the starts
of four generators on this machine lie apart), `crowd` (the coordinator under all of them), `loss`
(until one of them that falls silent is missed) and `stop` (until the last of four generators sends
nothing more, after Ctrl-C and after --fail-fast has ended the run). nats-server must be on the PATH or
in target/tools/bin.
"""
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

from measuring import LOADGATE, PATH, Nginx, await_port, flag, free_port, need_loadgate, publish, resident, table

AGENTS, SECONDS, RATE = int(flag("agents", 1000)), int(flag("seconds", 15)), int(flag("rate", 20000))
STEPS = 5
CROWD = LOADGATE.parent / "examples" / "fleet-crowd"
# Nothing here waits for longer than its time and so many seconds more.
PATIENCE = 90
HERTZ = 100


def scenario(folder, url, rate, seconds, users=None):
    steps = [{"name": f"step {number}", "request": f"GET /{number}"} for number in range(STEPS)]
    text = {"name": "crowd", "target": {"url": url},
            "flows": [{"name": "flow", "steps": steps}],
            "limits": {"connections": max(1000, AGENTS), "in_flight": max(10_000, AGENTS)},
            "load": {"seed": 7, "stages": [{"for": f"{seconds}s", **({"users": users} if users else {"rate": f"{rate / STEPS:g}/s"})}]},
            "slo": {"all": ["error_rate < 50%"]}}
    path = pathlib.Path(folder, "crowd.json")
    path.write_text(json.dumps(text))
    return path


class Server:
    """A nats-server with JetStream in a folder of its own."""

    def __enter__(self):
        program = shutil.which("nats-server", path=PATH) or sys.exit("nats-server is missing; see docs/scale-out.md")
        self.folder, self.port = tempfile.mkdtemp(prefix="nats-"), free_port()
        self.url = f"nats://127.0.0.1:{self.port}"
        config = pathlib.Path(self.folder, "server.conf")
        config.write_text(f'listen: "127.0.0.1:{self.port}"\njetstream {{ store_dir: "{self.folder}/store" }}\n')
        self.process = subprocess.Popen([program, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        await_port(self.port)
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


def start(command, log):
    out = open(log, "w")
    environment = {"PATH": PATH, "HOME": "/nowhere"}
    return subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                            env=environment)


def stop(process):
    if process.poll() is None:
        process.kill()
    process.wait(10)


def cpu(pid, named=None):
    """CPU seconds of a process, or of those of its threads that have one of some names."""
    def of(stat):
        fields = stat.rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / HERTZ
    if named is None:
        return of(pathlib.Path(f"/proc/{pid}/stat").read_text())
    tasks = pathlib.Path(f"/proc/{pid}/task").iterdir()
    return sum(of((task / "stat").read_text()) for task in tasks if (task / "comm").read_text().strip() in named)


def wait_for(log, words, seconds=PATIENCE):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = re.search(words, pathlib.Path(log).read_text(errors="replace"))
        if found:
            return found
        time.sleep(.02)
    sys.exit(f"{log}: no {words!r}:\n{pathlib.Path(log).read_text(errors='replace')[-2000:]}")


def run(folder, server, path, generators, more=()):
    command = [LOADGATE, "run", path, "--generators", generators, "--via", server.url, "--no-walk", "-o", f"{folder}/out"]
    return start([*command, *more], f"{folder}/run.log")


def telling(folder):
    """The lines that a generator tells, bytes of them per second, and the CPU that telling them costs."""
    with Nginx() as target, Server() as server:
        path = scenario(folder, target.url.rstrip("/"), RATE, SECONDS + 10)
        agent = start([LOADGATE, "agent", "--via", server.url, "--name", "one"], f"{folder}/agent.log")
        child = run(folder, server, path, 1)
        try:
            wait_for(f"{folder}/run.log", "ready: one")
            time.sleep(3)
            before, at = cpu(agent.pid, ("nats", "telling")), time.monotonic()
            time.sleep(SECONDS + 3)
            share = (cpu(agent.pid, ("nats", "telling")) - before) / (time.monotonic() - at)
            journal = next(pathlib.Path(folder, "out").rglob("seconds.jsonl")).read_text()
        finally:
            for process in (child, agent):
                stop(process)
    lines = [line for line in journal.splitlines(True) if line.startswith('{"tick"') and line.endswith("\n")]
    # What was seen of a generator is told some seconds later than what fell due.
    lines = [line for line in map(told_before_end, lines) if line]
    if max(map(latest, lines)) < SECONDS - 1:
        sys.exit("too little was recorded: is the machine too busy?")
    pathlib.Path(folder, "lines").write_text("".join(lines))
    return sum(map(len, lines)) / SECONDS, share


def told_before_end(line):
    """What a line tells of the seconds that count: each request of them has an end."""
    if latest(line) < SECONDS:
        return line
    tick = json.loads(line)["tick"]
    for of in ("parts", "generator"):
        tick[of] = [each for each in tick.get(of, []) if each["second"] < SECONDS]
    tick = {key: value for key, value in tick.items() if value != []}
    return json.dumps({"tick": tick}, separators=(",", ":")) + "\n" if {"parts", "generator"} & set(tick) else ""


def latest(line):
    tick = json.loads(line)["tick"]
    return max(each["second"] for each in [*tick.get("parts", []), *tick.get("generator", [])])


def starts(folder):
    """The most that the schedule of one of four generators was off, with its bound, in milliseconds."""
    with Nginx() as target, Server() as server:
        path = scenario(folder, target.url.rstrip("/"), 400, 10)
        agents = [start([LOADGATE, "agent", "--via", server.url, "--name", f"g{n}"], f"{folder}/g{n}.log") for n in range(4)]
        child = run(folder, server, path, 4)
        try:
            child.wait(PATIENCE)
            record = json.loads(next(pathlib.Path(folder, "out").rglob("run.json")).read_text())
        finally:
            for process in (child, *agents):
                stop(process)
    seen = [second for second in record["generator_seconds"] if "skew_ns" in second]
    return (max(abs(second["skew_ns"]) for second in seen) / 1e6,
            max(second["skew_bound_ns"] for second in seen) / 1e6)


class Counting:
    """A server that knows when which iteration came; one in four answers is a server error, if that is wanted."""

    def __init__(self, fails):
        self.fails, self.came, self.is_over = fails, [], False

    def answer(self):
        status = 500 if self.fails and len(self.came) % 4 == 3 else 200
        return f"HTTP/1.1 {status} Some\r\ncontent-length: 2\r\n\r\n{{}}".encode()

    def __enter__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()
        return self

    def accept(self):
        while not self.is_over:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        rest = b""
        while not self.is_over:
            try:
                piece = connection.recv(65_536)
                rest += piece
                *heads, rest = rest.split(b"\r\n\r\n")
                for head in heads:
                    self.came.append((int(re.match(rb"GET /(\d+)", head).group(1)), time.monotonic()))
                    connection.sendall(self.answer())
            except OSError:
                return
            if not piece:
                return

    def __exit__(self, *_):
        self.is_over = True
        self.listener.close()


def stops(folder, fails_fast):
    """Seconds from Ctrl-C, or from the word that --fail-fast ends the run, to the last request of whichever of
    four generators sends last."""
    with Counting(fails_fast) as target, Server() as server:
        path = scenario(folder, target.url, 400, 40)
        text = json.loads(path.read_text())
        text["flows"][0]["steps"] = [{"name": "step", "request": "GET /{{iteration}}"}]
        text["load"]["stages"][0]["rate"] = "400/s"
        if fails_fast:
            text["slo"] = {"all": ["error_rate < 5%"]}
        path.write_text(json.dumps(text))
        agents = [start([LOADGATE, "agent", "--via", server.url, "--name", f"g{n}"], f"{folder}/g{n}.log") for n in range(4)]
        child = run(folder, server, path, 4, ["--fail-fast"] if fails_fast else [])
        try:
            if fails_fast:
                wait_for(f"{folder}/run.log", "the run ends here")
                ended = time.monotonic()
            else:
                wait_for(f"{folder}/run.log", "ready: ")
                end = time.monotonic() + PATIENCE
                while len(target.came) < 1_200 and time.monotonic() < end:
                    time.sleep(.02)
                ended = time.monotonic()
                child.send_signal(signal.SIGINT)
            child.wait(PATIENCE)
            time.sleep(1)
        finally:
            for process in (child, *agents):
                stop(process)
        record = json.loads(next(pathlib.Path(folder, "out").rglob("run.json")).read_text())
    return max(last_of(generator["slots"], target.came, ended) for generator in record["generators"])


def last_of(slots, came, ended):
    mine = range(slots["first"], slots["first"] + slots["count"])
    last = max((at for number, at in came if (number - 1) % slots["of"] in mine), default=0)
    if last < ended - .7:
        sys.exit(f"a generator had ended {ended - last:.1f} s before it was told to")
    return last - ended


def crowd(folder, silent=None):
    """CPU in cores and memory in bytes of a coordinator under the crowd, CPU of the server; and when one of the
    crowd was missed that fell silent, in seconds."""
    with Nginx() as target, Server() as server:
        # Users who wait for answers: what each of the crowd tells is no schedule's.
        path = scenario(folder, target.url.rstrip("/"), RATE, SECONDS, users=AGENTS)
        more = [] if silent is None else [silent]
        many = start([CROWD, server.url, "default", AGENTS, f"{folder}/lines", *more], f"{folder}/crowd.log")
        time.sleep(1)
        child = run(folder, server, path, AGENTS)
        try:
            wait_for(f"{folder}/run.log", "ready: ")
            time.sleep(2.5)
            if silent is not None:
                fell = float(wait_for(f"{folder}/crowd.log", r"silent ([0-9.]+)").group(1))
                wait_for(f"{folder}/run.log", "the run ends here")
                return time.time() - fell
            before, at = (cpu(child.pid), cpu(server.process.pid)), time.monotonic()
            time.sleep(max(1, SECONDS - 4))
            passed = time.monotonic() - at
            memory = resident(child.pid)
            used = [(cpu(pid) - was) / passed for pid, was in zip((child.pid, server.process.pid), before)]
            refused = pathlib.Path(folder, "crowd.log").read_text().count("refused")
            child.wait(PATIENCE)
            check_whole(folder)
            return used, memory, refused
        finally:
            for process in (child, many):
                stop(process)


def check_whole(folder):
    """What the coordinator did not take in, or gave up, is no measurement."""
    newest = max(pathlib.Path(folder, "out").rglob("run.json"), key=lambda path: path.stat().st_mtime)
    record = json.loads(newest.read_text())
    told = len({(second["generator"] if "generator" in second else 0, second["second"])
                for second in record["generator_seconds"]})
    lost = (record.get("end") or {}).get("lost", [])
    if lost or told < AGENTS * (SECONDS - 4):  # the last ones may be told late
        sys.exit(f"{told} seconds of {AGENTS} generators were told, {len(lost)} were lost: {lost[:2]}")


def main():
    need_loadgate()
    only, rows = flag("only", ""), []
    wants = lambda name: only in ("", name)
    signal.alarm(SECONDS * 8 + PATIENCE * 8)
    with tempfile.TemporaryDirectory(prefix="fleet-") as folder:
        bytes_, share = telling(folder) if only != "stop" else (0, 0)
        if wants("telling"):
            rows.append(["told by a generator", f"{bytes_ / 1e3:.1f} kB per second", "64 kB"])
            rows.append(["CPU of telling it", f"{share * 100:.2f} % of a core", "1 %"])
        if wants("start"):
            skew, bound = starts(tempfile.mkdtemp(dir=folder))
            rows.append(["starts of four generators apart", f"{skew:.3f} ms, known within {bound:.3f} ms", "1 ms"])
        if wants("crowd"):
            (own, servers), memory, refused = crowd(folder)
            rows.append([f"coordinator of {AGENTS:,} generators", f"{own:.2f} cores", "0.6 cores"])
            rows.append(["its memory at most", f"{memory / 2**20:.0f} MiB", "256 MiB"])
            rows.append(["nats-server meanwhile", f"{servers:.2f} cores, {refused} ticks refused", ""])
        if wants("loss"):
            rows.append(["until a generator that falls silent is missed",
                         f"{crowd(folder, max(2, SECONDS // 3)):.2f} s", "4 s"])
        if wants("stop"):
            for what, fails_fast in (("Ctrl-C", False), ("`--fail-fast`", True)):
                last = stops(tempfile.mkdtemp(dir=folder), fails_fast)
                rows.append([f"from {what} to the last request of any generator", f"{max(0, last) * 1e3:.0f} ms", "1 s"])
    publish("fleet", table(["what", "found", "at most"], rows))


main()
