"""What a surface has left in the spool."""

from pathlib import Path

import msgspec

from pilothouse.domain import envelope, score
from pilothouse.domain.patch import SpanPatch
from pilothouse.domain.score import Score
from pilothouse.spool import SpoolReader


class Kept(msgspec.Struct):
    """The contents of a spool since the last look."""

    patches: list[SpanPatch] = []
    scores: list[Score] = []
    records: int = 0


def kept(folder: Path) -> Kept:
    """Take what is in the platform's spool below a test's folder."""
    found = Kept()
    reader = SpoolReader(folder / "spool" / "platform")
    try:
        while batch := reader.read(64 * 1024**2, 10_000, 0.0):
            for item in batch.items:
                found.records += 1
                if item.kind == envelope.PATCHES:
                    found.patches += envelope.decode_patches(item.payload)
                elif item.kind == score.SCORES:
                    found.scores += score.decode(item.payload)
            reader.ack(batch)
    finally:
        reader.close()
    return found
