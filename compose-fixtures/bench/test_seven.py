"""The twelve checks for testinfra: ports, and HTTP through curl."""

import pytest
import testinfra


@pytest.mark.parametrize("client", ["orders", "billing", "reports"])
@pytest.mark.parametrize("server, port", [("mysql", 3306), ("redis", 6379), ("kafka", 9092), ("catalog", 80)])
def test_connection(client, server, port):
    host = testinfra.get_host(f"docker://ccb-seven-{client}-1")
    if port == 80:
        assert host.run(f"curl -sf -m 2 http://{server}/").succeeded
    else:
        assert host.addr(server).port(port).is_reachable
