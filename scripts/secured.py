#!/usr/bin/env python3
"""What a request costs the generator by TLS and by HTTP/2, in microseconds of CPU time (user and
system, the whole process), for loadgate and other tools, against nginx.

    cargo build --release && bash scripts/install-tools.sh
    python3 scripts/secured.py [--rounds=5] [--only=tls,handshake,http2] [--update]     (about eight minutes)

One core for the generator, another one for nginx, whose certificate is made for the run. The parts:

- tls: HTTP/1.1 in TLS 1.3 on 64 connections that are kept. wrk, oha and h2load send as fast as they can,
  loadgate at 95 % and 70 % of what wrk reached just before;
- handshake: a connection for each request, which nginx ends; whole handshakes, and resumed ones where the
  tool resumes (loadgate with `"resumption": true`). loadgate sends at 70 % of wrk's rate;
- http2: 50,000 requests per second over 8 and over 2 connections with 100 streams each, in the clear and
  by TLS; h2load with --rps and oha with -q hold the same rate.

The tools take turns; each runs for 3 s and for 1 s in a round, and the difference of the two is what
requests cost without start, end and reports. The median of the rounds counts.
"""
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile

import measuring
from measuring import GENERATORS, Nginx, Ran, flag, installed, need_loadgate, publish, read_h2load, read_oha, sent, table

CONNECTIONS, LONG, SHORT = 64, 3, 1
HTTP2_RATE, STREAMS = 50_000, 100
PARTS = ("tls", "handshake", "http2")


class Secured(Nginx):
    """The same nginx with TLS, HTTP/2 or both."""

    def __init__(self, tls=True, http2=False, kept=True):
        self.tls, self.http2, self.kept = tls, http2, kept

    def prepare(self, metrics=""):
        folder = super().prepare(metrics)
        words = [word for word, wanted in (("ssl", self.tls), ("http2", self.http2)) if wanted]
        config = pathlib.Path(folder, "nginx.conf")
        text = config.read_text().replace("backlog=4096;", f"backlog=4096 {' '.join(words)};")
        if self.tls:
            subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                            "-keyout", f"{folder}/key.pem", "-out", f"{folder}/cert.pem", "-days", "365",
                            "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"],
                           check=True, capture_output=True)
            text = text.replace("access_log off;", f"access_log off; ssl_certificate {folder}/cert.pem; "
                                f"ssl_certificate_key {folder}/key.pem; ssl_protocols TLSv1.3; "
                                "ssl_session_cache shared:s:10m;")
            self.url = self.url.replace("http:", "https:")
        if not self.kept:
            text = text.replace("keepalive_timeout 300s;", "keepalive_timeout 0;")
        config.write_text(text)
        return folder


def main():
    need_loadgate()
    only, rounds = flag("only", ",".join(PARTS)).split(","), flag("rounds", 5)
    tools = installed(["wrk", "oha", "h2load"])
    if "wrk" not in tools and set(only) & {"tls", "handshake"}:
        sys.exit("wrk is the yardstick; run: bash scripts/install-tools.sh")
    figures = {}
    for number in range(rounds):
        if "tls" in only:
            tls(figures, tools, number)
        if "handshake" in only:
            handshake(figures, tools, number)
        if "http2" in only:
            http2(figures, tools, number)
        print(f"round {number + 1} of {rounds}", file=sys.stderr)
    publish("secured", render(figures, rounds))


def turns(runs, number):
    """Who begins changes with each round."""
    return runs[number % len(runs):] + runs[:number % len(runs)]


def tls(figures, tools, number):
    with Secured() as server:
        rate = add(figures, ("TLS 1.3, 64 connections", "wrk"), other("wrk", tools["wrk"], server))
        runs = [(name, other(name, path, server)) for name, path in tools.items() if name != "wrk"]
        runs += [(f"loadgate, {share:.0%} of wrk", ours(server, share * rate)) for share in (.95, .7)]
        for name, run in turns(runs, number):
            add(figures, ("TLS 1.3, 64 connections", name), run)


def handshake(figures, tools, number):
    part = "TLS 1.3, a connection for each request"
    with Secured(kept=False) as server:
        rate = add(figures, (part, "wrk"), other("wrk", tools["wrk"], server))
        runs = [("oha, resumes", other("oha", tools["oha"], server))] if "oha" in tools else []
        runs += [(f"loadgate, {name}", ours(server, .7 * rate, resumption=is_resumed))
                 for name, is_resumed in (("whole handshakes", False), ("resumed", True))]
        for name, run in turns(runs, number):
            add(figures, (part, name), run)


def http2(figures, tools, number):
    for is_secured in (False, True):
        with Secured(tls=is_secured, http2=True) as server:
            for connections in (8, 2):
                part = f"HTTP/2, {'TLS' if is_secured else 'clear'}, {connections} connections, {HTTP2_RATE:,}/s"
                runs = [(name, paced(name, tools[name], server, connections)) for name in ("oha", "h2load") if name in tools]
                runs.append(("loadgate", ours(server, HTTP2_RATE, connections, http2=is_secured or "prior-knowledge")))
                for name, run in turns(runs, number):
                    add(figures, (part, name), run)


def add(figures, key, run):
    """Adds a round's figure; the requests per second."""
    try:
        (cpu, count), (cpu_short, count_short) = run(LONG), run(SHORT)
        figure = ((cpu - cpu_short) / (count - count_short) * 1e6, count / LONG)
    except (ValueError, ZeroDivisionError) as error:
        print(f"{key[1]} is left out of this round: {error}", file=sys.stderr)
        return 0
    figures.setdefault(key, []).append(figure)
    return figure[1]


def other(name, program, server):
    def run(seconds):
        command, read = GENERATORS[name]
        with tempfile.TemporaryDirectory() as folder:
            words = command(program, server.url, seconds, CONNECTIONS, None, folder)
            if name == "oha":
                words.insert(1, "--insecure")
            ran = Ran(words, seconds)
            return ran.cpu, read(ran.text, folder)[0]
    return run


def paced(name, program, server, connections):
    """h2load or oha by HTTP/2 at a rate."""
    def run(seconds):
        with tempfile.TemporaryDirectory() as folder:
            if name == "oha":
                words = [program, "--no-tui", "--output-format", "json", "--insecure", "--http2", f"-c{connections}",
                         f"-p{STREAMS}", f"-z{seconds}s", f"-q{HTTP2_RATE}", server.url]
                ran = Ran(words, seconds)
                return ran.cpu, read_oha(ran.text, folder)[0]
            words = [program, "-t1", f"-c{connections}", f"-m{STREAMS}", f"-D{seconds}",
                     f"--rps={HTTP2_RATE / connections:g}", server.url]
            ran = Ran(words, seconds)
            return ran.cpu, read_h2load(ran.text, folder)[0]
    return run


def ours(server, rate, connections=CONNECTIONS, resumption=False, http2=False):
    def run(seconds):
        target = {"url": server.url.rstrip("/"), "http2": http2}
        if server.tls:
            target["tls"] = {"ca": f"{server.folder}/cert.pem", "resumption": resumption}
        scenario = {"name": "secured", "target": target,
                    "flows": [{"name": "f", "steps": [{"name": "s", "request": "GET /"}]}],
                    "load": {"stages": [{"for": f"{seconds * 1000}ms", "rate": f"{rate:.0f}/s"}]},
                    "limits": {"connections": connections if server.kept else 1_000}}
        if http2:
            scenario["limits"]["streams"] = STREAMS
        with tempfile.TemporaryDirectory() as folder:
            file = pathlib.Path(folder, "secured.json")
            file.write_text(json.dumps(scenario))
            ran = Ran([measuring.LOADGATE, "run", file, "--no-walk", "-q", "-o", folder], seconds)
            runs = [path for path in pathlib.Path(folder).glob("secured/*/run.json") if path.parent.name != "latest"]
            if not runs:
                raise ValueError(f"loadgate left no run:\n{ran.text[-2000:]}")
            record = json.loads(runs[0].read_text())
            unsent = 1 - sent(record) / (rate * seconds)
            if unsent > .1:
                raise ValueError(f"loadgate sent {1 - unsent:.0%} of {rate:.0f}/s")
            return ran.cpu, sent(record)
    return run


def render(figures, rounds):
    rows, yardsticks = [], {"TLS 1.3": "wrk", "HTTP/2, clear": "h2load", "HTTP/2, TLS": "h2load"}
    for (part, name), all_rounds in figures.items():
        yard = next(tool for start, tool in yardsticks.items() if part.startswith(start))
        cost, reached = (statistics.median(column) for column in zip(*all_rounds))
        known = figures.get((part, yard))
        ratio = f"{cost / statistics.median(figure for figure, _ in known):.2f}" if known else "–"
        rows.append([f"{part}: {name}", f"{reached:,.0f}", f"{cost:.1f}", f"{ratio} × {yard}"])
    heads = ["", "requests per second", "µs per request", "ratio"]
    return f"{table(heads, rows)}\n\nMedians of {rounds} rounds."


main()
