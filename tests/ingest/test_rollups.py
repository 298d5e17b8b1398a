"""The loop that builds rollups: at once while there is much to do, seldom when there is little."""

from pilothouse.ingest.rollups import RollupLoop


class Store:
    """Says how much it built."""

    def __init__(self, *built: int) -> None:
        self._built = list(built)
        self.tidied = 0
        self.settled: list[int | None] = []
        self.in_parts: list[bool] = []

    async def build_rollups(self, settled_us: int | None = None, *, in_parts: bool = False) -> int:
        self.settled.append(settled_us)
        self.in_parts.append(in_parts)
        return self._built.pop(0)

    async def tidy_rollups(self) -> int:
        self.tidied += 1
        return 0


async def test_history_is_built_at_once_and_news_now_and_then() -> None:
    store = Store(4000, 3)
    loop = RollupLoop(store, iter([None, 7]).__next__, iter([0.5, 30.0]).__next__)
    assert await loop.tick() < await loop.tick()
    assert store.settled == [None, 7]
    assert store.in_parts == [True, False], "ingest that is behind has the machine for itself"
    assert store.tidied == 0
