"""Measures crosscheck side by side with what else can check a stack's connections, and prints the ratios.

Run by scripts/bench, which builds what this needs. Only the standard library is used. All ways of a scenario take turns, round
by round, so that whatever else the machine does meets all of them alike; what is printed is the median of the rounds.
A run counts from the start of its process to the end of it, and only where it ended as it had to.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BENCH = ROOT / "compose-fixtures" / "bench"
CLIENTS = ("orders", "billing", "reports")
SERVERS = {"mysql": ("mysql", 3306), "redis": ("redis", 6379), "kafka": ("kafka", 9092), "catalog": ("http", 80)}
PORTS = range(7001, 7011)
TIMEOUT = 2.0  # seconds for each check: crosscheck's own default


# --- Running and measuring ------------------------------------------------------------------------------------------


def output(*command, check=True):
    """What a command prints."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if check and done.returncode != 0:
        sys.exit(f"bench: {' '.join(map(str, command))} failed:\n{done.stderr.strip()}")
    return done.stdout


def busy():
    """Seconds that all processors together have been busy since the machine started."""
    user, nice, system, _idle, _wait, irq, softirq = map(int, Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


@dataclass
class Run:
    """One run of a process and its descendants."""

    seconds: float
    cpu: float  # user and system time of the process and the children that it waited for
    machine: float  # the same of the whole machine meanwhile: the engine's share is in it, and so is anybody else's
    code: int
    words: str


def run(command):
    """Runs a command, from its start to its end."""
    with tempfile.TemporaryFile() as said:
        before, started = busy(), time.perf_counter()
        pid = os.posix_spawnp(
            str(command[0]),
            [str(word) for word in command],
            os.environ,
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, said.fileno(), 1),
                (os.POSIX_SPAWN_DUP2, said.fileno(), 2),
            ],
        )
        _, status, usage = os.wait4(pid, 0)
        seconds = time.perf_counter() - started
        said.seek(0)
        words = said.read().decode(errors="replace")
    code = os.waitstatus_to_exitcode(status)
    return Run(seconds, usage.ru_utime + usage.ru_stime, busy() - before, code, words)


def peak_memory(command):
    """The most memory, in bytes, of a command's process and of all of its tree at once.

    What processes share is counted once (the kernel's PSS). Looking slows the run down, so this run is not a timed one.
    """
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    largest = whole = 0

    def of(pid):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
            if int(stat.rsplit(")", 1)[1].split()[3]) != process.pid:
                return None
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except (OSError, IndexError, ValueError):
            return None
        sizes = {line.split()[0]: int(line.split()[1]) * 1024 for line in lines[1:]}
        return sizes.get("Rss:", 0), sizes.get("Pss:", 0)

    while process.poll() is None:
        seen = {pid: of(pid) for pid in os.listdir("/proc") if pid.isdigit()}
        sizes = {pid: size for pid, size in seen.items() if size}
        largest = max(largest, sizes.get(str(process.pid), (0, 0))[0])
        whole = max(whole, sum(pss for _, pss in sizes.values()))
        time.sleep(0.002)
    return largest, whole


def opened(container):
    """How many connections a container's network has accepted since it started."""
    lines = [line.split() for line in output("docker", "exec", container, "cat", "/proc/1/net/snmp").splitlines()]
    names, values = (line for line in lines if line[0] == "Tcp:")
    return int(values[names.index("PassiveOpens")])


@dataclass
class Way:
    """A way to do a scenario's work."""

    name: str
    command: list
    code: int = 0  # the exit code of a run that did it
    missing: str = ""  # why it is not measured
    runs: list = field(default_factory=list)
    per_target: float | None = None
    memory: tuple | None = None

    def median(self, what):
        return statistics.median(getattr(one, what) for one in self.runs)


def measure(ways, rounds, targets=(), memory=False):
    """Runs all ways in turn. Each is run once before, not timed, to see that it works and to count what it opens.

    `targets` are the containers whose connections are counted, each with the number of its ports that are asked.
    """
    for way in ways:
        if way.missing:
            continue
        before = {name: opened(name) for name, _ in targets}
        first = run(way.command)
        if first.code != way.code:
            way.missing = f"does not work here (exit code {first.code}): {' '.join(first.words.split())[-200:]}"
            continue
        if targets:
            count = sum(opened(name) - before[name] for name, _ in targets)
            way.per_target = count / sum(ports for _, ports in targets)
        if memory:
            way.memory = peak_memory(way.command)
    for number in range(rounds):
        for way in ways:
            if way.missing:
                continue
            done = run(way.command)
            if done.code == way.code:
                way.runs.append(done)
            else:
                say(f"{way.name}: exit code {done.code} instead of {way.code}; this run does not count")
        say(f"round {number + 1} of {rounds}")


# --- Stacks ---------------------------------------------------------------------------------------------------------


def say(words):
    print(words, file=sys.stderr, flush=True)


class Stack:
    """A stack of compose-fixtures/bench, up for as long as it is entered."""

    def __init__(self, name, **variables):
        self.name, self.project = name, f"ccb-{name}"
        self.compose = ["docker", "compose", "-f", str(BENCH / f"{name}.compose.yaml")]
        self.variables = variables

    def __enter__(self):
        os.environ.update(self.variables)
        say(f"{self.name}: starting its containers")
        self.down()
        # A hundred containers at once overwhelm a small machine.
        done = subprocess.run([*self.compose, "--parallel", "8", "up", "-d", "--quiet-pull"], stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            self.down()
            sys.exit(f"bench: the stack {self.name} does not start:\n{done.stderr.strip()}")
        return self

    def __exit__(self, *_):
        say(f"{self.name}: taking it down")
        self.down()

    def down(self):
        subprocess.run([*self.compose, "down", "-v", "-t", "0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def containers(self, service):
        """The names of a service's containers."""
        lines = output(*self.compose, "ps", "--format", "{{.Service}} {{.Name}}").split("\n")
        return sorted(name for found, _, name in (line.partition(" ") for line in lines) if found == service)

    def wait(self, command, patience=180):
        """Waits until a command succeeds."""
        until = time.monotonic() + patience
        while subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode != 0:
            if time.monotonic() > until:
                sys.exit(f"bench: {' '.join(command)} did not succeed within {patience} s")
            time.sleep(0.5)


def place(container):
    """A container's process and address, by the engine's word."""
    fields = "{{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    pid, address, *_ = output("docker", "inspect", "-f", fields, container).split()
    return pid, address


# --- Ways -----------------------------------------------------------------------------------------------------------


class Tools:
    """What there is to measure with."""

    def __init__(self, crosscheck, limit):
        self.crosscheck, self.limit = crosscheck, limit
        self.root = os.geteuid() == 0
        self.goss = shutil.which("goss")
        self.wait4x = shutil.which("wait4x")
        self.testinfra = shutil.which("py.test") or shutil.which("pytest")
        if self.testinfra and "testinfra" not in output(self.testinfra, "--version", "-VV", check=False) and not self.has_testinfra():
            self.testinfra = None
        # `[possible values: auto, netns, sidecar]`, or one value on each line.
        text = output(crosscheck, "check", "--help")
        self.vias = [via for via in ("sidecar", "agent", "exec", "netns") if f"- {via}:" in text or f" {via}," in text or f" {via}]" in text]

    def has_testinfra(self):
        python = Path(self.testinfra).with_name("python")
        return python.exists() and subprocess.run([python, "-c", "import testinfra"], stderr=subprocess.DEVNULL).returncode == 0

    def ways(self, project, code=0):
        """crosscheck by each of its ways; the one that needs no root comes first."""
        return [
            Way(
                f"crosscheck, {via}",
                [self.crosscheck, "-p", project, "--via", via, "--timeout", f"{TIMEOUT:g}s"],
                code,
                "" if via != "netns" or self.root else "needs root",
            )
            for via in self.vias
        ]

    def bare_limit(self, places):
        missing = "" if self.root and self.limit else "needs root" if self.limit else "was not built: rustc is missing"
        return Way("the bare limit", [self.limit, *places], missing=missing)


BARE = ["docker", "run", "--rm", "--network", "none", "--log-driver", "none", "--entrypoint", "true"]


def bare_container():
    registry = os.environ.get("FIXTURE_REGISTRY", "crosscheck.test")
    return Way("one bare container: docker run --rm … true", [*BARE, f"{registry}/library/debian:bookworm-slim"])


def seven(tools, rounds):
    """Twelve checks over seven containers."""
    with Stack("seven") as stack:
        client = f"{stack.project}-orders-1"
        say("seven: waiting for its servers")
        stack.wait(["docker", "exec", client, "mysql", "-hmysql", "-uorders", "-porders-secret", "shop", "-e", "SELECT 1"])
        stack.wait(["docker", "exec", client, "kcat", "-L", "-m", "1", "-b", "kafka:9092"])
        stack.wait(["docker", "exec", client, "curl", "-sf", "http://catalog/"])
        addresses = {server: place(f"{stack.project}-{server}-1")[1] for server in SERVERS}
        targets = ",".join(f"{what}@{addresses[server]}:{port}" for server, (what, port) in SERVERS.items())
        limit = tools.bare_limit([f"{place(f'{stack.project}-{one}-1')[0]}={targets}" for one in CLIENTS])
        ways = [
            *tools.ways(stack.project),
            Way("usual script", [BENCH / "usual.sh", "seven"]),
            Way("best script", [BENCH / "best.sh", "seven"]),
            goss(tools, stack),
            wait4x(tools, stack),
            testinfra(tools),
            bare_container(),
            limit,
        ]
        counted = [(f"{stack.project}-{server}-1", len(CLIENTS)) for server in SERVERS]
        measure(ways, rounds, counted, memory=True)
        return ways


def goss(tools, stack):
    command = "docker exec -w / {} /goss --gossfile /goss.yaml validate --max-concurrent 8"
    containers = [f"{stack.project}-{client}-1" for client in CLIENTS]
    if not tools.goss:
        return Way("goss", [], missing="not installed")
    for container in containers:
        output("docker", "cp", tools.goss, f"{container}:/goss")
        output("docker", "cp", BENCH / "goss.yaml", f"{container}:/goss.yaml")
    all_at_once = " ".join(f"{command.format(one)} & {name}=$!;" for one, name in zip(containers, "abc"))
    return Way("goss, inside each client at once", ["bash", "-c", f"{all_at_once} wait $a && wait $b && wait $c"])


def wait4x(tools, stack):
    if not tools.wait4x:
        return Way("wait4x", [], missing="not installed")
    checks = [
        "mysql 'orders:orders-secret@tcp(mysql:3306)/shop'",
        "redis redis://redis:6379",
        "tcp kafka:9092",
        "http http://catalog/",
    ]
    containers = [f"{stack.project}-{client}-1" for client in CLIENTS]
    for container in containers:
        output("docker", "cp", tools.wait4x, f"{container}:/wait4x")
    steps = [f"docker exec {container} /wait4x {check}" for container in containers for check in checks]
    return Way("wait4x, one command for each check", ["bash", "-c", " && ".join(steps)])


def testinfra(tools):
    if not tools.testinfra:
        return Way("testinfra", [], missing="not installed")
    return Way("testinfra", [tools.testinfra, "-q", "-p", "no:cacheprovider", str(BENCH / "test_seven.py")])


def many(tools, rounds, clients):
    """As many clients as wanted, ten targets each."""
    with Stack("many", CLIENTS=str(clients)) as stack:
        names, (server,) = stack.containers("client"), stack.containers("servers")
        _, address = place(server)
        targets = ",".join(f"redis@{address}:{port}" for port in PORTS)
        ways = [
            *tools.ways(stack.project),
            Way("usual script", [BENCH / "usual.sh", "many", *names]),
            Way("best script", [BENCH / "best.sh", "many", *names]),
            bare_container(),
            tools.bare_limit([f"{place(name)[0]}={targets}" for name in names]),
        ]
        usual = next(way for way in ways if way.name == "usual script")
        if clients > 20:
            usual.missing = f"left out: {clients * len(PORTS)} times `docker exec` take a minute or more"
        measure(ways, rounds, [(server, len(PORTS) * clients)], memory=True)
        return ways


def holes(tools, rounds, count):
    """Targets that swallow whatever they are sent: nothing can be quicker than one timeout."""
    with tempfile.NamedTemporaryFile("w", suffix=".env") as variables:
        variables.writelines(f"TARGET_{n}_URL=tcp://hole:{10000 + n}\n" for n in range(count))
        variables.flush()
        with Stack("holes", HOLES=variables.name) as stack:
            ways = tools.ways(stack.project, code=1)
            measure(ways, rounds, memory=True)
            return ways


# --- What is printed ------------------------------------------------------------------------------------------------


def duration(seconds):
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def megabytes(size):
    return f"{size / 1e6:.0f} MB" if size >= 10e6 else f"{size / 1e6:.1f} MB"


def table(ways):
    """The ways of a scenario with their ratios: to the slowest script, and to the limit."""
    at = {way.name: way.median("seconds") for way in ways if way.runs}
    limit = at.get("the bare limit")
    rows = [["way", "time", "least – most", "× the limit", "CPU", "CPU, engine included", "memory: process / all", "connections per target"]]
    missing = []
    for way in ways:
        if not way.runs:
            missing.append(f"- {way.name}: {way.missing or 'no run did its work'}")
            continue
        times = [one.seconds for one in way.runs]
        rows.append(
            [
                way.name,
                duration(at[way.name]),
                f"{duration(min(times))} – {duration(max(times))}",
                f"{at[way.name] / limit:.1f}" if limit else "–",
                duration(way.median("cpu")),
                duration(way.median("machine")),
                f"{megabytes(way.memory[0])} / {megabytes(way.memory[1])}" if way.memory else "–",
                f"{way.per_target:.2g}" if way.per_target else "–",
            ]
        )
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---" + "|---:" * (len(rows[0]) - 1) + "|")
    return lines + ([""] + missing if missing else [])


def ratios(title, ways, clients=0):
    """The sentences that the goals are about."""
    at = {way.name: way.median("seconds") for way in ways if way.runs}
    bare = next((seconds for name, seconds in at.items() if name.startswith("one bare container")), None)
    lines = []
    for name, seconds in at.items():
        if not name.startswith("crosscheck"):
            continue
        parts = [f"{at[other] / seconds:.1f} times as fast as the {other}" for other in ("usual script", "best script") if other in at]
        if "the bare limit" in at:
            parts.append(f"{seconds / at['the bare limit']:.1f} times the limit")
        if "sidecar" in name and bare:
            parts.append(f"{seconds / bare:.2f} bare containers")
        if title == "holes":
            parts.append(f"{seconds / TIMEOUT:.2f} timeouts")
        lines.append(f"- {name}: {', '.join(parts)}")
    return lines


def machine():
    """Where this was measured."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.split(":", 1)[1].strip() for line in info.splitlines() if line.startswith("model name")), platform.machine())
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    system = next((line.split("=", 1)[1].strip('"') for line in Path("/etc/os-release").read_text().splitlines() if line.startswith("PRETTY_NAME=")), "")
    engine = output("docker", "version", "-f", "{{.Server.Version}}").strip()
    return f"{os.cpu_count()} × {model}, {memory:.0f} GB, {system}, Linux {platform.release()}, Docker {engine}"


class Load:
    """How busy the machine is with other things: seconds of processor per second while nothing of ours runs."""

    def __init__(self, seconds=1.0):
        before = busy()
        time.sleep(seconds)
        self.others = (busy() - before) / seconds


def main():
    arguments = argparse.ArgumentParser(prog="scripts/bench", description="Measures crosscheck side by side with others.")
    arguments.add_argument("--crosscheck", required=True, help="the executable to measure")
    arguments.add_argument("--limit", help="the executable of compose-fixtures/bench/limit.rs")
    arguments.add_argument("--rounds", type=int, default=9, help="timed runs of each way (default: 9)")
    arguments.add_argument("--smoke", action="store_true", help="one round of the small scenarios: only to see that this works")
    arguments.add_argument("--only", nargs="+", choices=["seven", "20", "100", "holes"], help="only these scenarios")
    arguments.add_argument("--write", metavar="FILE", help="write the tables there too")
    given = arguments.parse_args()
    tools = Tools(given.crosscheck, given.limit)
    rounds = 1 if given.smoke else given.rounds
    before = Load()
    size = os.path.getsize(given.crosscheck)
    version = output(given.crosscheck, "--version").strip()
    lines = [
        f"{version}, executable of {megabytes(size)}. {machine()}.",
        f"Medians of {rounds} rounds, in which all ways take turns, from the start of a process to its end. "
        f"Others kept {before.others:.1f} of {os.cpu_count()} processors busy before it began"
        + ("." if before.others < 0.1 else ": **these figures are not worth much; measure on a quiet machine.**"),
    ]
    scenarios = {
        "seven": ("Twelve checks over seven containers", lambda: seven(tools, rounds)),
        "20": ("20 containers × 10 targets", lambda: many(tools, rounds, 20)),
        "100": ("100 containers × 10 targets", lambda: many(tools, rounds, 100)),
        "holes": ("500 black holes", lambda: holes(tools, max(1, rounds // 3), 500)),
    }
    if given.smoke:
        scenarios = {
            "few": ("3 containers × 10 targets", lambda: many(tools, rounds, 3)),
            "holes": ("5 black holes", lambda: holes(tools, rounds, 5)),
        }
    failed = False
    for name, (title, measured) in scenarios.items():
        if given.only and name not in given.only:
            continue
        ways = measured()
        failed |= any(not way.runs for way in ways if way.name.startswith("crosscheck") and way.missing != "needs root")
        lines += ["", f"## {title}", "", *table(ways), "", *ratios(name, ways)]
    text = "\n".join(lines) + "\n"
    print(text)
    if given.write:
        Path(given.write).write_text(text)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
