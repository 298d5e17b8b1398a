"""`pilothouse doctor` on installations in several states."""

import json
import os
import socket

import pytest

from pilothouse.wiring.ports import pick
from tests.cli.conftest import Cli


@pytest.fixture
def quiet(cli: Cli) -> Cli:
    cli.environment |= {
        "PILOTHOUSE_GATEWAY_PORT": str(pick("127.0.0.1")),
        "PILOTHOUSE_PLATFORM_PORT": str(pick("127.0.0.1")),
    }
    return cli


def findings(cli: Cli, *arguments: str) -> dict[str, dict[str, str]]:
    return {found["name"]: found for found in json.loads(cli("doctor", "--json", *arguments).stdout)}


def test_before_the_first_start_nothing_has_failed(quiet: Cli) -> None:
    done = quiet("doctor")
    assert done.returncode == 0, done.stdout
    found = findings(quiet)
    assert found["python"]["state"] == "ok"
    assert found["data folder"]["state"] == "skipped"
    assert "pilothouse up" in found["gateway"]["mend"]


def test_a_foreign_process_on_our_port_is_named(quiet: Cli) -> None:
    with socket.create_server(("127.0.0.1", int(quiet.environment["PILOTHOUSE_GATEWAY_PORT"]))):
        found = findings(quiet)["gateway"]
        assert quiet("doctor").returncode == 1
    assert found["state"] == "failed"
    assert f"process {os.getpid()}" in found["detail"]
    assert "PILOTHOUSE_GATEWAY_PORT" in found["mend"]


def test_a_newer_data_folder_fails(quiet: Cli) -> None:
    folder = quiet.folder / "data"
    folder.mkdir(mode=0o700)
    (folder / "format-version").write_text("99\n")
    assert findings(quiet)["data folder"]["state"] == "failed"


def test_a_folder_that_others_can_read_is_warned_of(quiet: Cli) -> None:
    (quiet.folder / "data").mkdir()
    (quiet.folder / "data").chmod(0o755)
    assert quiet("doctor").stdout.count("chmod 700") == 1


def test_wrong_settings_are_a_finding(quiet: Cli) -> None:
    (quiet.folder / "pilothouse.toml").write_text("x = 1\n")
    assert findings(quiet)["settings"]["state"] == "failed"


def test_a_probe_without_a_running_platform_is_skipped(quiet: Cli) -> None:
    assert findings(quiet, "--probe")["provider accounts"]["state"] == "skipped"
