"""Measures crosscheck side by side with what else can check a stack's connections, and prints the ratios.

Run by scripts/bench, which builds what this needs. Only the standard library is used. All ways of a scenario take turns, round
by round, so that whatever else the machine does meets all of them alike; what is printed is the median of the rounds.
A run counts from the start of its process to the end of it, and only where it ended as it had to.
"""

import argparse
import os
import platform
import re
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench_measure import busy, output
from bench_scenarios import BARE_NAME, LIMIT_NAME, PLAN_NAME, TIMEOUT, Tools, holes, many, plan, seven

TITLES = {
    "seven": "Twelve checks over seven containers",
    "20": "20 containers × 10 targets",
    "100": "100 containers × 10 targets",
    "holes": "500 black holes",
    "plan": "The plan of 100 services, from their files",
    "few": "3 containers × 10 targets",
    "few holes": "5 black holes",
}


def duration(seconds):
    return f"{seconds:.2f} s" if seconds >= 1 else f"{seconds * 1000:.0f} ms"


def megabytes(size):
    return f"{size / 1e6:.0f} MB" if size >= 10e6 else f"{size / 1e6:.1f} MB"


def table(ways):
    """The ways of a scenario, each beside the limit."""
    at = {way.name: way.median("seconds") for way in ways if way.runs}
    limit = at.get(LIMIT_NAME)
    head = "way, time, least – most, × the limit, CPU, engine included, memory: process / all, connections per target"
    rows = [head.split(", ")]
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
                f"{megabytes(way.memory[0])} / {megabytes(way.memory[1])}" if way.memory and way.memory[0] else "–",
                f"{way.per_target:.2g}" if way.per_target else "–",
            ]
        )
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(1, "|---" + "|---:" * (len(rows[0]) - 1) + "|")
    return lines + ([""] + missing if missing else [])


@dataclass
class Goal:
    """Something that is to hold, and what was measured of it."""

    what: str
    most: float  # no more than this …
    measured: float
    unit: str = ""
    least: bool = False  # … or no less

    def row(self):
        met = self.measured >= self.most if self.least else self.measured <= self.most
        bound = f"{'≥' if self.least else '≤'} {self.most:g}{self.unit}"
        return f"| {self.what} | {bound} | {self.measured:.3g}{self.unit} | {'met' if met else '**missed**'} |"


def goals(results, size):
    """What the project wants to hold, as far as it was measured."""
    found = [Goal("executable", 12, size / 1e6, " MB")]
    at = {name: {way.name: way for way in ways if way.runs} for name, ways in results.items()}

    def compare(scenario, way, other, what, most, least=False):
        ways = at.get(scenario, {})
        if way in ways and other in ways:
            one, two = ways[way].median("seconds"), ways[other].median("seconds")
            found.append(Goal(what, most, two / one if least else one / two, " ×", least))

    sidecar, netns = "crosscheck, sidecar", "crosscheck, netns"
    compare("seven", sidecar, BARE_NAME, "seven containers: sidecar, in bare container lifecycles", 1.5)
    compare("seven", netns, "usual script", "seven containers: netns, as fast as the usual script", 13, least=True)
    compare("seven", netns, "best script", "seven containers: netns, as fast as the best script", 3.5, least=True)
    compare("100", sidecar, "best script", "100 × 10: sidecar, in best scripts", 1)
    compare("100", netns, LIMIT_NAME, "100 × 10: netns, in bare limits", 3)
    for way in at.get("holes", {}).values():
        found.append(Goal(f"500 black holes: {way.name}, in timeouts", 1.2, way.median("seconds") / TIMEOUT, " ×"))
    for way in at.get("100", {}).values():
        if way.name.startswith("crosscheck") and way.memory:
            found.append(Goal(f"1,000 checks: memory of {way.name}, all processes", 50, max(way.memory) / 1e6, " MB"))
    if PLAN_NAME in at.get("plan", {}):
        found.append(Goal("the plan of 100 services, from their files", 50, at["plan"][PLAN_NAME].median("seconds") * 1000, " ms"))
    for name, ways in at.items():
        for way in ways.values():
            if way.name.startswith("crosscheck") and way.per_target:
                found.append(Goal(f"{TITLES[name]}: connections per check, {way.name}", 2, way.per_target))
    return ["| goal | wanted | measured | |", "|---|---:|---:|---|", *(goal.row() for goal in found)]


def machine():
    """Where this was measured."""

    def value(file, name, otherwise):
        found = re.search(rf"^{name}\s*[:=]\s*(.*)$", Path(file).read_text(), re.MULTILINE)
        return found[1].strip().strip('"') if found else otherwise

    model = value("/proc/cpuinfo", "model name", platform.machine())
    system = value("/etc/os-release", "PRETTY_NAME", platform.system())
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 1e9
    engine = output("docker", "version", "-f", "{{.Server.Version}}").strip()
    return f"{os.cpu_count()} × {model}, {memory:.0f} GB, {system}, Linux {platform.release()}, Docker {engine}"


EXPLAINED = """\
- **crosscheck, sidecar** is what users get who are not root; **netns** is for root on the engine's machine.
- **usual script**: one `docker exec` for each check, one after another, with mysql, redis-cli, kcat and curl.
- **best script**: one `docker exec` for each container, eight at a time, all of its checks at once.
- **the bare limit** enters the namespaces, connects, and waits for the first byte of the first answer; it resolves no name, reads
  no stack, tells nothing.
- *CPU* is that of the process and its children; *engine included* is that of the whole machine meanwhile.
- *memory* is the most of the process itself, then of its whole tree at once, with what is shared counted once. Containers are
  not in it; each sidecar may use 128 MB at most.
- goss and testinfra look at ports and HTTP only; crosscheck and the scripts log in and ask for metadata.
- **crosscheck plan** reads the compose file and some fifty files that it names, derives all connections and prints the table of
  them (`--format markdown`), with no engine; **docker compose config** reads the compose file and its env files alone.""".splitlines()


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
    arguments.add_argument("--only", nargs="+", choices=["seven", "20", "100", "holes", "plan"], help="only these scenarios")
    arguments.add_argument("--write", metavar="FILE", help="write the tables there too")
    given = arguments.parse_args()
    # So that stacks are taken down then too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    tools = Tools(given.crosscheck, given.limit)
    rounds = 1 if given.smoke else given.rounds
    before = Load()
    size = os.path.getsize(given.crosscheck)
    version = output(given.crosscheck, "--version").strip()
    measured = {
        "seven": lambda: seven(tools, rounds),
        "20": lambda: many(tools, rounds, 20),
        "100": lambda: many(tools, rounds, 100),
        "holes": lambda: holes(tools, rounds, 500),
        "plan": lambda: plan(tools, rounds, 100),
    }
    if given.smoke:
        measured = {
            "few": lambda: many(tools, rounds, 3),
            "few holes": lambda: holes(tools, rounds, 5),
            "plan": lambda: plan(tools, rounds, 100),
        }
    results = {name: measure() for name, measure in measured.items() if not given.only or name in given.only}
    quiet = before.others < 0.1
    lines = [
        "# How fast",
        "",
        "Written by `scripts/bench --write docs/benchmark.md`, which measures all of this side by side; it needs no network.",
        "",
        f"{version}, {megabytes(size)}, on {machine()}.",
        "",
        f"Every figure is the median of {rounds} {'round' if rounds == 1 else 'rounds'}, in which all ways take turns, from the "
        f"start of a process to its end.",
        f"Other programs kept {before.others:.1f} of {os.cpu_count()} processors busy when it began"
        + ("." if quiet else ": **the figures are worth little; measure again on a quiet machine.**"),
        "",
        *EXPLAINED,
    ]
    for name, ways in results.items():
        lines += ["", f"## {TITLES[name]}", "", *table(ways)]
    lines += ["", "## Goals", "", *goals(results, size)]
    text = "\n".join(lines) + "\n"
    print(text)
    if given.write:
        Path(given.write).write_text(text)
    unmeasured = [way for ways in results.values() for way in ways if way.name.startswith("crosscheck") and not way.runs]
    return 1 if any(way.missing != "needs root" for way in unmeasured) else 0


if __name__ == "__main__":
    sys.exit(main())
