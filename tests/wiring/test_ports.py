"""Ports: taken ones are refused with a name and a way out."""

import os
import socket

import pytest

from pilothouse.errors import PortInUse, SettingsInvalid
from pilothouse.wiring import ports

HOST = "127.0.0.1"


def test_a_taken_port_is_refused_naming_port_process_and_setting() -> None:
    with ports.listen(HOST, 0, "X") as taken:
        port = taken.getsockname()[1]
        with pytest.raises(PortInUse) as caught:
            ports.check(HOST, port, "PILOTHOUSE_GATEWAY_PORT")
    assert f"port {port}" in caught.value.detail
    assert f"process {os.getpid()}" in caught.value.detail
    assert "PILOTHOUSE_GATEWAY_PORT=" in caught.value.detail


def test_a_port_that_was_used_a_moment_ago_is_free() -> None:
    with ports.listen(HOST, 0, "X") as listener:
        port = listener.getsockname()[1]
        with socket.create_connection((HOST, port)) as client:
            accepted, _ = listener.accept()
            accepted.close()
            client.recv(1)
    ports.check(HOST, port, "X")


def test_a_host_that_is_not_ours_is_refused() -> None:
    with pytest.raises(SettingsInvalid, match="cannot listen"):
        ports.check("192.0.2.1", 4000, "X")


def test_pick_prefers_the_wanted_port() -> None:
    with ports.listen(HOST, 0, "X") as taken:
        port = taken.getsockname()[1]
        assert ports.pick(HOST, port) != port
    assert ports.pick(HOST, port) == port


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", "http://127.0.0.1:1/x"), ("0.0.0.0", "http://127.0.0.1:1/x"), ("::", "http://[::1]:1/x")],
)
def test_url_is_one_that_this_machine_reaches(host: str, expected: str) -> None:
    assert ports.url(host, 1, "/x") == expected
