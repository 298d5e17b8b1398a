"""Token counts of any convention as disjoint buckets."""

import msgspec

from pilothouse.domain.usage import Usage

_LIMIT = 2**53


class Counts(msgspec.Struct, frozen=True, kw_only=True):
    """Tokens as a source counts them; None is unsaid."""

    input: int | None = None
    output: int | None = None
    total: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None
    """Of both lifetimes, or of the short one when the long one is said by itself."""
    cache_write_1h: int | None = None
    """Among `cache_write`."""
    input_audio: int | None = None
    input_image: int | None = None
    reasoning: int | None = None
    output_audio: int | None = None
    output_image: int | None = None


def buckets(counts: Counts, *, inclusive: bool = True) -> Usage | None:
    """Return the disjoint buckets; None when neither input nor output nor any part of them is said.

    `inclusive` is the source's convention: whether `input` and `output` hold their parts. Where a total is said, it
    decides instead. No bucket is negative: parts that are greater than their whole leave 0 of it and make the usage
    inconsistent.
    """
    said = [value for value in msgspec.structs.astuple(counts) if value is not None]
    if not said:
        return None
    if len(said) == 2 and counts.input is not None and counts.output is not None:
        # what most sources say, and nothing that could contradict it
        into, out = counts.input, counts.output
        return Usage(max(0, min(into, _LIMIT)), output_tokens=max(0, min(out, _LIMIT)), inconsistent=min(into, out) < 0)
    read, written, long = _parts(counts.cache_read, counts.cache_write, counts.cache_write_1h)
    audio, image = _parts(counts.input_audio, counts.input_image)
    reasoning, audio_out, image_out = _parts(counts.reasoning, counts.output_audio, counts.output_image)
    into = read + written + audio + image
    out = reasoning + audio_out + image_out
    within_input, within_output = _conventions(counts, into, out, inclusive)
    plain_in, bad_in = _rest(counts.input, into if within_input else 0)
    plain_out, bad_out = _rest(counts.output, out if within_output else 0)
    return Usage(
        input_tokens=plain_in,
        cache_read_tokens=read,
        cache_write_5m_tokens=max(0, written - long),
        cache_write_1h_tokens=min(long, written) if written else long,
        input_audio_tokens=audio,
        input_image_tokens=image,
        output_tokens=plain_out,
        reasoning_tokens=reasoning,
        output_audio_tokens=audio_out,
        output_image_tokens=image_out,
        inconsistent=bad_in or bad_out or min(said) < 0 or long > written,
    )


def finest(usages: list[Usage]) -> Usage | None:
    """Return the first usage, or a later one that divides the same figures further.

    A count of the input that knows nothing of a cache may be the whole or only what the cache did not serve.
    """
    best: Usage | None = None
    for usage in usages:
        if best is None:
            best = usage
            continue
        plain = best.input_tokens if best.input_tokens == best.input_total else None
        same_input = usage.input_total == best.input_total or usage.input_tokens == plain
        if same_input and usage.output_total == best.output_total:
            best = max(best, usage, key=_divided)
    return best


def _divided(usage: Usage) -> int:
    fields = (getattr(usage, name) for name in usage.__struct_fields__ if name.endswith("_tokens"))
    return sum(1 for value in fields if value) + (2 if usage.tier else 0)


def _parts(*values: int | None) -> tuple[int, ...]:
    return tuple([min(value, _LIMIT) if value and value > 0 else 0 for value in values])


def _rest(whole: int | None, parts: int) -> tuple[int, bool]:
    """Return what is left of a whole, and whether the parts are more than it."""
    if whole is None:
        return 0, False
    return max(0, min(whole, _LIMIT) - parts), parts > max(0, whole)


def _conventions(counts: Counts, into: int, out: int, inclusive: bool) -> tuple[bool, bool]:
    """Return whether input and output hold their parts."""
    if counts.total is None or counts.input is None or counts.output is None or not into + out:
        return inclusive, inclusive
    beyond = counts.total - counts.input - counts.output
    if beyond == 0:
        # a total that is the plain sum of an exclusive source says nothing; parts greater than the whole do
        return (True, True) if inclusive else (False, False)
    if beyond == into + out:
        return False, False
    if beyond == out:
        return True, False
    if beyond == into:
        return False, True
    return inclusive, inclusive
