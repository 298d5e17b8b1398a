"""`pilothouse traces`: what the gateway recorded."""

import sys
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape
from rich.tree import Tree

from pilothouse.cli.client import Api, command
from pilothouse.cli.lengths import length
from pilothouse.cli.terminal import print_json, print_line, print_table, show_money, show_ms, show_time
from pilothouse.domain.money import CostStatus
from pilothouse.domain.reading import SpanDetail, Trace, TracePage, TraceSummary

app = typer.Typer(add_completion=False, no_args_is_help=True, help="List and show traces.")

_PAGE = 200
_BODY_CHARS = 2000


@app.command("list")
@command
def list_traces(
    api: Api,
    as_json: bool,
    since: Annotated[str, typer.Option(help="How far back, such as 15m, 24h or 7d.")] = "24h",
    limit: Annotated[int, typer.Option(min=1, max=10000, help="How many at most, newest first.")] = 50,
    model: Annotated[list[str] | None, typer.Option(help="Requested or served model; may be given again.")] = None,
    query: Annotated[
        str, typer.Option("--query", "--text", help="Words, or conditions such as 'status:error latency_ms>2000'.")
    ] = "",
) -> None:
    """List traces, newest first."""
    now = datetime.now(UTC)
    asked = {"from": _stamp(now - length(since)), "to": _stamp(now), "model": model, "q": query}
    items: list[TraceSummary] = []
    cursor: str | None = ""
    while cursor is not None and len(items) < limit:
        wanted = {**asked, "limit": min(_PAGE, limit - len(items)), "cursor": cursor}
        page = api.get("/traces", TracePage, wanted)
        items += page.items
        cursor = page.next_cursor
    if as_json:
        print_json(items)
        return
    headings = ("STARTED", "TRACE", "STATUS", "MODEL", "DURATION", "TTFT", "TOKENS", "COST", "INPUT")
    print_table(headings, [_row(item) for item in items], f"No traces in the last {since}.")


@app.command()
@command
def show(api: Api, as_json: bool, trace_id: Annotated[str, typer.Argument(help="The trace's id.")]) -> None:
    """Show one trace with its spans, inputs and outputs."""
    trace = api.get(f"/traces/{trace_id}", Trace)
    if as_json:
        print_json(trace)
        return
    summary = trace.summary
    print_line(f"{summary.trace_id}  {show_time(summary.started_at)}  {show_ms(summary.duration_ms)}  {summary.status}")
    nodes: dict[str, Tree] = {}
    root = Tree(escape(summary.name or "trace"))
    for span in trace.spans:
        nodes[span.span_id] = nodes.get(span.parent_span_id, root).add(_label(span))
    Console(highlight=False, width=None if sys.stdout.isatty() else 240).print(root)


def _stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _row(item: TraceSummary) -> tuple[str, ...]:
    return (
        show_time(item.started_at),
        item.trace_id,
        item.error_code or item.status,
        ", ".join(item.models),
        show_ms(item.duration_ms),
        show_ms(item.ttft_ms),
        str(item.usage.total),
        show_money(item.cost_usd, unpriced=item.unpriced_count > 0),
        item.input_preview[:60],
    )


def _label(span: SpanDetail) -> str:
    lines = [f"[bold]{escape(span.name)}[/] {show_ms(span.duration_ms)} {span.status} {escape(span.model_served)}"]
    if span.error_code:
        lines.append(f"[red]{escape(f'[{span.error_code}] {span.error_detail}')}[/]")
    if span.usage is not None:
        cost = show_money(span.cost_usd, unpriced=span.cost_status is not CostStatus.UNMETERED)
        lines.append(f"[dim]cost {cost} {escape(span.cost_detail)}[/]")
    lines += [
        f"[dim]{name}:[/] {escape(_cut(body))}" for name, body in (("input", span.input), ("output", span.output))
    ]
    return "\n".join(lines)


def _cut(text: str) -> str:
    return text if len(text) <= _BODY_CHARS else f"{text[:_BODY_CHARS]}… ({len(text)} characters; --json shows all)"
