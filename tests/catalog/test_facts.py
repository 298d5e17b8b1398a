"""Facts about models are data: each has a source and a date, and the operator's own come first."""

import pytest

from pilothouse.catalog.facts import Facts, FactsRow, built_in
from pilothouse.catalog.listing import describe
from pilothouse.catalog.overrides import parse
from pilothouse.catalog.prices import Catalog
from pilothouse.domain.facts import ModelFacts, ThinkingStyle, ThoughtsField, ThoughtsOf
from pilothouse.errors import SettingsInvalid
from tests.catalog.test_prices import AT


def facts(model: str) -> ModelFacts:
    """What is known of a model whatever its provider."""
    return Facts().of("", model)


@pytest.mark.parametrize("row", built_in(), ids=lambda row: f"{row.provider} {row.model}")
def test_every_table_says_where_and_when_it_was_read(row: FactsRow) -> None:
    assert row.source.startswith("https://")
    assert row.on is not None
    assert row.problem() == ""


@pytest.mark.parametrize(
    ("model", "thinking", "schema_output", "mid_system"),
    [
        ("claude-3-7-sonnet-latest", ThinkingStyle.BUDGET, False, False),
        ("claude-3-5-haiku", ThinkingStyle.NONE, False, False),
        ("claude-sonnet-4-20250514", ThinkingStyle.BUDGET, False, False),
        ("claude-haiku-4-5-20251001", ThinkingStyle.BUDGET, True, False),
        ("claude-opus-4-6", ThinkingStyle.ADAPTIVE, True, False),
        ("claude-opus-4-8", ThinkingStyle.ADAPTIVE, True, True),
        ("us.anthropic.claude-opus-4-8-v1:0", ThinkingStyle.ADAPTIVE, True, False),
        ("claude-sonnet-5", ThinkingStyle.ADAPTIVE, True, False),
        ("claude-haiku-5", ThinkingStyle.ADAPTIVE, True, True),
        ("models/gemini-3-pro", ThinkingStyle.LEVEL, True, False),
        ("openai/gpt-5.5", ThinkingStyle.EFFORT, True, False),
        ("somebody/else", None, True, False),
    ],
)
def test_the_first_table_that_says_a_thing_decides_it(
    model: str, thinking: ThinkingStyle | None, *, schema_output: bool, mid_system: bool
) -> None:
    found = facts(model)
    assert (found.thinking, found.schema_output, found.mid_system) == (thinking, schema_output, mid_system)


def test_what_is_known_depends_on_who_serves_the_model() -> None:
    known = Facts()
    assert known.of("vllm", "deepseek-ai/DeepSeek-V3.2").thoughts is ThoughtsField.REASONING
    assert known.of("deepseek", "deepseek-v4-pro").thoughts is ThoughtsField.CONTENT
    assert known.of("deepseek", "deepseek-v4-pro").thoughts_of is ThoughtsOf.TOOLS
    assert known.of("azure_openai", "deepseek-v4-pro").thoughts is ThoughtsField.NONE
    assert known.of("openrouter", "anthropic/claude-sonnet-4.5").thoughts is ThoughtsField.NONE


OWN = """
[[facts]]
account = "eu-*"
model = "claude-next"
thinking = "adaptive"
prefill = false
inputs = ["text", "image"]

[[facts]]
provider = ["vllm", "sglang"]
model = "claude-*"
mid_system = true
"""


def test_the_operators_own_tables_come_first_and_leave_the_rest() -> None:
    known = Facts(parse(OWN).facts)
    found = known.of("anthropic", "claude-next", "eu-1")
    assert (found.thinking, found.prefill, found.inputs) == (ThinkingStyle.ADAPTIVE, False, {"text", "image"})
    assert found.default_output_tokens == facts("claude-next").default_output_tokens
    assert known.of("anthropic", "claude-next", "us-1") == facts("claude-next")
    assert known.of("vllm", "org/claude-next", "x").mid_system
    assert not known.of("anthropic", "claude-next", "x").mid_system


def test_a_catalog_goes_by_the_newest_tables() -> None:
    catalog = Catalog()
    assert catalog.facts.of("openai_compatible", "new-one") == ModelFacts()
    assert catalog.facts is catalog.facts
    catalog.overrides = parse('[[facts]]\nmodel = "new-*"\nthinking = "effort"\ninputs = ["text"]\ntools = false\n')
    assert catalog.facts.of("openai_compatible", "new-one").thinking is ThinkingStyle.EFFORT
    told = describe(catalog, "a", "openai_compatible", "new-one", AT).abilities
    assert (told.thinking, told.images, told.tools) == (True, False, False)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('[[facts]]\nmodel = "a"\n', "says nothing"),
        ('[[facts]]\nmodel = "a"\ninputs = ["smell"]\n', "smell"),
        ('[[facts]]\nmodel = "a"\nthinking = "hard"\n', "thinking"),
        ('[[facts]]\nmodel = "a"\nwings = true\n', "wings"),
        ("[[facts]]\ntools = true\n", "model"),
    ],
)
def test_a_wrong_table_is_refused_with_its_reason(text: str, why: str) -> None:
    with pytest.raises(SettingsInvalid, match=why):
        parse(text)
