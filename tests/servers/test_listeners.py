"""What can be reached of a running lab, and what can be read of it in a list of processes."""

from ipaddress import ip_address
from pathlib import Path

import psutil
import pytest

import kit
from tests.processes import processes_of


def test_every_server_listens_on_loopback_only_and_no_secret_is_in_a_command_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KIT_HOME", str(tmp_path))
    with kit.up() as lab:
        servers = processes_of(tmp_path)
        assert len(servers) >= 2
        sockets = [one for server in servers for one in server.net_connections() if one.status == psutil.CONN_LISTEN]
        hosts = {ip_address(one.laddr.ip) for one in sockets}
        assert {getattr(host, "ipv4_mapped", None) or host for host in hosts} == {ip_address("127.0.0.1")}
        token = lab.feeds.token.get_secret_value()
        assert [server.pid for server in servers if token in " ".join(server.cmdline())] == []
