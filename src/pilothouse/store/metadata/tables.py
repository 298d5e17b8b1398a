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
