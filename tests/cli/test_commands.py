"""Commands over the HTTP API: what they ask, print and return."""

import json
from typing import Any
from urllib.parse import parse_qs

import pytest

from pilothouse.wiring.ports import pick
from tests.cli.conftest import Cli, Platform

KEY = {
    "id": "k1", "project_id": "p1", "name": "app", "hint": "ph_abcd…", "permissions": ["inference"], "models": [],
    "created_at": "2026-01-02T03:04:05Z", "expires_at": None, "revoked_at": None, "status": "active",
}  # fmt: skip
SUMMARY: dict[str, Any] = {
    "trace_id": "0af7651916cd43dd8448eb211c80319c", "name": "chat default", "started_at": "2026-01-02T03:04:05Z",
    "duration_ms": 1234.5, "ttft_ms": 12.3, "tokens_per_s": 50.0, "status": "ok", "error_code": "", "http_status": 200,
    "models": ["smollm2"], "providers": ["local"], "key_ids": ["k1"], "user_id": "", "session_id": "", "span_count": 1,
    "call_count": 1, "streamed": False, "usage": {"input_tokens": 5, "output_tokens": 2}, "cost_usd": None,
    "unpriced_count": 1, "input_preview": "[red]Hello", "output_preview": "Hi",
}  # fmt: skip


def test_a_new_key_is_the_only_thing_printed(cli: Cli, platform: Platform) -> None:
    platform.answers["POST", "/api/v1/keys"] = (201, {"key": KEY, "secret": "ph_secret"})
    done = cli(
        "keys", "create", "app", "--permission", "read", "--model", "gpt-*", "--expires", "30d", "--project", "p1"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "ph_secret\n", "")
    _, _, headers, body = platform.asked[0]
    sent = json.loads(body)
    assert headers["x-pilothouse-project"] == "p1"
    assert (sent["name"], sent["permissions"], sent["models"]) == ("app", ["read"], ["gpt-*"])
    assert sent["expires_at"].endswith("Z")


def test_keys_are_listed_over_all_pages(cli: Cli, platform: Platform) -> None:
    def page(query: str) -> dict[str, Any]:
        second = parse_qs(query).get("cursor") == ["c"]
        return {"items": [{**KEY, "name": "two" if second else "one"}], "next_cursor": None if second else "c"}

    platform.answers["GET", "/api/v1/keys"] = (200, page)
    assert [line.split()[1] for line in cli("keys", "list").stdout.splitlines()] == ["NAME", "one", "two"]
    assert [item["name"] for item in json.loads(cli("keys", "list", "--json").stdout)] == ["one", "two"]


def test_an_empty_list_says_what_to_do(cli: Cli, platform: Platform) -> None:
    platform.answers["GET", "/api/v1/keys"] = (200, {"items": [], "next_cursor": None})
    assert "pilothouse keys create" in cli("keys", "list").stdout


def test_a_key_is_revoked(cli: Cli, platform: Platform) -> None:
    platform.answers["DELETE", "/api/v1/keys/k1"] = (200, {**KEY, "status": "revoked"})
    assert cli("keys", "revoke", "k1").stdout == "revoked app (ph_abcd…)\n"


def test_traces_are_listed_with_their_figures(cli: Cli, platform: Platform) -> None:
    platform.answers["GET", "/api/v1/traces"] = (200, {"items": [SUMMARY], "next_cursor": None})
    done = cli("traces", "list", "--since", "2h", "--model", "a", "--model", "b", "--limit", "7")
    assert done.returncode == 0
    line = done.stdout.splitlines()[1]
    for part in (SUMMARY["trace_id"], "1.23 s", "12.3 ms", "7", "unpriced", "[red]Hello"):
        assert part in line
    query = parse_qs(platform.asked[0][1].partition("?")[2])
    assert (query["model"], query["limit"]) == (["a", "b"], ["7"])
    assert query["from"][0].endswith("Z")


def entry(name: str, **more: Any) -> dict[str, Any]:
    """A model of the catalog, as the platform gives it."""
    rates = [
        {"kind": "input", "per": "million_tokens", "usd": "5", "steps": [{"above_tokens": 272000, "usd": "10"}]},
        {"kind": "output", "per": "million_tokens", "usd": "30", "steps": []},
        {"kind": "search", "per": "search", "usd": "0.01", "steps": []},
    ]
    batch = {"name": "batch", "rates": [{"kind": "input", "per": "million_tokens", "usd": "2.5", "steps": []}]}
    price = {
        "status": "priced", "source": "list", "version": "genai-prices 1", "detail": "", "rates": rates,
        "service_tiers": [batch], "override": None, "listed": None,
    }  # fmt: skip
    can = {"task": "chat", "tools": True, "structured_output": True, "thinking": None, "audio": False}
    return {
        "name": name, "kind": "account_model", "account": "openai", "provider": "openai", "model": name, "title": "",
        "enabled": True, "listed": True, "abilities": can, "context_tokens": 1000000, "deprecated": False,
        "price": price, "targets": [], **more,
    }  # fmt: skip


def test_models_are_listed_with_their_prices_over_all_pages(cli: Cli, platform: Platform) -> None:
    nobody = {**entry("x")["price"], "status": "unpriced", "detail": "why", "rates": []}
    targets = [{"name": "openai/gpt", "weight": 3}, {"name": "gpu/qwen", "weight": 1}]

    def page(query: str) -> dict[str, Any]:
        if parse_qs(query).get("cursor") == ["c"]:
            return {"items": [entry("own/acme", price=nobody, context_tokens=None)], "next_cursor": None}
        items = [entry("fast", price=None, targets=targets), entry("openai/gpt"), entry("off/gpt", enabled=False)]
        return {"items": items, "next_cursor": "c"}

    platform.answers["GET", "/api/v1/catalog"] = (200, page)
    lines = [line.split() for line in cli("models", "list", "--provider", "openai").stdout.splitlines()[1:]]
    assert lines == [
        ["fast", "openai/gpt,", "gpu/qwen", "1,000,000", "by", "target", "by", "target", "–"],
        ["openai/gpt", "1,000,000", "$5–10", "$30", "genai-prices", "1"],
        ["own/acme", "–", "unpriced", "unpriced", "–"],
    ]
    assert parse_qs(platform.asked[0][1].partition("?")[2])["provider"] == ["openai"]
    listed = json.loads(cli("models", "list", "--json").stdout)
    assert [item["name"] for item in listed] == ["fast", "openai/gpt", "own/acme"]
    assert listed[1] == entry("openai/gpt")


def test_one_model_is_shown_with_every_price(cli: Cli, platform: Platform) -> None:
    platform.answers["GET", "/api/v1/catalog"] = (200, {"items": [entry("openai/gpt")], "next_cursor": None})
    out = cli("models", "show", "openai/gpt").stdout
    assert "can         tools, structured output" in out
    assert "cannot      audio" in out
    assert "not known   thinking" in out
    rows = [line.split() for line in out.splitlines()]
    assert ["standard", "input", "10", "million", "tokens", "272,000", "tokens"] in rows
    assert ["batch", "input", "2.5", "million", "tokens"] in rows
    assert json.loads(cli("models", "show", "openai/gpt", "--json").stdout)["name"] == "openai/gpt"
    platform.answers["GET", "/api/v1/catalog"] = (200, {"items": [], "next_cursor": None})
    none = cli("models", "show", "nowhere/x")
    assert none.returncode != 0
    assert "nowhere/x" in none.stderr


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [(401, "key_unknown", 4), (403, "permission_missing", 4), (400, "invalid_request", 2), (400, "invalid_query", 2),
     (404, "not_found", 1), (503, "store_unavailable", 1), (500, "internal_error", 1), (418, "something_new", 2)],
)  # fmt: skip
def test_a_refusal_is_one_line_and_an_exit_code(
    status: int, code: str, exit_code: int, cli: Cli, platform: Platform
) -> None:
    platform.answers["GET", "/api/v1/keys"] = (status, {"code": code, "detail": "what happened", "status": status})
    done = cli("keys", "list")
    assert (done.returncode, done.stdout) == (exit_code, "")
    assert done.stderr.count("\n") == 1
    assert "what happened" in done.stderr
    as_json = json.loads(cli("keys", "list", "--json").stderr)
    assert "what happened" in as_json["detail"]


def test_nobody_there_is_told_apart(cli: Cli) -> None:
    done = cli("keys", "list", "--url", f"http://127.0.0.1:{pick('127.0.0.1')}")
    assert done.returncode == 3
    assert done.stderr.startswith("error [unreachable]: ")
    assert "pilothouse up" in done.stderr


def test_something_else_there_is_told_apart(cli: Cli, platform: Platform) -> None:
    platform.answers["GET", "/api/v1/keys"] = (200, b"<html>")
    assert cli("keys", "list").returncode == 3


@pytest.mark.parametrize("url", ["http://[", "nonsense", "ftp://127.0.0.1"])
def test_an_address_that_is_none_is_told(url: str, cli: Cli) -> None:
    done = cli("keys", "list", "--url", url)
    assert done.returncode == 3
    assert done.stderr.startswith("error [")


def test_the_local_token_goes_to_this_machine_and_a_given_key_wins(cli: Cli, platform: Platform) -> None:
    run = cli.folder / "data" / "run"
    run.mkdir(parents=True)
    (run / "local.token").write_text("pho_local\n")
    platform.answers["GET", "/api/v1/keys"] = (200, {"items": [], "next_cursor": None})
    cli("keys", "list")
    cli("keys", "list", "--key", "ph_given")
    cli.environment["PILOTHOUSE_CLI_KEY"] = "ph_environment"
    cli("keys", "list")
    sent = [headers.get("authorization") for _, _, headers, _ in platform.asked]
    assert sent == ["Bearer pho_local", "Bearer ph_given", "Bearer ph_environment"]


def test_wrong_settings_are_told_with_their_exit_code(cli: Cli) -> None:
    (cli.folder / "pilothouse.toml").write_text("prot = 1\n")
    done = cli("keys", "list")
    assert done.returncode == 2
    assert "pilothouse.toml:1" in done.stderr


@pytest.mark.parametrize("arguments", [["keyz"], ["keys", "create"], ["traces", "list", "--limit", "0"]])
def test_wrong_usage_has_exit_code_2(arguments: list[str], cli: Cli) -> None:
    assert cli(*arguments).returncode == 2
