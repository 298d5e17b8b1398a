"""The error tree: stable code, HTTP status, retry class and who is to blame.

PilothouseError
├── CallerError            the request, the key or the operator's input is at fault
│   ├── InvalidRequest     ├── InvalidJson  ├── ModelMissing  ├── BodyTooLarge  ├── PreviousResponseNotFound
│   │                      ├── MediaNotFetched  ├── BodyTooSlow  └── InvalidQuery
│   ├── Unauthorized       ├── KeyMissing  ├── KeyUnknown  ├── KeyExpired  ├── KeyRevoked  ├── SessionMissing
│   │                      ├── LoginFailed  └── SignInLinkInvalid
│   ├── Forbidden          ├── ModelForbidden  ├── PermissionMissing  └── CsrfRejected
│   ├── NotFound           ├── ModelUnknown  └── EndpointUnknown
│   ├── MethodNotAllowed   ├── Conflict  ├── EditConflict  ├── LoginThrottled  └── ClientDisconnected
├── UpstreamError          the provider is at fault
│   ├── UpstreamUnreachable  └── UpstreamTls
│   ├── UpstreamTimeout  ├── UpstreamProtocol  └── UpstreamHtml
│   ├── UpstreamCut  ├── AnswerOffSchema  ├── AnswerBroken
│   ├── UpstreamInvalid  ├── UpstreamAuth  ├── UpstreamBilling  ├── UpstreamNotFound
│   ├── ContextLength  ├── ContentPolicy
│   └── UpstreamRateLimited  ├── UpstreamOverloaded  └── UpstreamFault
└── PlatformError          this installation is at fault
    ├── SettingsInvalid  ├── PortInUse  ├── DataFolderUnwritable  ├── DataFolderNewer  ├── DataFolderInUse  ├── DiskFull
    ├── StoreUnavailable  ├── QueryRefused  ├── MetadataUnavailable  ├── SnapshotMissing  ├── SpoolFull
    ├── IngestBusy  ├── LocalModelUnavailable  ├── ExtraMissing  ├── Unreachable  ├── ShuttingDown
    └── InternalError

Each class is told apart where it is raised, by type and status, never later by the text of its message.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import ClassVar


class Blame(StrEnum):
    """Who has to act for the error to go away."""

    CALLER = "caller"
    UPSTREAM = "upstream"
    PLATFORM = "platform"


class Retry(StrEnum):
    """Whether the same call may succeed later without a change."""

    NEVER = "never"
    TRANSIENT = "transient"


class PilothouseError(Exception):
    """The root of every error that Pilothouse raises on purpose.

    `detail` says what happened and what to do, and never holds a secret. `param` names the offending field as a
    JSON pointer or a plain name. `retry_after_s` is set when the other side said how long to wait.
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Error"
    blame: ClassVar[Blame] = Blame.PLATFORM
    retry: ClassVar[Retry] = Retry.NEVER

    def __init__(self, detail: str, *, param: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.param = param
        self.retry_after_s = retry_after_s


class CallerError(PilothouseError):
    """The request cannot be served as it was sent."""

    code = "caller_error"
    status = 400
    title = "Bad request"
    blame = Blame.CALLER


class InvalidRequest(CallerError):
    """A field is missing, of the wrong type, or unknown."""

    code = "invalid_request"
    title = "Invalid request"


class InvalidJson(InvalidRequest):
    """The body is not valid JSON."""

    code = "invalid_json"
    title = "Invalid JSON"


class ModelMissing(InvalidRequest):
    """The request names no model."""

    code = "model_missing"
    title = "No model named"


class BodyTooLarge(InvalidRequest):
    """The body is over the configured limit."""

    code = "body_too_large"
    status = 413
    title = "Body too large"


class InvalidQuery(InvalidRequest):
    """A query in the query language cannot be read.

    `position` and `length` are the characters at fault, counted from 0; `expected` says what could stand there.
    """

    code = "invalid_query"
    title = "Query not understood"

    def __init__(self, detail: str, *, position: int = 0, length: int = 0, expected: tuple[str, ...] = ()) -> None:
        super().__init__(detail)
        self.position = position
        self.length = length
        self.expected = expected


class BodyTooSlow(InvalidRequest):
    """The body did not come within the time for it."""

    code = "body_too_slow"
    status = 408
    title = "Body too slow"
    retry = Retry.TRANSIENT


class MediaNotFetched(InvalidRequest):
    """An image or a document could not be fetched from the address that the request names."""

    code = "media_not_fetched"
    title = "Media could not be fetched"


class PreviousResponseNotFound(InvalidRequest):
    """The response to go on from is not kept here, or is another project's."""

    code = "previous_response_not_found"
    title = "Previous response not found"


class Unauthorized(CallerError):
    """The caller has not shown who it is."""

    code = "unauthorized"
    status = 401
    title = "Not signed in"


class KeyMissing(Unauthorized):
    """No virtual key was sent."""

    code = "key_missing"
    title = "No key"


class KeyUnknown(Unauthorized):
    """The virtual key is not one of ours."""

    code = "key_unknown"
    title = "Unknown key"


class KeyExpired(Unauthorized):
    """The virtual key is past its expiry."""

    code = "key_expired"
    title = "Expired key"


class KeyRevoked(Unauthorized):
    """The virtual key was revoked."""

    code = "key_revoked"
    title = "Revoked key"


class SessionMissing(Unauthorized):
    """The browser session is missing or has ended."""

    code = "session_missing"
    title = "Not signed in"


class LoginFailed(Unauthorized):
    """The email and password do not belong together."""

    code = "login_failed"
    title = "Wrong email or password"


class SignInLinkInvalid(Unauthorized):
    """The one-time sign-in link was used, has expired or was never issued."""

    code = "sign_in_link_invalid"
    title = "Sign-in link not valid"


class Forbidden(CallerError):
    """The caller is known but may not do this."""

    code = "forbidden"
    status = 403
    title = "Not allowed"


class ModelForbidden(Forbidden):
    """The model is outside the key's scope."""

    code = "model_forbidden"
    title = "Model not in the key's scope"


class PermissionMissing(Forbidden):
    """The key or role lacks the permission."""

    code = "permission_missing"
    title = "Permission missing"


class CsrfRejected(Forbidden):
    """A write from a browser came without its CSRF token."""

    code = "csrf_rejected"
    title = "CSRF token missing or wrong"


class NotFound(CallerError):
    """There is no such thing, or the caller may not see it."""

    code = "not_found"
    status = 404
    title = "Not found"


class ModelUnknown(NotFound):
    """No account or alias serves the model."""

    code = "model_unknown"
    title = "Unknown model"


class EndpointUnknown(NotFound):
    """The gateway serves no such path."""

    code = "endpoint_unknown"
    title = "Unknown endpoint"


class MethodNotAllowed(CallerError):
    """The path exists, the method does not."""

    code = "method_not_allowed"
    status = 405
    title = "Method not allowed"


class Conflict(CallerError):
    """A thing of that name exists already."""

    code = "conflict"
    status = 409
    title = "Already exists"


class EditConflict(CallerError):
    """Somebody else changed the thing in between."""

    code = "edit_conflict"
    status = 412
    title = "Changed in between"


class LoginThrottled(CallerError):
    """Too many failed sign-ins."""

    code = "login_throttled"
    status = 429
    title = "Too many attempts"
    retry = Retry.TRANSIENT


class ClientDisconnected(CallerError):
    """The client went away before it had its answer."""

    code = "client_disconnected"
    status = 499
    title = "Client disconnected"


class UpstreamError(PilothouseError):
    """The provider did not give a usable answer.

    `upstream_status` is the provider's HTTP status, 0 when there was none. `body` is the provider's own error body,
    at most 64 KiB, shown to the caller only where dialects match.
    """

    code = "upstream_error"
    status = 502
    title = "Upstream failed"
    blame = Blame.UPSTREAM

    def __init__(
        self, detail: str, *, upstream_status: int = 0, body: bytes = b"", retry_after_s: float | None = None
    ) -> None:
        super().__init__(detail, retry_after_s=retry_after_s)
        self.upstream_status = upstream_status
        self.body = body


class UpstreamUnreachable(UpstreamError):
    """No connection: refused, no such host, TLS failure."""

    code = "upstream_unreachable"
    title = "Upstream unreachable"
    retry = Retry.TRANSIENT


class UpstreamTls(UpstreamUnreachable):
    """The encrypted connection failed: http instead of https, or a certificate that is not trusted."""

    code = "upstream_tls"
    title = "Upstream's TLS failed"


class UpstreamTimeout(UpstreamError):
    """Connect, first byte, next byte or the whole call took too long."""

    code = "upstream_timeout"
    status = 504
    title = "Upstream too slow"
    retry = Retry.TRANSIENT


class UpstreamProtocol(UpstreamError):
    """The bytes are not the HTTP or JSON they claim to be."""

    code = "upstream_protocol"
    title = "Upstream broke the protocol"
    retry = Retry.TRANSIENT


class UpstreamHtml(UpstreamProtocol):
    """A web page came back where an API was expected."""

    code = "upstream_html"
    title = "Upstream answered with a web page"


class UpstreamCut(UpstreamError):
    """The connection ended before the answer did."""

    code = "upstream_cut"
    title = "Upstream cut the answer"
    retry = Retry.TRANSIENT


class AnswerOffSchema(UpstreamError):
    """The model's answer breaks the JSON schema that the caller was promised."""

    code = "answer_off_schema"
    title = "Answer off the schema"
    retry = Retry.TRANSIENT


class AnswerBroken(UpstreamError):
    """The model's output is not what its own format demands, and the caller's API has no word for such an end."""

    code = "answer_broken"
    title = "Answer broken"
    retry = Retry.TRANSIENT


class UpstreamInvalid(UpstreamError):
    """The provider refuses the request as invalid."""

    code = "upstream_invalid"
    status = 400
    title = "Upstream refuses the request"
    blame = Blame.CALLER


class UpstreamAuth(UpstreamError):
    """The provider refuses the account's key."""

    code = "upstream_auth"
    title = "Upstream refuses the account's key"
    blame = Blame.PLATFORM


class UpstreamBilling(UpstreamError):
    """The provider account is out of credit."""

    code = "upstream_billing"
    title = "Upstream account out of credit"
    blame = Blame.PLATFORM


class UpstreamNotFound(UpstreamError):
    """The provider knows no such model or path."""

    code = "upstream_not_found"
    status = 404
    title = "Upstream has no such model"
    blame = Blame.CALLER


class ContextLength(UpstreamInvalid):
    """The prompt does not fit the model's context window."""

    code = "context_length"
    title = "Context window exceeded"


class ContentPolicy(UpstreamInvalid):
    """The provider's content filter refused."""

    code = "content_policy"
    title = "Refused by the provider's content policy"


class UpstreamRateLimited(UpstreamError):
    """The provider's rate limit is spent."""

    code = "upstream_rate_limited"
    status = 429
    title = "Upstream rate limit"
    retry = Retry.TRANSIENT


class UpstreamOverloaded(UpstreamError):
    """The provider is out of capacity."""

    code = "upstream_overloaded"
    status = 503
    title = "Upstream overloaded"
    retry = Retry.TRANSIENT


class UpstreamFault(UpstreamError):
    """The provider failed inside."""

    code = "upstream_fault"
    title = "Upstream fault"
    retry = Retry.TRANSIENT


class PlatformError(PilothouseError):
    """This installation cannot do its job."""

    code = "platform_error"
    title = "Platform error"


class SettingsInvalid(PlatformError):
    """A setting is unknown, of the wrong type or out of range; names the key, its file and line."""

    code = "settings_invalid"
    title = "Settings not valid"


class PortInUse(PlatformError):
    """Another process listens on the port."""

    code = "port_in_use"
    title = "Port in use"


class DataFolderUnwritable(PlatformError):
    """The data folder cannot be written."""

    code = "data_folder_unwritable"
    title = "Data folder not writable"


class DataFolderNewer(PlatformError):
    """The data folder was written by a newer version."""

    code = "data_folder_newer"
    title = "Data folder is from a newer version"


class DataFolderInUse(PlatformError):
    """Another Pilothouse runs on the same data folder."""

    code = "data_folder_in_use"
    title = "Data folder in use"


class DiskFull(PlatformError):
    """No room left on the data folder's disk."""

    code = "disk_full"
    status = 507
    title = "Disk full"
    retry = Retry.TRANSIENT


class StoreUnavailable(PlatformError):
    """The telemetry store does not answer; calls wait in the spool meanwhile."""

    code = "store_unavailable"
    status = 503
    title = "Telemetry store unavailable"
    retry = Retry.TRANSIENT


class QueryRefused(PlatformError):
    """The store refused or gave up on a query: too slow, too much memory, or not valid."""

    code = "query_refused"
    status = 422
    title = "Query refused"


class MetadataUnavailable(PlatformError):
    """The metadata database does not answer."""

    code = "metadata_unavailable"
    status = 503
    title = "Metadata database unavailable"
    retry = Retry.TRANSIENT


class SnapshotMissing(PlatformError):
    """The gateway has never been given its keys and routes."""

    code = "snapshot_missing"
    status = 503
    title = "Gateway has no snapshot yet"
    retry = Retry.TRANSIENT


class SpoolFull(PlatformError):
    """The spool has reached its bound on disk."""

    code = "spool_full"
    status = 429
    title = "Spool full"
    retry = Retry.TRANSIENT


class IngestBusy(PlatformError):
    """As much telemetry as fits into memory is being taken in already."""

    code = "ingest_busy"
    status = 429
    title = "Too much telemetry at once"
    retry = Retry.TRANSIENT


class LocalModelUnavailable(PlatformError):
    """The bundled local model is not installed or does not start."""

    code = "local_model_unavailable"
    status = 503
    title = "Local model unavailable"


class ExtraMissing(PlatformError):
    """An optional part of the distribution is not installed; says which extra to install."""

    code = "extra_missing"
    title = "Optional part not installed"


class Unreachable(PlatformError):
    """The CLI found no running Pilothouse at the address."""

    code = "unreachable"
    title = "Pilothouse is not running there"
    retry = Retry.TRANSIENT


class ShuttingDown(PlatformError):
    """The process is stopping and takes no new work."""

    code = "shutting_down"
    status = 503
    title = "Shutting down"
    retry = Retry.TRANSIENT


class InternalError(PlatformError):
    """A fault of ours; the request id leads to the log line."""

    code = "internal_error"
    title = "Internal error"


def kinds() -> Iterator[type[PilothouseError]]:
    """Yield every class of the tree, each before those below it; rooms may refine one, without a code of its own."""
    pending: list[type[PilothouseError]] = [PilothouseError]
    while pending:
        kind = pending.pop(0)
        yield kind
        pending = [*(one for one in kind.__subclasses__() if one.__module__ == __name__), *pending]
