"""The catalog: every name with what it can do and costs, and the operator's own prices beside it."""

from datetime import UTC, datetime
from typing import Any

from pilothouse.catalog.overrides import parse
from pilothouse.domain.access import Permission, Role
from pilothouse.domain.snapshot import Target
from pilothouse.registry.changes import AccountChange, NewAccount
from tests.server.harness import Running

NOVEMBER_2026 = datetime(2026, 11, 1, tzinfo=UTC).timestamp()
OWN = """
[[price]]
account = "azure"
model = "support-bot"
like = "openai/gpt-4o"

[[price]]
model = "llama-*"
input_usd = 0.1
output_usd = 0.3
"""


async def _account(run: Running, name: str, provider: str, *models: str, **more: Any) -> None:
    new = NewAccount(name=name, provider=provider, secret="sk-x" * 8, models=models, **more)
    await run.parts.registry.create_account(new, actor="test")


async def _catalog(run: Running, **query: str) -> list[dict[str, Any]]:
    answer = await run.local().get("/api/v1/catalog", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


async def test_every_name_comes_with_what_is_known_of_it(run: Running) -> None:
    run.clock.advance(NOVEMBER_2026 - run.clock.now_ns() / 1e9)
    await _account(run, "openai", "openai", "gpt-4o", "gpt-5.5")
    await _account(run, "any", "openai_compatible", "acme-9000", base_url="http://10.0.0.5:8000/v1")
    await _account(run, "gpu", "vllm", "qwen3-32b", base_url="http://10.0.0.5:8000/v1", enabled=False)
    found = {entry["name"]: entry for entry in await _catalog(run)}
    assert list(found) == ["any/acme-9000", "gpu/qwen3-32b", "openai/gpt-4o", "openai/gpt-5.5"]
    gpt = found["openai/gpt-4o"]
    assert (gpt["context_tokens"], gpt["deprecated"], gpt["enabled"]) == (128_000, False, True)
    assert (gpt["abilities"]["tools"], gpt["abilities"]["audio"]) == (True, False)
    assert gpt["price"]["status"] == "priced"
    assert {rate["kind"]: rate["usd"] for rate in gpt["price"]["rates"]}["cache_read"] == "1.25"
    assert next(tier for tier in gpt["price"]["service_tiers"] if tier["name"] == "batch")["rates"][0]["usd"] == "1.25"
    steps = found["openai/gpt-5.5"]["price"]["rates"][0]["steps"]
    assert steps == [{"above_tokens": 272_000, "usd": "10"}]
    free = found["gpu/qwen3-32b"]
    assert (free["price"]["status"], free["price"]["version"], free["enabled"]) == ("free", "self-hosted", False)
    unknown = found["any/acme-9000"]
    assert (unknown["price"]["status"], unknown["price"]["rates"]) == ("unpriced", [])
    assert "openai_compatible" in unknown["price"]["detail"]
    assert set(unknown["abilities"].values()) == {None}


async def test_a_route_with_several_targets_has_no_single_price(run: Running) -> None:
    await _account(run, "openai", "openai", "gpt-4o")
    await _account(run, "anthropic", "anthropic")
    registry = run.parts.registry
    await registry.put_alias("one", (Target("openai", "gpt-4o"),), actor="test")
    both = (Target("openai", "gpt-4o", 3), Target("anthropic", "claude-3-haiku-20240307"))
    await registry.put_alias("two", both, actor="test")
    one, two = (await _catalog(run))[:2]
    assert one["price"] == (await _catalog(run, name="openai/gpt-4o"))[0]["price"]
    assert (two["kind"], two["price"], two["context_tokens"]) == ("route", None, 128_000)
    assert [(each["name"], each["weight"], each["provider"]) for each in two["targets"]] == [
        ("openai/gpt-4o", 3, "openai"),
        ("anthropic/claude-3-haiku-20240307", 1, "anthropic"),
    ]
    assert {each["price"]["rates"][0]["usd"] for each in two["targets"]} == {"2.5", "0.25"}
    assert (two["abilities"]["tools"], two["abilities"]["structured_output"]) == (True, False)
    account = next(each for each in await registry.list_accounts() if each.name == "openai")
    await registry.update_account(account.id, AccountChange(enabled=False), actor="test")
    one, two = (await _catalog(run))[:2]
    assert (one["enabled"], two["enabled"], two["targets"][0]["enabled"]) == (False, True, False)


async def test_names_can_be_asked_for_even_when_no_account_lists_them(run: Running) -> None:
    await _account(run, "openai", "openai", "gpt-4o")
    await _account(run, "strict", "openai", "gpt-4o", open_models=False)
    (entry,) = await _catalog(run, name="openai/gpt-4.1")
    assert (entry["listed"], entry["price"]["status"]) == (False, "priced")
    for name in ("strict/gpt-4.1", "nowhere/gpt-4o", "openai/", "gpt-4o"):
        assert await _catalog(run, name=name) == [], name
    assert (await _catalog(run, name="strict/gpt-4o"))[0]["listed"] is True


async def test_it_is_filtered_and_paged(run: Running) -> None:
    await _account(run, "openai", "openai", *(f"gpt-{number:03}" for number in range(400)))
    await _account(run, "gpu", "vllm", "qwen3-32b", base_url="http://10.0.0.5:8000/v1")
    await run.parts.registry.put_alias("fast", (Target("gpu", "qwen3-32b"),), actor="test")
    assert [each["name"] for each in await _catalog(run, text="QWEN")] == ["gpu/qwen3-32b"]
    assert [each["name"] for each in await _catalog(run, provider="vllm")] == ["fast", "gpu/qwen3-32b"]
    names: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await run.local().get("/api/v1/catalog", params={"limit": "150", "cursor": cursor})).json()
        names += [each["name"] for each in page["items"]]
        cursor = page["next_cursor"]
    assert (len(names), len(set(names))) == (402, 402)
    answer = await run.local().get("/api/v1/catalog", params={"text": "x" * 201})
    assert (answer.status_code, answer.json()["errors"][0]["parameter"]) == (400, "text")


async def test_own_prices_are_shown_with_their_place_in_the_file(run: Running) -> None:
    await _account(run, "azure", "azure_openai", "support-bot", base_url="https://acme.openai.azure.com")
    run.parts.catalog.overrides = parse(OWN)
    (entry,) = await _catalog(run)
    override = entry["price"]["override"]
    assert (entry["price"]["source"], override["number"], override["like"]) == ("override", 1, "openai/gpt-4o")
    assert entry["context_tokens"] == 128_000
    book = (await run.local().get("/api/v1/prices")).json()
    assert book["version"].startswith("genai-prices ")
    assert book["overrides_version"].startswith("override ")
    assert [each["entry"]["number"] for each in book["overrides"]] == [1, 2]
    assert book["overrides"][1]["rates"] == [
        {"kind": "input", "per": "million_tokens", "usd": "0.1", "steps": []},
        {"kind": "output", "per": "million_tokens", "usd": "0.3", "steps": []},
    ]
    run.parts.catalog.overrides_problem = "what is wrong"
    assert (await run.local().get("/api/v1/prices")).json()["overrides_problem"] == "what is wrong"


async def test_readers_may_see_it_and_callers_may_not(run: Running) -> None:
    reader, caller = await run.key(Permission.READ), await run.key(Permission.INFERENCE)
    for path in ("/api/v1/catalog", "/api/v1/prices"):
        assert (await run.client(reader).get(path)).status_code == 200
        assert (await run.client(caller).get(path)).status_code == 403
        assert (await run.client().get(path)).status_code == 401
        assert (await (await run.browser(Role.VIEWER)).get(path)).status_code == 200
