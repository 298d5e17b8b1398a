"""The newest snapshot, read from its file; a damaged or missing file leaves the last good one in force."""

import logging
from pathlib import Path

from pilothouse import instruments
from pilothouse.domain import snapshot as snapshot_file
from pilothouse.domain.redaction.projects import Redactors
from pilothouse.domain.secret import SecretBox
from pilothouse.domain.snapshot import Account, Snapshot
from pilothouse.errors import PilothouseError, SnapshotMissing
from pilothouse.gateway.index import Deployment, Index
from pilothouse.loops import Loop
from pilothouse.providers.base import AccountOptions, Prepared
from pilothouse.providers.table import make

_log = logging.getLogger(__name__)


class Snapshots(Loop):
    """Follows the snapshot file."""

    def __init__(self, path: Path, poll_s: float, secrets: SecretBox) -> None:
        super().__init__("gateway snapshots")
        self._path = path
        self._poll_s = poll_s
        self._secrets = secrets
        self._seen: tuple[int, int, int] | None = None
        self._index: Index | None = None
        self._redactors = Redactors()
        self._made: dict[str, Deployment] = {}
        """Of the snapshot in force, by account id."""
        self.problem: str | None = "the platform has not written a snapshot yet"
        """Why the file could not be taken over, None when it was."""

    def index(self) -> Index:
        """Return the index in force; raises `SnapshotMissing` while there has never been one."""
        if self._index is None:
            raise SnapshotMissing("the gateway has not been given its keys and routes yet; is the platform running?")
        return self._index

    @property
    def in_force(self) -> bool:
        """Whether there is a snapshot to serve calls by."""
        return self._index is not None

    async def tick(self) -> float:
        """Take over the file when it changed; returns the poll interval."""
        self.refresh()
        return self._poll_s

    def refresh(self) -> None:
        """Take over the file when it changed since the last look."""
        try:
            stat = self._path.stat()
            seen = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
            if seen == self._seen:
                return
            snapshot = snapshot_file.decode(self._path.read_bytes())
        except FileNotFoundError:
            return
        except (OSError, PilothouseError) as error:
            self._note(str(error))
            return
        self._seen = seen
        self._index = self._build(snapshot)
        self.problem = None
        instruments.SNAPSHOT_VERSION.set(snapshot.version)
        _log.info("snapshot %d in force", snapshot.version)

    def _build(self, snapshot: Snapshot) -> Index:
        self._redactors = self._redactors.renewed(snapshot.redaction, self._secrets)
        index = Index(snapshot, self._deployment, _log_broken, self._redactors)
        self._made = {made.account.id: made for made in index.deployments.values()}
        return index

    def _deployment(self, account: Account) -> Deployment:
        made = self._made.get(account.id)
        if made is not None and made.account == account:
            # It knows which of its keys rest, and may hold a token.
            return made
        secret = self._secrets.open(account.sealed_secret, f"account:{account.id}") if account.sealed_secret else ""
        options = AccountOptions(account.name, account.base_url, secret, account.headers)
        provider = make(account.provider, options)
        return Deployment(account, provider, provider if isinstance(provider, Prepared) else None)

    def _note(self, problem: str) -> None:
        if problem != self.problem:
            self.problem = problem
            _log.error("the snapshot was not taken over, the last good one stays in force: %s", problem)


def _log_broken(account: Account, error: Exception) -> None:
    _log.error("provider account %s is left out: %s", account.name, error)
