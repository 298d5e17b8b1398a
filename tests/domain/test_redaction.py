"""What a policy takes out of values: found, replaced once, never twice, and never half."""

import json
import re
from collections import Counter
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from pilothouse.domain.redaction.checks import check
from pilothouse.domain.redaction.detectors import DETECTORS, luhn
from pilothouse.domain.redaction.engine import Redactor, redact
from pilothouse.domain.redaction.names import part_of
from pilothouse.domain.redaction.policy import Action, DetectorRule, FieldRule, Part, PatternRule, Policy
from pilothouse.domain.redaction.texts import FAILED, REMOVED
from pilothouse.errors import InvalidRequest


def policy(action: Action = Action.MASK, **more: Any) -> Policy:
    return Policy(detectors=tuple(DetectorRule(name, action) for name in DETECTORS), **more)


FULL = policy(
    fields=(FieldRule("password"), FieldRule("*secret*"), FieldRule("user.name", Action.HASH)),
    patterns=(PatternRule("order", r"ORD-[0-9]{4,}"),),
)
REDACTOR = Redactor(FULL, b"key")
SAMPLES = [detector.sample for detector in DETECTORS.values()]


def red(text: str, redactor: Redactor = REDACTOR) -> str:
    return redactor.text(text, Counter())


@pytest.mark.parametrize("name", DETECTORS)
def test_every_detector_finds_its_sample_and_says_so(name: str) -> None:
    redactor = Redactor(Policy(detectors=(DetectorRule(name),)), b"")
    tally: Counter[str] = Counter()
    assert redactor.text(f"see {DETECTORS[name].sample} there", tally) == f"see [{name.upper()}] there"
    assert tally == {name: 1}


texts = st.text(max_size=60) | st.sampled_from([*SAMPLES, "[EMAIL]", "ORD-123456", "password", "«", "<EMAIL_ADDRESS>"])
values = st.recursive(
    st.none() | st.booleans() | st.integers() | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(texts | st.sampled_from([" ", "\n", '"', "\\", "{", "@", "4", "."]), max_size=12))
@example(["4", SAMPLES[4]])
def test_a_second_pass_changes_nothing(parts: list[str]) -> None:
    once = red("".join(parts))
    tally: Counter[str] = Counter()
    assert REDACTOR.text(once, tally) == once
    assert not tally


@given(values)
def test_json_stays_json_and_a_second_pass_changes_nothing(value: Any) -> None:
    once = red(json.dumps(value))
    json.loads(once)
    assert red(once) == once


@given(values, st.sampled_from(SAMPLES), st.booleans())
def test_no_sample_survives_anywhere_in_json(value: Any, sample: str, ascii_only: bool) -> None:
    held = {
        "a": [value, {"text": f"it is {sample}, yes"}],
        f"of {sample}": 1,
        "nested": json.dumps({"x": f" {sample} "}),
    }
    for text in (json.dumps(held, ensure_ascii=ascii_only), json.dumps(held)[:-1] + ",", f"so: {held}"):
        assert sample not in red(text)


def test_field_names_count_at_any_depth_in_any_case_and_as_a_step() -> None:
    said = {"a": [{"PASSWORD": "p1"}], "my_secret_key": {"x": "p2"}, "db.password.value": "p3", "user.name": "Ann"}
    found = json.loads(red(json.dumps(said)))
    assert found["a"] == [{"PASSWORD": "[REDACTED]"}]
    assert found["my_secret_key"] == found["db.password.value"] == "[REDACTED]"
    assert re.fullmatch(r"\[HASH:[a-p]{16}\]", found["user.name"])


@pytest.mark.parametrize("text", [
    '{"password": "hunter2", "x": "cut o', "say {'password': 'hunter2'} now", 'args={\\"password\\": \\"hunter2\\"}',
])  # fmt: skip
def test_fields_are_found_in_what_only_looks_like_json(text: str) -> None:
    assert "hunter2" not in red(text)


def test_a_name_that_comes_twice_hides_nothing() -> None:
    assert "hunter2" not in red('{"password":"hunter2","password":""}')
    assert SAMPLES[2] not in red(f'{{"a":"{SAMPLES[2]}","a":"b"}}')


def test_escapes_hide_nothing() -> None:
    assert red('{"a":"canary\\u0040example.com"}') == '{"a":"[EMAIL]"}'
    assert "4111" not in red('{"a":"x\\n4111111111111111\\n", "b": "cut o')
    assert "example" not in red('{"a":"canary\\u0040example.com", "b": "cut o')


def test_what_clients_have_masked_stays() -> None:
    for mask in ("***", "[REDACTED]", "<EMAIL_ADDRESS>", "__REDACTED__", "[EMAIL]", "[masked by app]"):
        assert json.loads(red(json.dumps({"note": mask}))) == {"note": mask}
    for mask in ("***", "[REDACTED]", "<redacted>".upper(), "__REDACTED__"):
        assert json.loads(red(json.dumps({"password": mask})))["password"] == mask


def test_equal_values_keep_equal_hashes_within_a_project_only() -> None:
    one, other = Redactor(policy(Action.HASH), b"a"), Redactor(policy(Action.HASH), b"b")
    assert red("4111-1111-1111-1111", one) == red("4111 1111 1111 1111", one)
    assert red("Ann@Example.com", one) == red("ann@example.com", one) != red("bob@example.com", one)
    assert red("ann@example.com", one) != red("ann@example.com", other)
    assert red(red("ann@example.com", one), one) == red("ann@example.com", one)


def test_off_leaves_the_whole_text_out() -> None:
    redactor = Redactor(policy(Action.OFF), b"")
    assert red(json.dumps({"a": "mail ann@example.com", "b": "fine"}), redactor) == '{"a":"[REMOVED]","b":"fine"}'


@pytest.mark.parametrize("text", [
    "1732800000000000000", "order 4111111111111112", "2024-01-02 12:00:00.123456",
    "550e8400-e29b-41d4-a716-446655440000",
    "DE88370400440532013000", "version 1.2.3, 10.300.1.2", "std::vector a::b", "000-12-3456", "1234567890123",
    "0000000000000000", "3.14159265358979", "at 10:30:15", "sk-short", "eyJ.x.y", "a@b", "x" * 300, "@decorator",
])  # fmt: skip
def test_what_only_looks_alike_stays(text: str) -> None:
    assert red(text) == text


@pytest.mark.parametrize("number", [4111111111111111, 5500005555555559, 378282246310005])
def test_cards_in_numbers_are_found(number: int) -> None:
    assert red(json.dumps({"n": number})) == '{"n":"[CREDIT_CARD]"}'


@given(st.text("0123456789", min_size=13, max_size=19))
def test_luhn_changes_with_every_digit(digits: str) -> None:
    if luhn(digits.encode()):
        changed = digits[:-1] + str((int(digits[-1]) + 1) % 10)
        assert not luhn(changed.encode())


def test_base64_is_passed_over_and_its_neighbours_are_not() -> None:
    picture = "data:image/png;base64," + "4111111111111111+" * 40 + "=="
    text = json.dumps({"url": picture, "by": "ann@example.com"})
    assert json.loads(red(text)) == {"url": picture, "by": "[EMAIL]"}


def test_a_long_token_is_found_though_it_is_base64() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIi" * 60 + ".c2lnbmF0dXJl"
    assert red(f"token {token}") == "token [JWT]"


@pytest.mark.parametrize("text", ["a@" * 100_000, "1 " * 100_000, "1:" * 100_000, "a." * 100_000, "((((" * 50_000])
@pytest.mark.timeout(20)
def test_hostile_texts_cost_linear_time(text: str) -> None:
    redactor = Redactor(policy(patterns=(PatternRule("evil", r"(a+)+$|(.*)*x"),)), b"")
    assert red(text, redactor)


def test_a_broken_policy_keeps_no_text() -> None:
    broken = Redactor.broken()
    tally: Counter[str] = Counter()
    assert broken.text("hello", tally) == FAILED
    assert broken.value("name", {"a": ["b"]}, tally) == FAILED
    assert broken.data(b"\xff\xfe", tally) == FAILED.encode()
    assert tally["failed"] == 3


def test_deep_json_is_left_out_rather_than_kept() -> None:
    text = '{"a":' * 5000 + '"ann@example.com"' + "}" * 5000
    assert "example.com" not in red(text)


def test_values_are_counted_and_never_told() -> None:
    value, tally = redact({"m": [SAMPLES[2], SAMPLES[2]], "password": 1}, REDACTOR)
    assert value == {"m": ["[EMAIL]", "[EMAIL]"], "password": "[REDACTED]"}
    assert tally == {"email": 2, "field.password": 1}


def test_bytes_that_are_no_text_are_looked_through() -> None:
    assert REDACTOR.data(b"\xff\x00 ann@example.com \xfe", Counter()) == b"\xff\x00 [EMAIL] \xfe"


@pytest.mark.parametrize("name", [
    "input.value", "gen_ai.input.messages", "gen_ai.prompt.0.content", "traceloop.entity.input", "ai.prompt.messages",
    "llm.input_messages.0.message.content", "mlflow.spanInputs", "langfuse.observation.input", "tool.parameters",
])  # fmt: skip
def test_attributes_of_inputs_are_known(name: str) -> None:
    assert part_of(name, frozenset({Part.INPUT})) is Part.INPUT
    assert part_of(name, frozenset()) is None


@pytest.mark.parametrize("name", ["gen_ai.request.model", "gen_ai.usage.input_tokens", "gen_ai.response.id"])
def test_attributes_about_calls_are_kept(name: str) -> None:
    assert part_of(name, frozenset(Part)) is None


@pytest.mark.parametrize(("bad", "param"), [
    (Policy(detectors=(DetectorRule("nonsense"),)), "detectors/0/detector"),
    (Policy(detectors=(DetectorRule("email"), DetectorRule("email"))), "detectors"),
    (Policy(patterns=(PatternRule("Bad name", "x"),)), "patterns/0/name"),
    (Policy(patterns=(PatternRule("a", "(?=x)"),)), "patterns/0/pattern"),
    (Policy(patterns=(PatternRule("a", "x*"),)), "patterns/0/pattern"),
    (Policy(patterns=(PatternRule("a", "x" * 501),)), "patterns/0/pattern"),
    (Policy(patterns=(PatternRule("a", "(((x{1000}){1000}){1000})"),)), "patterns/0/pattern"),
    (Policy(fields=(FieldRule("*"),)), "fields/0/name"),
    (Policy(off=(Part.INPUT, Part.INPUT)), "off"),
])  # fmt: skip
def test_a_policy_that_cannot_be_carried_out_is_refused_at_its_place(bad: Policy, param: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        check(bad)
    assert caught.value.param == param
    assert REMOVED
