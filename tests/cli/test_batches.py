"""`pilothouse batches`: how far they are, a watch that ends with them, and their files."""

import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import Cli, Platform

BATCH: dict[str, Any] = {
    "id": "batch_1", "status": "in_progress", "endpoint": "/v1/chat/completions", "key_id": "k1",
    "created_at": "2026-01-02T03:04:05Z", "expires_at": "2026-01-03T03:04:05Z", "started_at": "2026-01-02T03:04:06Z",
    "ended_at": None, "counts": {"total": 10, "completed": 6, "failed": 1}, "metadata": {},
}  # fmt: skip
JOB = {"account": "openai", "provider": "openai", "model": "m", "lines": 4, "state": "running", "upstream_id": "b",
       "detail": "", "submitted_at": None}  # fmt: skip
DETAIL: dict[str, Any] = {
    "batch": BATCH, "errors": [], "jobs": [JOB], "queued_lines": 6, "input_file": None, "output_file": None,
    "error_file": None,
}  # fmt: skip
ENDED = {**BATCH, "ended_at": "2026-01-02T04:00:00Z", "counts": {"total": 10, "completed": 9, "failed": 1}}


def test_batches_are_listed_with_their_progress(cli: Cli, platform: Platform) -> None:
    platform.answers["GET", "/api/v1/batches"] = (200, {"items": [BATCH], "next_cursor": None, "unfinished": 1})
    assert "7 of 10, 1 failed" in cli("batches", "list").stdout
    assert json.loads(cli("batches", "list", "--json").stdout)[0]["counts"]["completed"] == 6


def test_without_any_it_says_how_to_make_one(cli: Cli, platform: Platform) -> None:
    platform.answers["GET", "/api/v1/batches"] = (200, {"items": [], "next_cursor": None, "unfinished": 0})
    assert "POST /v1/batches" in cli("batches", "list").stdout


def test_one_is_shown_with_who_runs_its_lines(cli: Cli, platform: Platform) -> None:
    platform.answers["GET", "/api/v1/batches/batch_1"] = (200, DETAIL)
    lines = cli("batches", "show", "batch_1").stdout.splitlines()
    assert lines[0].startswith("batch_1  in_progress  7 of 10, 1 failed")
    assert lines[-2].split()[:4] == ["openai", "m", "4", "running"]
    assert "one by one" in lines[-1]


def test_a_watch_ends_with_the_batch_and_tells_by_its_exit_code(cli: Cli, platform: Platform) -> None:
    looks: list[str] = []

    def look(query: str) -> dict[str, Any]:
        looks.append(query)
        return DETAIL if len(looks) == 1 else {**DETAIL, "batch": {**ENDED, "status": "expired"}}

    platform.answers["GET", "/api/v1/batches/batch_1"] = (200, look)
    done = cli("batches", "show", "batch_1", "--watch")
    assert (done.returncode, len(looks)) == (1, 2)
    assert "batch_1  expired  10 of 10, 1 failed" in done.stdout
    platform.answers["GET", "/api/v1/batches/batch_1"] = (200, {**DETAIL, "batch": {**ENDED, "status": "completed"}})
    assert cli("batches", "show", "batch_1", "--watch").returncode == 0


def test_files_are_written_once_or_printed(cli: Cli, platform: Platform) -> None:
    platform.answers["GET", "/api/v1/batches/batch_1/files/output"] = (200, b'{"custom_id":"a"}\n')
    assert cli("batches", "download", "batch_1").stdout == '{"custom_id":"a"}\n'
    assert "18 bytes" in cli("batches", "download", "batch_1", "--out", "answers.jsonl").stdout
    assert (cli.folder / Path("answers.jsonl")).read_bytes() == b'{"custom_id":"a"}\n'
    again = cli("batches", "download", "batch_1", "--out", "answers.jsonl")
    assert again.returncode == 2
    assert "exists" in again.stderr.lower()
    missing = cli("batches", "download", "batch_1", "--which", "errors")
    assert (missing.returncode, missing.stdout) == (1, "")


def test_a_batch_is_cancelled(cli: Cli, platform: Platform) -> None:
    platform.answers["POST", "/api/v1/batches/batch_1/cancel"] = (200, {**BATCH, "status": "cancelling"})
    assert cli("batches", "cancel", "batch_1").stdout == "batch_1 is cancelling\n"
