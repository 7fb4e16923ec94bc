"""What is measured: the scenarios, and the ways to do the work of each."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from bench_measure import BENCH, Stack, Way, measure, output, place, say
from bench_stack import write

CLIENTS = ("orders", "billing", "reports")
SERVERS = {"mysql": ("mysql", 3306), "redis": ("redis", 6379), "kafka": ("kafka", 9092), "catalog": ("http", 80)}
PORTS = range(7001, 7011)
TIMEOUT = 2.0  # seconds for each check: crosscheck's own default


def has_testinfra(pytest):
    """Whether the Python that this pytest runs with has it."""
    python = Path(pytest).resolve().parent / "python3"
    python = python if python.exists() else Path(sys.executable)
    return subprocess.run([python, "-c", "import testinfra"], stderr=subprocess.DEVNULL).returncode == 0


class Tools:
    """What there is to measure with."""

    def __init__(self, crosscheck, limit):
        self.crosscheck, self.limit = crosscheck, limit
        self.root = os.geteuid() == 0
        self.goss = shutil.which("goss")
        self.wait4x = shutil.which("wait4x")
        self.testinfra = next(filter(has_testinfra, filter(None, map(shutil.which, ("pytest", "py.test")))), None)
        # `[possible values: auto, netns, sidecar]`, or one value on each line.
        text = output(crosscheck, "check", "--help")
        known = ("sidecar", "agent", "exec", "netns")
        self.vias = [via for via in known if re.search(rf"- {via}:|possible values:[^\]]*\b{via}\b", text)]

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
        return Way(LIMIT_NAME, [self.limit, *places], missing=missing)


BARE_NAME = "one bare container: docker run --rm … true"
LIMIT_NAME = "the bare limit"
PLAN_NAME = "crosscheck plan"
BARE = ["docker", "run", "--rm", "--network", "none", "--log-driver", "none", "--entrypoint", "true"]


def bare_container():
    registry = os.environ.get("FIXTURE_REGISTRY", "crosscheck.test")
    return Way(BARE_NAME, [*BARE, f"{registry}/library/debian:bookworm-slim"])


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


def plan(tools, rounds, services):
    """The plan of a large stack from its files alone, beside what Compose takes to read them."""
    with tempfile.TemporaryDirectory() as folder:
        compose = write(folder, services)
        ways = [
            Way(PLAN_NAME, [tools.crosscheck, "plan", "-f", compose, "--format", "markdown"]),
            Way("docker compose config", ["docker", "compose", "-f", str(compose), "config", "--quiet"]),
        ]
        measure(ways, rounds, memory=True)
    return ways
