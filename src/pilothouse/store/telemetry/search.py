"""Full text: what of a span is searched, and how a search meets the text index over it.

What is searched is one expression over many columns, in small letters. The index keeps its words; the expression has
to stand in a query exactly as it does in the index, or the index is not used.
"""

import json

from pilothouse.store.telemetry.connection import LATE_INDEX, Parameter

SEARCHED = (
    "lowerUTF8(concatWithSeparator('\\n', name, trace_name, error_code, error_detail, model_requested, model_served,"
    " trace_id, request_id, user_id, session_id, arrayStringConcat(mapValues(metadata), '\\n'), input, output))"
)
"""Part of a published migration: another expression needs an index of its own."""
INDEX = f"{LATE_INDEX} {SEARCHED} TYPE text(tokenizer = 'splitByNonAlpha')"

INDEX_MIGRATION = (
    f"ALTER TABLE `$database`.spans$local $on_cluster ADD INDEX IF NOT EXISTS {INDEX}",
    # A merge may hold this much of an index in memory; the engine's own default is 1 GiB.
    "ALTER TABLE `$database`.spans$local $on_cluster"
    " MODIFY SETTING text_index_max_memory_usage_before_flush = 134217728",
    # Goes on behind the migration; until it is through, older spans are searched without the index.
    f"ALTER TABLE `$database`.spans$local $on_cluster MATERIALIZE INDEX {LATE_INDEX}",
)
EXACT = "SETTINGS use_skip_indexes_if_final_exact_mode = 1"
"""Ends a statement that searches: without it the last version of a span may be skipped, and an earlier one found."""


def like(text: str, *, wild: bool) -> str:
    """Return the pattern of `LIKE` for a text, in which `*` stands for any text where it is `wild`."""
    escaped = text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    return escaped.replace("*", "%") if wild else escaped


def anywhere(expression: str, text: str, name: str, *, wild: bool) -> tuple[str, dict[str, Parameter]]:
    """Return the test whether a text, or its form inside JSON text, stands in an expression of small letters."""
    forms = dict.fromkeys((text, json.dumps(text, ensure_ascii=False)[1:-1]))
    parameters: dict[str, Parameter] = {
        f"{name}_{number}": f"%{like(form, wild=wild)}%" for number, form in enumerate(forms)
    }
    tests = [f"{expression} LIKE lowerUTF8({{{parameter}:String}})" for parameter in parameters]
    return tests[0] if len(tests) == 1 else f"({' OR '.join(tests)})", parameters
