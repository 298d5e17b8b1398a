"""`pilothouse export`: downloads that can be resumed, and the platform's own exports."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from tests.cli.conftest import Cli, Platform

STREAM = ("GET", "/api/v1/exports/stream")
EXPORT: dict[str, Any] = {
    "id": "e1", "name": "nightly", "what": "spans", "format": "jsonl", "paused": False,
    "last_run": {"from_at": "2026-01-02T00:00:00Z", "to_at": "2026-01-03T00:00:00Z", "state": "running", "files": 2,
                 "rows": 40, "size_bytes": 9, "rows_per_s": 12.5, "detail": ""},
}  # fmt: skip


def row(n: int) -> bytes:
    return json.dumps({"started_at_ns": n, "trace_id": "t", "span_id": f"s{n}"}).encode() + b"\n"


def test_a_download_is_written_once_and_goes_on_behind_its_last_whole_row(
    cli: Cli, platform: Platform, tmp_path: Path
) -> None:
    out = tmp_path / "rows.jsonl"
    platform.answers[STREAM] = (200, row(1) + row(2))
    assert cli("export", "rows", "--out", str(out), "--since", "all").returncode == 0
    with out.open("ab") as file:
        file.write(row(3)[:9])
    platform.answers[STREAM] = (200, row(3))
    assert cli("export", "rows", "--out", str(out)).returncode == 0
    assert out.read_bytes() == row(1) + row(2) + row(3)
    asked = parse_qs(platform.asked[-1][1].partition("?")[2])
    assert json.loads(asked["after"][0]) == [2, "t", "s2"]


def test_a_file_of_something_else_is_left_as_it_is(cli: Cli, platform: Platform, tmp_path: Path) -> None:
    platform.answers[STREAM] = (200, row(1))
    for content in (b"my notes\nwithout an end", b"{}", b'{"a":1}\n{"b":2}\nrest', b"no line"):
        out = tmp_path / "notes.txt"
        out.write_bytes(content)
        refused = cli("export", "rows", "--out", str(out))
        assert (refused.returncode != 0, out.read_bytes()) == (True, content)
        assert "holds no exported rows" in refused.stderr


def test_a_place_that_cannot_be_written_is_told(cli: Cli, platform: Platform, tmp_path: Path) -> None:
    platform.answers[STREAM] = (200, row(1))
    for out in (tmp_path / "none" / "rows.jsonl", tmp_path):
        refused = cli("export", "rows", "--out", str(out))
        assert refused.returncode != 0
        assert "cannot write" in refused.stderr
        assert "report" not in refused.stderr


def test_exports_are_listed_shown_and_stopped(cli: Cli, platform: Platform) -> None:
    platform.answers["GET", "/api/v1/exports"] = (200, {"items": [EXPORT]})
    assert "running, 40 rows" in cli("export", "list").stdout
    platform.answers["GET", "/api/v1/exports/e1"] = (200, {"export": EXPORT, "runs": [EXPORT["last_run"]]})
    assert "12/s" in cli("export", "show", "e1").stdout
    platform.answers["POST", "/api/v1/exports/e1/stop"] = (201, {**EXPORT, "paused": True})
    assert "stopped" in cli("export", "stop", "e1").stdout
