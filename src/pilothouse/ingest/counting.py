"""Which model calls of a trace are counted, so that one that several parties report counts once."""

from collections import deque

from pilothouse.domain.holding import Node, Shape

SLACK_NS = 10**9
"""How far the clocks of an application and of the gateway may be apart, where only times tell that a call is one."""
LATE_NS = 60 * 10**9
"""How long after the application's span the gateway's call may begin, where that span ended as it gave a stream."""
_NESTED = 8
"""How many calls around a call are looked at for the step that they all belong to."""


_Line = deque[tuple[str, Node]]
"""Calls by id, in the order of their starts."""


def wrappers(shape: Shape) -> set[str]:
    """Return the ids of calls whose tokens, cost and number are those of another call in the same trace.

    That is a call with a call below it that carries a usage, and one without a usage that has any call below it. An
    application's own span around a call through the gateway is one, however many spans are between the two. The same
    whatever the order in which the spans came. Parents that are missing end the way up, and so does a circle, whose
    spans are below nothing.

    Some instrumentations tell nobody which of their spans is the current one, as those that work by callbacks: the
    gateway's call then stands beside the application's. The two are one when both count the same tokens and the
    gateway's lies within the times of the other; each is matched once. Others end their span as they give a stream,
    before it is asked for: there the two are one when they belong to the same step and the gateway's begins later.
    """
    found = _around(shape)
    return found | _beside(shape, found)


def _beside(shape: Shape, around: set[str]) -> set[str]:
    """Return the application's calls that are a call of the gateway's beside them."""
    counted = [
        (node.started_at_ns, span_id, node)
        for span_id, node in shape.items()
        if node.is_call and node.tokens and node.ended_at_ns and span_id not in around
    ]
    sheltered: dict[str, bool] = {}
    ours = [one for one in counted if one[2].by_gateway and not _is_below(shape, one[1], around, sheltered)]
    if not ours:
        return set()
    others = [(span_id, node) for _, span_id, node in sorted(counted) if not node.by_gateway]
    theirs: dict[int, _Line] = {}
    for span_id, node in others:
        theirs.setdefault(node.tokens, deque()).append((span_id, node))
    found: set[str] = set()
    alone: list[Node] = []
    for _, _, node in sorted(ours):
        match = _matched(node, theirs.get(node.tokens, _Line()))
        if match:
            found.add(match)
        else:
            alone.append(node)
    if alone:
        found |= _begun_later(shape, alone, [one for one in others if one[0] not in found])
    return found


def _begun_later(shape: Shape, calls: list[Node], others: list[tuple[str, Node]]) -> set[str]:
    """Return the others, in the order of their starts, whose step one of the gateway's calls belongs to as well."""
    waiting: dict[tuple[str, int], _Line] = {}
    for span_id, node in others:
        waiting.setdefault((_step(shape, node), node.tokens), deque()).append((span_id, node))
    found: set[str] = set()
    for call in calls:
        line = waiting.get((call.parent_span_id, call.tokens), _Line()) if call.parent_span_id else _Line()
        while line and line[0][1].started_at_ns < call.started_at_ns - LATE_NS:
            line.popleft()
        if line and line[0][1].started_at_ns <= call.started_at_ns + SLACK_NS:
            found.add(line.popleft()[0])
    return found


def _step(shape: Shape, call: Node) -> str:
    """Return the id of what a call belongs to: of the nearest span above it that is no call itself."""
    for _ in range(_NESTED):
        above = shape.get(call.parent_span_id)
        if above is None or not above.is_call:
            break
        call = above
    return call.parent_span_id


def _matched(call: Node, others: _Line) -> str:
    """Take the first of the calls, which are in the order of their starts, within which the gateway's lies."""
    while others and others[0][1].ended_at_ns < call.started_at_ns - SLACK_NS:
        others.popleft()
    for place, (span_id, node) in enumerate(others):
        if node.started_at_ns > call.started_at_ns + SLACK_NS:
            break
        if node.ended_at_ns >= call.ended_at_ns - SLACK_NS:
            del others[place]
            return span_id
    return ""


def _is_below(shape: Shape, span_id: str, around: set[str], known: dict[str, bool]) -> bool:
    """Whether a call is below one that was found to be around it, or leads nowhere.

    `known` holds what earlier answers found out on the way up, so that all answers together are linear in the spans.
    """
    way = {span_id: None}
    above = shape[span_id].parent_span_id
    while above in shape and above not in around and above not in way and above not in known:
        way[above] = None
        above = shape[above].parent_span_id
    found = above in around or above in way or known.get(above, False)
    known.update(dict.fromkeys(way, found))
    return found


def _around(shape: Shape) -> set[str]:
    found: set[str] = set()
    metered_above: set[str] = set()
    called_above: set[str] = set()
    circles = _in_circles(shape)
    for span_id, node in shape.items():
        if not node.is_call or span_id in circles:
            continue
        passed = metered_above if node.metered else called_above
        current = node.parent_span_id
        while current not in passed and (above := shape.get(current)) is not None:
            passed.add(current)
            if above.is_call and (node.metered or not above.metered):
                found.add(current)
            if current in circles:
                break
            current = above.parent_span_id
    return found


def _in_circles(shape: Shape) -> set[str]:
    """Return the ids of spans that are, by what was said of their parents, above themselves."""
    found: set[str] = set()
    walk_of: dict[str, int] = {}
    for walk, start in enumerate(shape):
        current = start
        while current in shape and current not in walk_of:
            walk_of[current] = walk
            current = shape[current].parent_span_id
        if walk_of.get(current) == walk:
            while current not in found:
                found.add(current)
                current = shape[current].parent_span_id
    return found
