"""The reference page of the query language, from its own tables."""

from pilothouse.domain.query import aggregate
from pilothouse.domain.query.fields import FIELDS, Field, Kind
from pilothouse.domain.query.parser import MAX_CONDITIONS, MAX_DEPTH, MAX_STARS
from pilothouse.domain.query.scanner import MAX_LENGTH
from pilothouse.domain.query.values import TIME_EXAMPLES, UNIT_EXAMPLES

_EXAMPLES: tuple[tuple[str, str], ...] = (
    ("refund", "holds the text `refund` anywhere: name, input, output, error, metadata, model, user, session or an id"),
    ('"not possible"', "holds this phrase"),
    ("refund status:error", "both; `AND` between them may be left out"),
    ("model:gpt-4o OR model:claude-*", "one of the two; `*` is any text"),
    ("model:(gpt-4o OR claude-*)", "the same, shorter"),
    ("-user:ada", "not of this user; `NOT user:ada` and `user!=ada` say the same"),
    ("(timeout OR refused) environment:production", "parentheses; without them `OR` binds less than `AND`"),
    ("cost_usd>0.01 latency_ms>=2000", "comparisons, in the unit of the name"),
    ("cost:>$0.01 latency:>2s", "the same, with other names and units"),
    ("tokens:100..200", "a range with both ends; `100..` and `..200` have one"),
    ("started_at>-2h", "began in the last two hours"),
    ("started_at:2026-01-31", "began on this day, in UTC"),
    ("metadata.plan:pro", "a value by its name"),
    ('attributes."http.method":POST', "a name in quotation marks; here they could be left out"),
    ("metadata.seats>5", "a value that is a number"),
    ("scores.helpfulness<0.5", "a score of the span or of its whole trace"),
    ("has:error", "has something there; `-has:user` has nothing"),
    ("has:scores.helpfulness", "has this score"),
    ("prompt:greeting prompt_version:3", "a version of a prompt"),
    ("input:refund -output:refund", "in what went in, and not in what came out"),
)
_KINDS = {
    Kind.TEXT: "`:` exactly this, `*` for any text; `!=`",
    Kind.BODY: "`:` holds this, in any case of letters; `!=`",
    Kind.CHOICE: "`:` one of the words; `!=`",
    Kind.NUMBER: "`:`, `>`, `>=`, `<`, `<=`, `!=`, and ranges `1..5`",
    Kind.FLAG: "`:true` or `:false`",
    Kind.TIME: "`>`, `>=`, `<`, `<=`, and `:` with a day or a range",
    Kind.NAMED: "as text or as number, by the name behind the dot",
}
_HEAD = """# Query language

One language finds traces, spans, sessions and users: as `q` in the [HTTP API](http.md), in the search field of the
Traces page, and behind `pilothouse traces list --query`. The [guide](../guides/search.md) shows it at work.

A query is about single spans. A trace is listed when one of its spans fits the whole query; what is negated by itself,
such as `-status:error`, no span of it may fit. Within `OR` and parentheses a negation is about the one span, as it is
everywhere when spans, sessions or users are listed. Dates in a query narrow the time range of the list, they do not
widen it.

## By example

| query | finds what |
|---|---|
"""
_GRAMMAR = f"""
## Grammar

```text
query     = all, {{ "OR", all }} ;
all       = term, {{ [ "AND" ], term }} ;
term      = ( "-" | "NOT" ), term | "(", query, ")" | condition ;
condition = text | "has:", field | field, operator, value | field, ":", "(", query of values, ")" ;
text      = word | '"', phrase, '"' ;
field     = name, [ ".", ( word | '"', phrase, '"' ) ] ;
operator  = ":" | "=" | "!=" | ">" | ">=" | "<" | "<=" | ":>" | ":>=" | ":<" | ":<=" ;
value     = characters up to a space, a parenthesis or a quotation mark | '"', phrase, '"' ;
```

`AND`, `OR` and `NOT` are written in capitals; small, they are words to look for. In quotation marks nothing has a
meaning of its own but `\\"` and `\\\\`. Text is found in any case of letters; values of fields are compared exactly. A
query has at most {MAX_LENGTH:,} characters and {MAX_CONDITIONS} conditions, {MAX_DEPTH} parentheses and negations
within one another, and {MAX_STARS} `*` in a value.

A query that cannot be read is refused with the code [`invalid_query`](errors.md#invalid_query). `errors[0]` has the
`position` of the fault in characters from 0, its `length`, and in `expected` what could stand there.

## Fields

| field | also | kind | what it is | example |
|---|---|---|---|---|
"""
_FIGURES = f"""
## Figures

`GET /api/v1/query` counts what a query finds. `source` is `spans`, `traces` or `scores`; of traces and scores, those
count in whose trace a span fits the query.

- `group_by`, up to {aggregate.MAX_GROUPS} times: a field of kind text, choice or flag, a value by its name such as
  `metadata.plan`, `time` for steps that suit the range, or steps of a length such as `time:1h`, at most
  {aggregate.MAX_STEPS:,} of them.
- `measure`, up to {aggregate.MAX_MEASURES} times: `count`, `error_rate`, or `sum`, `avg`, `min`, `max`, `p50`, `p90`,
  `p95`, `p99` of a number and `uniq` of a field, such as `p95(latency_ms)`. Percentiles and `uniq` are estimates.
  Sums of tokens and cost count a call once that both the application and the gateway report.
- `order`: one of the groups or measures, with `-` in front the largest first. Without it rows with time are in its
  order, others by the first measure, the largest first.
- `limit`: rows, at most {aggregate.MAX_ROWS:,}; `more` says whether there were others.
- `top`: of rows by time and one field only so many of its values, those with most of the first measure over the whole
  range, at most {aggregate.MAX_TOP}.

Whole traces have the fields {{traces}}; scores have `score` (the name), `value`, `text` (of a categorical one) and
`source`.
"""


def query_page() -> str:
    """Return the page of the query language."""
    examples = "\n".join(f"| `{_cell(query)}` | {meaning} |" for query, meaning in _EXAMPLES)
    kinds = "\n".join(f"| {kind} | {about} |" for kind, about in _KINDS.items())
    units = "\n".join(f"| {unit.value or 'none'} | {text} |" for unit, text in UNIT_EXAMPLES.items())
    traces = ", ".join(f"`{name}`" for name in sorted(aggregate.OF_TRACES))
    return "".join((
        _HEAD, examples, "\n", _GRAMMAR, "\n".join(_row(field) for field in FIELDS),
        "\n\n| kind | operators |\n|---|---|\n", kinds, "\n\n| unit | written as |\n|---|---|\n", units,
        f"\n\nA time is written as {TIME_EXAMPLES}; without a zone it is UTC. Seconds, minutes, hours, days and weeks",
        " ago are `s`, `m`, `h`, `d` and `w`.\n", _FIGURES.replace("{traces}", traces),
    ))  # fmt: skip


def examples() -> tuple[str, ...]:
    """Return the queries of the page."""
    return tuple(query for query, _ in _EXAMPLES)


def _row(field: Field) -> str:
    also = ", ".join(f"`{alias}`" for alias in field.aliases)
    unit = f", {field.unit.value}" if field.unit.value else ""
    choices = f": {', '.join(f'`{choice}`' for choice in field.choices)}" if field.choices else ""
    return f"| `{field.name}` | {also} | {field.kind}{unit} | {field.about}{choices} | `{field.example}` |"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
