"""Answers to several questions over the same time: what rollups can tell in one statement, the rest beside it."""

import asyncio
from collections.abc import Sequence

import msgspec

from pilothouse.domain.query.aggregate import Aggregate, Table
from pilothouse.errors import PilothouseError
from pilothouse.store.telemetry import query_figures
from pilothouse.store.telemetry.conditions import nanoseconds
from pilothouse.store.telemetry.connection import Connection, Parameter, Query
from pilothouse.store.telemetry.query_figures import Asked, Row
from pilothouse.store.telemetry.query_rollups import Rolled, of_rollups
from pilothouse.store.telemetry.rollup_cover import Range
from pilothouse.store.telemetry.rollups import figures, statement
from pilothouse.store.telemetry.search import EXACT

Answer = Table | PilothouseError


async def fetch(connection: Connection, wanted: Aggregate) -> Table:
    """Return the answer to one question; raises `InvalidRequest` for too many steps of time."""
    answer = (await fetch_all(connection, [wanted]))[0]
    if isinstance(answer, PilothouseError):
        raise answer
    return answer


async def fetch_all(connection: Connection, wanted: Sequence[Aggregate]) -> list[Answer]:
    """Return the answers, or why there is none, in the order of the questions; all are of the same project and time."""
    answers: dict[int, Answer] = {}
    asked: dict[int, Asked] = {}
    for number, one in enumerate(wanted):
        try:
            asked[number] = query_figures.read(one, number)
        except PilothouseError as error:
            answers[number] = error
    rolled = {
        number: found for number, one in asked.items() if (found := of_rollups(one.wanted, one.step_s, one.filter))
    }
    whole = await _from_rollups(connection, asked, rolled) if rolled else None
    found = await asyncio.gather(
        *(_alone(connection, one, number) for number, one in asked.items() if not whole or number not in whole.numbers),
        *([_together(connection, asked, whole)] if whole else []),
    )
    for part in found:
        answers |= part
    return [answers[number] for number in range(len(wanted))]


class _Whole(msgspec.Struct, frozen=True):
    """One statement for several questions."""

    numbers: list[int]
    query: Query


async def _from_rollups(connection: Connection, asked: dict[int, Asked], rolled: dict[int, Rolled]) -> _Whole | None:
    """Return the statement for what rollups can tell, None when that is nothing."""
    first = next(iter(asked.values())).wanted
    of = Range(project_id=first.project_id, from_ns=nanoseconds(first.from_at), to_ns=nanoseconds(first.to_at))
    found = await figures(connection, of, [one.wanted for one in rolled.values()])
    numbers: list[int] = []
    branches: list[str] = []
    parameters: dict[str, Parameter] = dict(found.parameters)
    for (number, one), source in zip(rolled.items(), found.found, strict=True):
        if source is not None:
            groups = list(one.wanted.keys)
            sql, limit = query_figures.select(
                msgspec.structs.replace(asked[number], groups=groups, measures=one.measures, rows_of=f"({source})"),
                number,
            )
            numbers.append(number)
            branches.append(sql)
            parameters |= limit
    if not branches:
        return None
    sql = statement(found, "\nUNION ALL\n".join(branches))
    return _Whole(numbers, Query("figures of spans", sql, parameters))


async def _together(connection: Connection, asked: dict[int, Asked], whole: _Whole) -> dict[int, Answer]:
    try:
        rows = await connection.select(whole.query, Row)
    except PilothouseError as error:
        return dict.fromkeys(whole.numbers, error)
    by_number: dict[int, list[Row]] = {number: [] for number in whole.numbers}
    for row in rows:
        by_number[row.number].append(row)
    return {number: query_figures.table(asked[number], found) for number, found in by_number.items()}


async def _alone(connection: Connection, asked: Asked, number: int) -> dict[int, Answer]:
    sql, limit = query_figures.select(asked, number)
    query = Query(f"figures of {asked.wanted.source}", f"{sql}\n{EXACT}", {**asked.parameters, **limit})
    try:
        rows = await connection.select(query, Row)
    except PilothouseError as error:
        return {number: error}
    return {number: query_figures.table(asked, rows)}
