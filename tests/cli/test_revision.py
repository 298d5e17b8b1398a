"""`pilothouse reprice` and `pilothouse remap`: what they ask for, and what they say when it is done."""

import json
from typing import Any

import pytest

from tests.cli.conftest import Cli, Platform

CHANGE = {
    "model": "gpt-4o", "calls_before": 3, "calls_after": 3, "cost_before_usd": "1.5", "cost_after_usd": "3",
    "became_priced": 2, "became_unpriced": 0,
}  # fmt: skip


def revision(state: str, **more: Any) -> dict[str, Any]:
    """A revision, as the platform gives it."""
    return {
        "id": "r1", "state": state, "dry_run": False, "total": 4000, "seen": 0, "changed": 0, "left": 0,
        "cost_before_usd": "0", "cost_after_usd": "0", "models": [], "prices": "", "detail": "", **more,
    }  # fmt: skip


def test_it_waits_until_it_is_done_and_says_what_changed(cli: Cli, platform: Platform) -> None:
    states = [
        revision("running", seen=1000),
        revision(
            "done", seen=4000, changed=3, left=1, cost_before_usd="1.5", cost_after_usd="3", models=[CHANGE],
            prices="genai-prices 1, override 2",
        ),
    ]  # fmt: skip
    platform.answers["POST", "/api/v1/revisions"] = (201, revision("waiting"))

    def shown(_: str) -> dict[str, Any]:
        return states.pop(0) if len(states) > 1 else states[0]

    platform.answers["GET", "/api/v1/revisions/r1"] = (200, shown)
    done = cli("reprice", "--from", "7d", "--to", "2026-11-02", "--q", "model:gpt-4o")
    assert done.returncode == 0, done.stderr
    assert ["gpt-4o", "3", "3", "$1.50", "$3.00", "2"] in [line.split() for line in done.stdout.splitlines()]
    assert "4,000 spans looked at, 3 changed, 1 left as they are" in done.stdout
    assert "$1.50 -> $3.00, by genai-prices 1, override 2" in done.stdout
    assert "1,000 of 4,000 spans" in done.stderr


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        (("--from", "2026-11-01"), {"from_at": "2026-11-01T00:00:00+00:00"}),
        (("--from", "2026-11-01T10:00:00+01:00"), {"from_at": "2026-11-01T10:00:00+01:00"}),
        (("--from", "all", "--dry-run"), {"dry_run": True}),
    ],
)
def test_the_range_is_read_in_each_form(
    cli: Cli, platform: Platform, given: tuple[str, ...], asked: dict[str, Any]
) -> None:
    platform.answers["POST", "/api/v1/revisions"] = (201, revision("done", dry_run="--dry-run" in given))
    done = cli("remap", *given, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["state"] == "done"
    assert json.loads(platform.asked[-1][3]) == {"kind": "remap", "q": "", "dry_run": False, **asked}


def test_one_that_fails_ends_with_its_reason_and_a_wrong_time_is_refused(cli: Cli, platform: Platform) -> None:
    platform.answers["POST", "/api/v1/revisions"] = (201, revision("failed", detail="too slow"))
    done = cli("reprice", "--from", "all")
    assert (done.returncode, "the revision r1 failed: too slow" in done.stderr) == (1, True)
    wrong = cli("reprice", "--from", "yesterday")
    assert (wrong.returncode, "neither a length" in wrong.stderr) == (2, True)
