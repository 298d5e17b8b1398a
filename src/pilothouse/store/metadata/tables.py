"""The tables of the metadata database; a migration brings each database to exactly this form.

Times are nanoseconds since the epoch, lists and details are JSON text. Secrets that we hand out are kept as digests,
secrets that we must send on are kept sealed.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    text,
)

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)

projects = Table(
    "projects",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("created_at_ns", BigInteger, nullable=False),
)

people = Table(
    "people",
    metadata,
    Column("id", Text, primary_key=True),
    Column("email", Text, nullable=False, unique=True),
    Column("name", Text, nullable=False),
    Column("password_hash", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
)

memberships = Table(
    "memberships",
    metadata,
    Column("person_id", Text, ForeignKey("people.id", ondelete="CASCADE"), primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id", ondelete="CASCADE"), primary_key=True),
    Column("role", Text, nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("person_id", Text, ForeignKey("people.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("seen_at_ns", BigInteger, nullable=False),
    Column("expires_at_ns", BigInteger, nullable=False),
)

sign_in_links = Table(
    "sign_in_links",
    metadata,
    Column("digest", Text, primary_key=True),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("expires_at_ns", BigInteger, nullable=False),
    Column("used_at_ns", BigInteger),
)

login_failures = Table(
    "login_failures",
    metadata,
    Column("kind", Text, primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("failures", Integer, nullable=False),
    Column("last_at_ns", BigInteger, nullable=False),
    Column("blocked_until_ns", BigInteger, nullable=False),
)

virtual_keys = Table(
    "virtual_keys",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, ForeignKey("projects.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", Text, nullable=False, unique=True),
    Column("hint", Text, nullable=False),
    Column("permissions", Text, nullable=False),
    Column("models", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("expires_at_ns", BigInteger),
    Column("revoked_at_ns", BigInteger),
)

Index(
    "uq_virtual_keys_live_name",
    virtual_keys.c.project_id,
    virtual_keys.c.name,
    unique=True,
    sqlite_where=text("revoked_at_ns IS NULL"),
    postgresql_where=text("revoked_at_ns IS NULL"),
)

accounts = Table(
    "accounts",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("provider", Text, nullable=False),
    Column("base_url", Text, nullable=False),
    Column("sealed_secret", Text, nullable=False),
    Column("models", Text, nullable=False),
    Column("open_models", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("managed", Boolean, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("headers", Text, nullable=False, server_default="[]"),
)

aliases = Table(
    "aliases",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False, unique=True),
    Column("targets", Text, nullable=False),
    Column("managed", Boolean, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
)

snapshot_version = Table(
    "snapshot_version",
    metadata,
    Column("id", Integer, CheckConstraint("id = 1", name="one_row"), primary_key=True, autoincrement=False),
    Column("version", BigInteger, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    Column("scope", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("request_digest", Text, nullable=False),
    Column("status", Integer, nullable=False),
    Column("sealed_reply", LargeBinary, nullable=False),
    Column("expires_at_ns", BigInteger, nullable=False, index=True),
)

kv = Table(
    "kv",
    metadata,
    Column("key", Text, primary_key=True),
    Column("value", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Text, primary_key=True),
    Column("at_ns", BigInteger, nullable=False, index=True),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("detail", Text, nullable=False),
)

files = Table(
    "files",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("expires_at_ns", BigInteger, index=True),
    Column("touched_at_ns", BigInteger, nullable=False),
    Column("complete", Boolean, nullable=False),
    Index("ix_files_project_id_id", "project_id", "id"),
    Index(
        "ix_files_incomplete",
        "touched_at_ns",
        sqlite_where=text("NOT complete"),
        postgresql_where=text("NOT complete"),
    ),
)
"""A file is not complete while it is written, and again once it is deleted and its pieces wait to be removed."""

file_chunks = Table(
    "file_chunks",
    metadata,
    Column("file_id", Text, ForeignKey("files.id"), primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("data", LargeBinary, nullable=False),
)

batches = Table(
    "batches",
    metadata,
    Column("id", Text, primary_key=True),
    Column("project_id", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("input_file_id", Text, nullable=False),
    Column("completion_window", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("expires_at_ns", BigInteger, nullable=False),
    Column("status", Text, nullable=False, index=True),
    Column("in_progress_at_ns", BigInteger),
    Column("finalizing_at_ns", BigInteger),
    Column("completed_at_ns", BigInteger),
    Column("failed_at_ns", BigInteger),
    Column("expired_at_ns", BigInteger),
    Column("cancelling_at_ns", BigInteger),
    Column("cancelled_at_ns", BigInteger),
    Column("output_file_id", Text, nullable=False),
    Column("error_file_id", Text, nullable=False),
    Column("total", Integer, nullable=False),
    Column("completed", Integer, nullable=False),
    Column("failed", Integer, nullable=False),
    Column("errors", Text, nullable=False),
    Column("labels", Text, nullable=False),
    Column("output_expires_after_s", BigInteger),
    Column("claimed_by", Text, nullable=False),
    Column("lease_until_ns", BigInteger, nullable=False),
    Index("ix_batches_project_id_id", "project_id", "id"),
)

batch_jobs = Table(
    "batch_jobs",
    metadata,
    Column("batch_id", Text, ForeignKey("batches.id"), primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("account", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("model", Text, nullable=False),
    Column("alias", Text, nullable=False),
    Column("dialect", Text, nullable=False),
    Column("lines", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("upstream_id", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("submitted_at_ns", BigInteger, nullable=False),
)

batch_lines = Table(
    "batch_lines",
    metadata,
    Column("batch_id", Text, ForeignKey("batches.id"), primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("custom_id", Text, nullable=False),
    Column("place", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("job", Integer, nullable=False),
    Column("done", Boolean, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("result", LargeBinary),
)
"""Lines are removed once their batch is over and its files are written."""

responses = Table(
    "responses",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("id", Text, primary_key=True),
    Column("previous_id", Text, nullable=False),
    Column("key_id", Text, nullable=False),
    Column("created_at_ns", BigInteger, nullable=False),
    Column("expires_at_ns", BigInteger, nullable=False, index=True),
    Column("account", Text, nullable=False),
    Column("upstream_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("background", Boolean, nullable=False),
    Column("streamed", Boolean, nullable=False),
    Column("claimed_by", Text, nullable=False),
    Column("lease_until_ns", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("call", LargeBinary),
    Column("input", LargeBinary, nullable=False),
    Column("document", LargeBinary, nullable=False),
)

Index(
    "ix_responses_waiting",
    responses.c.lease_until_ns,
    sqlite_where=text("call IS NOT NULL"),
    postgresql_where=text("call IS NOT NULL"),
)

response_events = Table(
    "response_events",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("response_id", Text, primary_key=True),
    Column("first", Integer, primary_key=True, autoincrement=False),
    Column("last", Integer, nullable=False),
    Column("events", LargeBinary, nullable=False),
)

receipts = Table(
    "receipts",
    metadata,
    Column("project_id", Text, primary_key=True),
    Column("minute_ns", BigInteger, primary_key=True, autoincrement=False),
    Column("surface", Text, primary_key=True),
    Column("signal", Text, primary_key=True),
    Column("sdk_name", Text, primary_key=True),
    Column("sdk_version", Text, primary_key=True),
    Column("outcome", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("requests", BigInteger, nullable=False),
    Column("items", BigInteger, nullable=False),
    Column("sample", Text, nullable=False),
    Index("ix_receipts_minute_ns", "minute_ns"),
)
"""Counts; each of the many processes that count adds to the row of its minute."""
