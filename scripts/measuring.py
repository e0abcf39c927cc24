"""What the measuring scripts share: the servers and the generators that they run,
and the tables that they print and put into docs/measurements.md.

A generator is a function that gives its command, and one that reads its figures. Times are
in milliseconds. Nothing here decides what is measured.
"""
import contextlib
import datetime
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
DOCUMENT = ROOT / "docs" / "measurements.md"
API = ROOT / "examples" / "fastify-orders"
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
TOOLS = pathlib.Path(os.environ.get("LOADGATE_TOOLS", TARGET / "tools" / "bin"))
LOADGATE = pathlib.Path(os.environ.get("LOADGATE", TARGET / "release" / "loadgate"))
PATH = f"{TOOLS}:{os.environ['PATH']}:/usr/sbin"
# The generator has this core for itself, as far as we can do that, and the server that one.
GENERATOR_CORE, SERVER_CORE = 0, 1
QUANTILES = {"p50": .5, "p95": .95, "p99": .99, "p999": .999}
# A generator that hangs is ended after its time and so many seconds more.
PATIENCE = 20
# An end from outside is an exception too, so that what was started is stopped.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def check_arguments(main):
    """What a script knows stands in brackets in its docstring: [--rounds=5] [--update]. Anything
    else ends it before it measures for hours."""
    if pathlib.Path(getattr(main, "__file__", None) or "/").resolve().parent != ROOT / "scripts":
        return
    usage = (main.__doc__ or "").strip()
    if {"--help", "-h"} & set(sys.argv[1:]):
        print(usage)
        sys.exit(0)
    known = {name + sign for name, sign in re.findall(r"\[(--[a-z0-9+-]+)(=?)", usage)}
    for text in sys.argv[1:]:
        name, sign, _ = text.partition("=")
        if name + sign not in known:
            print(f"{text}: not an argument of this script\n\n{usage}", file=sys.stderr)
            sys.exit(2)


check_arguments(sys.modules["__main__"])


def need_loadgate():
    if not LOADGATE.exists():
        sys.exit(f"{LOADGATE} is missing; run: cargo build --release")
    if (os.cpu_count() or 1) < 2:
        sys.exit("two cores are needed: one for the generator, one for the server")


def installed(names):
    """Those of the tools that are here; says which are not."""
    found = {name: shutil.which(name.split()[0], path=PATH) for name in names}
    for name in (name for name, path in found.items() if path is None):
        print(f"{name} is not installed and left out (bash scripts/install-tools.sh)", file=sys.stderr)
    return {name: path for name, path in found.items() if path}


def pinned(core, command):
    return ["taskset", "-c", str(core), *map(str, command)]


class Ran:
    """What became of a process: its output, the CPU time of it and its children, and, where `memory`
    asks for it, the most that it had resident, in bytes."""

    def __init__(self, command, seconds, core=GENERATOR_CORE, memory=False):
        with tempfile.TemporaryFile() as out:
            child = subprocess.Popen(pinned(core, command), stdin=subprocess.DEVNULL, stdout=out,
                                     stderr=subprocess.STDOUT, env={**os.environ, "PATH": PATH})
            try:
                status, usage, self.resident = wait(child, seconds + PATIENCE, memory)
            finally:
                if child.returncode is None:
                    child.kill()
            out.seek(0)
            self.text = out.read().decode(errors="replace")
        self.code = os.waitstatus_to_exitcode(status)
        self.cpu = usage.ru_utime + usage.ru_stime


def wait(child, seconds, memory=False):
    end, most = time.monotonic() + seconds, 0
    while True:
        if memory:
            most = max(most, resident(child.pid))
        pid, status, usage = os.wait4(child.pid, os.WNOHANG)
        if pid:
            child.returncode = status
            return status, usage, most
        if time.monotonic() > end:
            child.kill()
            end += PATIENCE
        time.sleep(.01)


def resident(pid):
    """The most memory that a process had resident so far, in bytes. What the kernel tells of a process
    that has ended counts what its parent had when it was made, so this is asked while it is there."""
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    peak = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peak[0].split()[1]) * 1024 if peak else 0


class Nginx:
    """One worker on a core of its own that answers every request with a small JSON body."""

    CONFIG = """
        worker_processes 1; pid {folder}/pid; error_log {folder}/error.log; daemon off;
        events {{ worker_connections 4096; }}
        http {{
          access_log off; keepalive_requests 1000000000; keepalive_timeout 300s;
          client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
          uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
          server {{ listen 127.0.0.1:{port} backlog=4096; default_type application/json;
            location = /metrics {{ default_type text/plain; root {folder}; }}
            location / {{ return 200 '{{"id":4711,"sku":"a-17","quantity":1,"state":"open"}}'; }} }}
        }}"""

    def __enter__(self):
        self.prepare()
        self.process = self.run()
        return self

    def prepare(self, metrics=""):
        """Writes its files and chooses its port; its folder."""
        self.folder = tempfile.mkdtemp(prefix="nginx-")
        # Its worker may be of another user.
        os.chmod(self.folder, 0o755)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/"
        pathlib.Path(self.folder, "metrics").write_text(metrics)
        config = pathlib.Path(self.folder, "nginx.conf")
        config.write_text(self.CONFIG.format(folder=self.folder, port=self.port))
        return self.folder

    def command(self):
        program = shutil.which("nginx", path=PATH) or sys.exit("nginx is missing; run: bash scripts/install-tools.sh")
        config = pathlib.Path(self.folder, "nginx.conf")
        return pinned(SERVER_CORE, [program, "-p", self.folder, "-e", f"{self.folder}/error.log", "-c", config])

    def run(self):
        child = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL)
        await_port(self.port)
        return child

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)
        shutil.rmtree(self.folder, ignore_errors=True)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def await_port(port):
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(.05)
    sys.exit(f"nothing listens on port {port}")


def start(children, command, port, env=None, **more):
    """Starts a child that is stopped with its run."""
    child = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                             env={**os.environ, "PORT": str(port), **(env or {})},
                             **{"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, **more})
    children.callback(stop, child)
    return child


def stop(child):
    child.terminate()
    try:
        child.wait(10)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()


def answers(port, path):
    """Waits until a GET is answered with 200."""
    for _ in range(300):
        with contextlib.suppress(OSError):
            if urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2).status == 200:
                return
        time.sleep(.1)
    sys.exit(f"nothing answers on port {port}")


def token(port):
    """What the reference API on that port gives a user who logs in."""
    who = json.dumps({"email": "user1@orders.test", "password": "demo"}).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}/login", who, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)["token"]


# Commands: URL, seconds, connections, requests per second or None, folder for files.

def wrk(program, url, seconds, connections, _rate, _folder):
    return [program, "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", url]


def h2load(program, url, seconds, connections, rate, folder):
    pace = [f"--rps={rate / connections:g}"] if rate else []
    log = [f"--log-file={folder}/h2load.log"] if rate else []
    return [program, "--h1", "-t1", f"-c{connections}", f"-D{seconds}", *pace, *log, url]


def oha(program, url, seconds, connections, rate, _folder):
    pace = [f"-q{rate}"] if rate else []
    return [program, "--no-tui", "--output-format", "json", f"-c{connections}", f"-z{seconds}s", *pace, url]


def oha_corrected(program, url, seconds, connections, rate, folder):
    return [*oha(program, url, seconds, connections, rate, folder), "--latency-correction"]


def autocannon(program, url, seconds, connections, rate, _folder):
    pace = ["-R", rate] if rate else []
    return [program, "--json", "-c", connections, "-d", seconds, *pace, url]


def hey(program, url, seconds, connections, rate, _folder):
    # Its rate is per connection.
    pace = ["-q", f"{rate / connections:g}"] if rate else []
    return [program, "-cpus", "1", "-c", connections, "-z", f"{seconds}s", *pace, url]


# Figures: how many requests were answered, and the percentiles that the tool reports.

def read_wrk(text, _folder):
    at = {name: milliseconds(found(rf"^\s+{mark}%\s+(\S+)", text)) for name, mark in (("p50", 50), ("p99", 99))}
    return int(found(r"(\d+) requests in", text)), at


def read_h2load(text, folder):
    log = pathlib.Path(folder, "h2load.log")
    times = []
    if log.exists():
        times = sorted(int(line.split("\t")[2]) / 1e3 for line in log.read_text().splitlines())
        log.unlink()
    return int(found(r"(\d+) succeeded", text)), quantiles(times)


def read_oha(text, _folder):
    said = json.loads(text[text.index("{"):])
    percentiles = said["latencyPercentiles"]
    at = {name: percentiles[key] * 1e3 for name, key in zip(QUANTILES, ("p50", "p95", "p99", "p99.9"))
          if percentiles.get(key) is not None}
    return sum(said["statusCodeDistribution"].values()), at


def read_autocannon(text, _folder):
    said = json.loads(text[text.index("{"):text.rindex("}") + 1])
    # It has no p95.
    return said["2xx"], {name: said["latency"][key] for name, key in (("p50", "p50"), ("p99", "p99"), ("p999", "p99_9"))}


def read_hey(text, _folder):
    marks = (("p50", 50), ("p95", 95), ("p99", 99))
    at = {name: float(found(rf"{mark}%+ in ([\d.]+) secs", text)) * 1e3 for name, mark in marks}
    return int(found(r"\[200\]\s+(\d+) responses", text)), at


GENERATORS = {
    "wrk": (wrk, read_wrk),
    "h2load": (h2load, read_h2load),
    "oha": (oha, read_oha),
    "oha --latency-correction": (oha_corrected, read_oha),
    "autocannon": (autocannon, read_autocannon),
    "hey": (hey, read_hey),
}


def found(pattern, text):
    match = re.search(pattern, text, re.MULTILINE)
    if not match:
        raise ValueError(f"no {pattern!r} in the output:\n{text[-2000:]}")
    return match.group(1)


def milliseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s|m)", text).groups()
    return float(number) * {"us": 1e-3, "ms": 1, "s": 1e3, "m": 6e4}[unit]


def quantiles(ascending):
    """By rank, as the reports define them."""
    if not ascending:
        return {}
    last = len(ascending) - 1
    return {name: ascending[min(last, int(share * len(ascending)))] for name, share in QUANTILES.items()}


def measure(name, program, url, seconds, connections, rate=None):
    """Runs a tool; what it used, how many answers it got, its percentiles."""
    command, read = GENERATORS[name]
    with tempfile.TemporaryDirectory() as folder:
        ran = Ran(command(program, url, seconds, connections, rate, folder), seconds)
        return ran, *read(ran.text, folder)


def loadgate(url, rate, seconds, more=()):
    """Runs loadgate; what it used, its record and its summary."""
    with tempfile.TemporaryDirectory() as folder:
        flags = ["-R", f"{rate:g}", "-d", f"{seconds * 1000:g}ms", "-q", "-o", folder]
        ran = Ran([LOADGATE, "run", url, "--no-walk", *flags, *more], seconds)
        runs = [path.parent for path in pathlib.Path(folder).glob("*/*/run.json") if path.parent.name != "latest"]
        if len(runs) != 1 or not (runs[0] / "summary.json").exists():
            raise ValueError(f"loadgate left no run:\n{ran.text[-2000:]}")
        record, summary = (json.loads((runs[0] / name).read_text()) for name in ("run.json", "summary.json"))
    return ran, record, summary


def sent(record):
    return sum(step["sent"] for second in record["seconds"] for step in second.get("series") or second["steps"])


# Tables.

def table(heads, rows):
    """Markdown; the first column is text, the others numbers."""
    lines = [heads, ["---"] + ["---:"] * (len(heads) - 1), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def conditions():
    cpu = found(r"model name\s*:\s*(.+)", pathlib.Path("/proc/cpuinfo").read_text())
    return (f"{datetime.date.today()}, {cpu}, {os.cpu_count()} cores, Linux {os.uname().release}. "
            f"Processes that wanted a core just before, by the load average: {LOAD_BEFORE:.1f}.")


LOAD_BEFORE = os.getloadavg()[0]


def publish(name, text):
    """Prints what belongs between the markers of that name, and puts it there on --update."""
    text = f"{conditions()}\n\n{text}"
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    print(text)
    if "--update" not in sys.argv[1:]:
        return
    before, rest = DOCUMENT.read_text().split(begin)
    after = rest.split(end)[1]
    DOCUMENT.write_text(f"{before}{begin}\n{text}\n{end}{after}")
    print(f"written to {DOCUMENT.relative_to(ROOT)}", file=sys.stderr)


def flag(name, default):
    """--name=VALUE"""
    given = [text.split("=", 1)[1] for text in sys.argv[1:] if text.startswith(f"--{name}=")]
    try:
        return type(default)(given[-1]) if given else default
    except ValueError:
        sys.exit(f"--{name}={given[-1]}: expected a value such as {default}; see --help")


def in_turns(wanted):
    """The kinds evenly mixed, with a seed for each, so that a change of the machine meets all
    of them. `wanted`: how many of each kind."""
    places = [((seed - .5) / number, kind, seed) for kind, number in wanted.items() for seed in range(1, number + 1)]
    return [(kind, seed) for _, kind, seed in sorted(places)]
