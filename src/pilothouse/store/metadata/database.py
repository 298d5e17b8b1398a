"""The metadata database: connect, migrate, and run work in transactions without blocking the event loop."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from sqlalchemy import Connection, Engine

from pilothouse import __version__
from pilothouse.errors import MetadataUnavailable, PilothouseError
from pilothouse.plugins import load
from pilothouse.store.metadata.access import Keys, Projects
from pilothouse.store.metadata.batch_work import BatchWork
from pilothouse.store.metadata.batches import Batches
from pilothouse.store.metadata.comments import Comments
from pilothouse.store.metadata.dashboards import Dashboards
from pilothouse.store.metadata.datasets import Datasets
from pilothouse.store.metadata.engine import WRITE, make_engine, parse_url, place, translated
from pilothouse.store.metadata.experiments import Experiments
from pilothouse.store.metadata.exports import Exports
from pilothouse.store.metadata.files import Files
from pilothouse.store.metadata.journal import Audit, Replies, Values, Version
from pilothouse.store.metadata.media import MediaRows
from pilothouse.store.metadata.options import MetadataOptions
from pilothouse.store.metadata.people import Failures, Links, People, Sessions
from pilothouse.store.metadata.prompts import Prompts
from pilothouse.store.metadata.receipts import Receipts
from pilothouse.store.metadata.redaction import RedactionPolicies
from pilothouse.store.metadata.removals import Deletions, Retentions
from pilothouse.store.metadata.responses import Responses
from pilothouse.store.metadata.review_marks import ReviewMarks
from pilothouse.store.metadata.reviews import ReviewItems, ReviewQueues
from pilothouse.store.metadata.revisions import Revisions
from pilothouse.store.metadata.routing import Accounts, Aliases
from pilothouse.store.metadata.saved_views import SavedViews
from pilothouse.store.metadata.scoring import PromptLikes, ScoreConfigs, ScoreTickets
from pilothouse.store.metadata.shares import Shares

T = TypeVar("T")
_UPGRADE = "pilothouse.store.metadata.migrate:upgrade"
"""Loaded by whoever migrates: its library costs a tenth of a second, and the gateway never does."""


class Transaction:
    """One open transaction, with the verbs of each table; lives in one thread and only as long as the work runs."""

    def __init__(self, connection: Connection) -> None:
        self.projects = Projects(connection)
        self.keys = Keys(connection)
        self.accounts = Accounts(connection)
        self.aliases = Aliases(connection)
        self.people = People(connection)
        self.sessions = Sessions(connection)
        self.links = Links(connection)
        self.failures = Failures(connection)
        self.version = Version(connection)
        self.audit = Audit(connection)
        self.replies = Replies(connection)
        self.values = Values(connection)
        self.responses = Responses(connection)
        self.files = Files(connection)
        self.batches = Batches(connection)
        self.batch_work = BatchWork(connection)
        self.receipts = Receipts(connection)
        self.redaction = RedactionPolicies(connection)
        self.exports = Exports(connection)
        self.retentions = Retentions(connection)
        self.deletions = Deletions(connection)
        self.revisions = Revisions(connection)
        self.prompts = Prompts(connection)
        self.dashboards = Dashboards(connection)
        self.datasets = Datasets(connection)
        self.experiments = Experiments(connection)
        self.media = MediaRows(connection)
        self.score_configs = ScoreConfigs(connection)
        self.score_tickets = ScoreTickets(connection)
        self.prompt_likes = PromptLikes(connection)
        self.saved_views = SavedViews(connection)
        self.shares = Shares(connection)
        self.comments = Comments(connection)
        self.review_queues = ReviewQueues(connection)
        self.review_items = ReviewItems(connection)
        self.review_marks = ReviewMarks(connection)


class Metadata:
    """The metadata database behind async methods; the work itself is plain code that runs in a thread of ours.

    Every method raises `MetadataUnavailable` when the database does not answer and `DiskFull` when it has no room.
    A cancelled caller does not stop work that has begun: the transaction still commits or rolls back as a whole.
    """

    def __init__(self, options: MetadataOptions, app_version: str = __version__) -> None:
        self._options = options
        self._app_version = app_version
        self._place = place(parse_url(options.url))
        self._engine: Engine | None = None
        self._readers: ThreadPoolExecutor | None = None
        self._writers: ThreadPoolExecutor | None = None

    @property
    def place(self) -> str:
        """Where the database is, without its password."""
        return self._place

    async def connect(self) -> None:
        """Open the pool; creates a missing SQLite file with mode 0600. Raises `SettingsInvalid` for a bad URL."""
        engine = await asyncio.to_thread(make_engine, self._options)
        size = self._options.pool_size
        self._readers = ThreadPoolExecutor(size, "metadata-read")
        # SQLite has one writer: queueing in one thread is fair, while waiting for its lock is not.
        self._writers = ThreadPoolExecutor(1 if engine.dialect.name == "sqlite" else size, "metadata-write")
        self._engine = engine

    async def migrate(self) -> None:
        """Bring the schema to this version's; idempotent. Raises `DataFolderNewer` for a newer database."""

        def work(connection: Connection) -> str:
            upgrade: Callable[[Connection, str], str] = load(_UPGRADE)
            return upgrade(connection, self._app_version)

        await self._run(self._writers, work, write=True)

    async def close(self) -> None:
        """Let running work end and close every connection; idempotent."""
        engine, self._engine = self._engine, None
        for executor in (self._readers, self._writers):
            if executor is not None:
                await asyncio.to_thread(executor.shutdown)
        if engine is not None:
            await asyncio.to_thread(engine.dispose)

    async def ping(self) -> str | None:
        """Return None when the database answers and has our schema, else why not."""
        try:
            await self.read(lambda tx: tx.version.get())
        except PilothouseError as error:
            return error.detail
        return None

    async def read(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` over one consistent view of the database and return its result."""
        return await self._run(self._readers, lambda connection: work(Transaction(connection)), write=False)

    async def write(self, work: Callable[[Transaction], T]) -> T:
        """Run `work` in one transaction: all of it is committed when it returns, none when it raises."""
        return await self._run(self._writers, lambda connection: work(Transaction(connection)), write=True)

    async def _run(self, executor: ThreadPoolExecutor | None, work: Callable[[Connection], T], *, write: bool) -> T:
        engine = self._engine
        if engine is None or executor is None:
            raise MetadataUnavailable(f"the metadata database {self._place} is not open")
        return await asyncio.get_running_loop().run_in_executor(executor, self._transact, engine, work, write)

    def _transact(self, engine: Engine, work: Callable[[Connection], T], write: bool) -> T:
        with translated(self._place), engine.connect() as connection:
            if write:
                connection = connection.execution_options(**{WRITE: True})
            elif engine.dialect.name == "postgresql":
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                return work(connection)
