"""Runs commands and measures them; starts and stops the stacks that they look at. Only the standard library is used."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent / "compose-fixtures" / "bench"


def say(words):
    """To whoever waits."""
    print(words, file=sys.stderr, flush=True)


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
