"""The pages that are made by trying the codecs and the provider table leave nothing out."""

import msgspec

from pilothouse.cli import equivalents, provider_table
from pilothouse.cli.compatibility import chat_dialects
from pilothouse.domain.chat import StopReason
from pilothouse.domain.usage import Usage
from pilothouse.protocols import table as dialects
from pilothouse.providers import table
from tests.docs.pages import ROOT, anchors

PAGE = equivalents.equivalents_page()


def row(first: str) -> list[str]:
    """Return the cells behind the first of a row of the page."""
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in line.strip("|").split("|")[1:]]


def test_every_chat_dialect_every_end_and_every_bucket_of_tokens_has_a_place() -> None:
    assert {one.name for one in chat_dialects()} <= set(equivalents.ENDS_AT)
    assert set(equivalents.MEANINGS) == set(StopReason)
    assert set(equivalents.BUCKETS) == {field.name for field in msgspec.structs.fields(Usage) if _is_tokens(field.name)}


def _is_tokens(name: str) -> bool:
    return name.endswith("_tokens")


def test_a_limit_is_told_in_each_dialects_own_word() -> None:
    told = dict(zip([one.name for one in chat_dialects()], row("limit of tokens"), strict=False))
    assert told["openai_chat"] == "`length`"
    assert told["anthropic_messages"] == "`max_tokens`"
    assert told["openai_responses"] == "`incomplete`, `max_output_tokens`"


def test_no_token_goes_uncounted_and_no_error_is_without_status() -> None:
    for meaning in equivalents.BUCKETS.values():
        assert "–" not in row(meaning)
    for kind in equivalents.CLASSES:
        assert all(cell[:3].isdigit() and "`" in cell for cell in row(f"[`{kind.code}`](errors.md#{kind.code})"))


def test_every_kind_that_people_choose_has_a_row_and_a_section() -> None:
    page = provider_table.providers_page()
    sections = anchors(ROOT / "docs" / "reference" / "providers.md")
    kinds = [kind for kind in table.describe() if not kind.managed]
    assert len(kinds) > 20
    assert [kind.name for kind in kinds if f"| `{kind.name}` |" not in page] == []
    assert [kind.title for kind in kinds if provider_table.anchor(kind.title) not in sections] == []


def test_every_dialect_is_named_on_a_page_of_dialects() -> None:
    pages = "".join(path.read_text() for path in (ROOT / "docs" / "reference" / "dialects").glob("*.md"))
    assert [name for name in dialects.ROWS if f"`{name}`" not in pages] == []
