"""Full text: what of a span is searched, and how a search meets the text index over it.

What is searched is one expression over many columns, in small letters. The index keeps its words; the expression has
to stand in a query exactly as it does in the index, or the index is not used.
"""

import json
import re

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


_WORD = re.compile(r"[^\x00-/:-@\[-`{-\x7f]+")
"""As the index takes a text apart: letters and digits, and whatever is not ASCII."""
_SHORTEST = 3
"""Shorter ones are in so many words that to look for them takes longer than it spares."""


def _ends(form: str) -> tuple[str, ...]:
    """Return the first and last word of a text of several.

    The index knows whole words. Of a text that may stand anywhere these two can be parts of longer ones, and are passed
    over; asked for alone, they are looked for in all words that the index has.
    """
    words = _WORD.findall(form)
    ends = dict.fromkeys(word for word in (words[0], words[-1]) if len(word) >= _SHORTEST) if words else ()
    return tuple(word for word in ends if word != form)


def anywhere(expression: str, text: str, name: str, *, wild: bool) -> tuple[str, dict[str, Parameter]]:
    """Return the test whether a text, or its form inside JSON text, stands in an expression of small letters."""
    forms = dict.fromkeys((text, json.dumps(text, ensure_ascii=False)[1:-1]))
    parameters: dict[str, Parameter] = {}
    tests: list[str] = []
    for number, form in enumerate(forms):
        patterns = {f"{name}_{number}": form}
        if expression == SEARCHED and not wild:
            patterns |= {f"{name}_{number}_end_{place}": end for place, end in enumerate(_ends(form))}
        parameters |= {key: f"%{like(pattern, wild=wild)}%" for key, pattern in patterns.items()}
        tests.append(" AND ".join(f"{expression} LIKE lowerUTF8({{{key}:String}})" for key in patterns))
    return (tests[0], parameters) if len(tests) == 1 else (f"(({') OR ('.join(tests)}))", parameters)
