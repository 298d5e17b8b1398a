"""What an operator may set: every room's options in one value, and the only reader of environment and files.

Later sources win: built-in defaults, then `pilothouse.toml`, then the environment. The file is the one that
`PILOTHOUSE_SETTINGS` names, else `pilothouse.toml` beside the data folder that `PILOTHOUSE_DATA` names, else in the
working folder. The environment name of `[gateway] port` is `PILOTHOUSE_GATEWAY__PORT`; some have a short name too.
"""

import difflib
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import msgspec

from pilothouse.errors import SettingsInvalid
from pilothouse.gateway.options import GatewayOptions
from pilothouse.ingest.options import IngestOptions
from pilothouse.lifecycle.options import LifecycleOptions
from pilothouse.providers.local import LocalModelOptions
from pilothouse.server.options import ServerOptions
from pilothouse.server.otlp.options import OtlpOptions
from pilothouse.spool.files import SpoolOptions
from pilothouse.store.embedded.options import EmbeddedOptions
from pilothouse.store.metadata.options import MetadataOptions
from pilothouse.store.telemetry.options import StoreOptions
from pilothouse.transport.options import TransportOptions

FILE_NAME = "pilothouse.toml"
PREFIX = "PILOTHOUSE_"
SHORT_NAMES: Mapping[str, str] = {
    "PILOTHOUSE_DATA": "data",
    "PILOTHOUSE_LOG_LEVEL": "log_level",
    "PILOTHOUSE_URL": "url",
    "PILOTHOUSE_CLI_KEY": "key",
    "PILOTHOUSE_METADATA_URL": "metadata.url",
    "PILOTHOUSE_TELEMETRY_URL": "telemetry.url",
    "PILOTHOUSE_REDIS_URL": "redis_url",
    "PILOTHOUSE_GATEWAY_PORT": "gateway.port",
    "PILOTHOUSE_PLATFORM_PORT": "server.port",
    "OPENAI_API_KEY": "openai_api_key",
    "ANTHROPIC_API_KEY": "anthropic_api_key",
}
"""Environment names that do not follow from the setting's own name."""
_WIRED = frozenset(
    {"source", *(f"embedded.{name}" for name in ("path", "secret", "username", "host", "port", "port_file"))}
)
"""Fields that follow from the data folder and are not for the operator to set."""
_SECRET = re.compile(r"(^|[._])(secret|key|token|password)$")
_HEADER = re.compile(r"^\s*\[+\s*([^\]]+?)\s*\]+")
_ASSIGNMENT = re.compile(r"""^\s*([A-Za-z0-9_."'-]+)\s*=""")
_LOG_LEVELS = ("debug", "info", "warning", "error")
_PORTS = range(1, 65536)
MASK = "•••"


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings of one installation. Its printed form masks secrets."""

    data: Path = Path("data")
    """Folder of everything Pilothouse keeps; in a settings file, relative to that file."""
    log_level: str = "info"
    """`debug`, `info`, `warning` or `error`."""
    redis_url: str = ""
    """`redis://…` for counters that several gateway workers share; empty means counters inside the one process."""
    openai_api_key: str = ""
    """When set, the account `openai` is kept up with it, and `default` leads there."""
    anthropic_api_key: str = ""
    """When set, the account `anthropic` is kept up with it."""
    url: str = ""
    """For commands: address of the platform API; empty means the one that these settings would start."""
    key: str = ""
    """For commands: the virtual key to show; empty means the local token of the data folder."""
    gateway: GatewayOptions = GatewayOptions()
    transport: TransportOptions = TransportOptions()
    spool: SpoolOptions = SpoolOptions()
    ingest: IngestOptions = IngestOptions()
    lifecycle: LifecycleOptions = LifecycleOptions()
    server: ServerOptions = ServerOptions()
    otlp: OtlpOptions = OtlpOptions()
    metadata: MetadataOptions = MetadataOptions(url="")
    telemetry: StoreOptions = StoreOptions()
    embedded: EmbeddedOptions = EmbeddedOptions(path=Path(), secret="")
    local_model: LocalModelOptions = LocalModelOptions()
    source: Path | None = None
    """Where the file settings came from; not a setting itself."""

    def __repr__(self) -> str:
        """Return the settings that differ from their defaults, secrets masked."""
        default = Settings()
        pairs = (
            f"{row.key}={masked(row.key, value)!r}"
            for row in rows()
            if (value := _get(self, row.key)) != _get(default, row.key)
        )
        return f"Settings({', '.join(pairs)})"


class Row(msgspec.Struct, frozen=True):
    """One setting: its dotted name, environment names, type (`kind`), default and the class whose docs describe it."""

    key: str
    env: tuple[str, ...]
    kind: Any
    default: Any
    owner: type[msgspec.Struct]

    @property
    def field(self) -> str:
        """The name inside its section."""
        return self.key.rpartition(".")[2]


def rows() -> tuple[Row, ...]:
    """Return every setting in a fixed order."""
    return tuple(_rows())


def load(environment: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """Read the settings from their sources; `environment` and working `folder` default to the process's own.

    Raises `SettingsInvalid` that names file and line, or the environment variable, of what is wrong.
    """
    environment = os.environ if environment is None else environment
    folder = folder or Path.cwd()
    known = {row.key: row for row in rows()}
    values: dict[str, Any] = {}
    source = _find_file(environment, folder)
    if source is not None:
        values |= _read_file(source, known)
    values |= _read_environment(environment, known)
    settings = _build(values, source)
    _check(settings)
    return settings


def child_environment(changes: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with `changes`, for a process of ours that is to read the same settings."""
    return {**os.environ, **changes}


def masked(key: str, value: Any) -> Any:
    """Return the value as it may be shown: secrets and passwords in addresses are replaced."""
    if not value:
        return value
    if _SECRET.search(key):
        return MASK
    if not isinstance(value, str):
        return value
    password = urlsplit(value).password if "://" in value else None
    return value.replace(f":{password}@", f":{MASK}@") if password else value


def _rows() -> Iterator[Row]:
    default = Settings()
    for field in msgspec.structs.fields(Settings):
        section = _get(default, field.name)
        if isinstance(section, msgspec.Struct):
            for inner in msgspec.structs.fields(section):
                if f"{field.name}.{inner.name}" not in _WIRED:
                    yield _row(f"{field.name}.{inner.name}", inner.type, default, type(section))
        elif field.name not in _WIRED:
            yield _row(field.name, field.type, default, Settings)


def _row(key: str, kind: Any, defaults: Settings, owner: type[msgspec.Struct]) -> Row:
    own = (PREFIX + key.replace(".", "__").upper(),) if "." in key else ()
    short = tuple(name for name, target in SHORT_NAMES.items() if target == key)
    return Row(key, (*short, *own), kind, _get(defaults, key), owner)


def _find_file(environment: Mapping[str, str], folder: Path) -> Path | None:
    named = environment.get("PILOTHOUSE_SETTINGS")
    if named:
        path = folder / Path(named).expanduser()
        if not path.is_file():
            raise SettingsInvalid(
                f"PILOTHOUSE_SETTINGS names {path}, and there is no such file", param="PILOTHOUSE_SETTINGS"
            )
        return path
    data = environment.get("PILOTHOUSE_DATA")
    places = [(folder / Path(data).expanduser()).parent] if data else []
    return next((place / FILE_NAME for place in (*places, folder) if (place / FILE_NAME).is_file()), None)


def _read_file(path: Path, known: Mapping[str, Row]) -> dict[str, Any]:
    try:
        text = path.read_text(encoding="utf-8")
        tree = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsInvalid(f"{path} is not valid TOML: {error}", param=str(path)) from error
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsInvalid(f"cannot read {path}: {error}", param=str(path)) from error
    lines = line_numbers(text)
    values: dict[str, Any] = {}
    for key, value in _flatten(tree, known):
        where = f"{path}:{lines.get(key) or lines.get(key.partition('.')[0], 1)}"
        if key not in known:
            raise SettingsInvalid(f"{where}: unknown setting {key!r}{_nearest(key, known)}", param=key)
        values[key] = _convert(known[key], value, where, text=False)
    if "data" in values:
        values["data"] = path.parent / values["data"].expanduser()
    return values


def _read_environment(environment: Mapping[str, str], known: Mapping[str, Row]) -> dict[str, Any]:
    names = {name: row for row in known.values() for name in row.env}
    values: dict[str, Any] = {}
    for name in sorted(environment):
        if name in names:
            if environment[name] != "":
                values[names[name].key] = _convert(names[name], environment[name], name, text=True)
        # a lone PILOTHOUSE_… is let pass: orchestrators inject some of their own, such as PILOTHOUSE_PORT_4100_TCP
        elif name.startswith(PREFIX) and "__" in name:
            raise SettingsInvalid(f"unknown setting {name}{_nearest(name, names)}", param=name)
    return values


def _flatten(tree: Mapping[str, Any], known: Mapping[str, Row]) -> Iterator[tuple[str, Any]]:
    sections = {key.partition(".")[0] for key in known if "." in key}
    for name, value in tree.items():
        if isinstance(value, dict):
            inner = cast("dict[str, Any]", value)
            if name not in sections:
                yield name, inner
            for field, item in inner.items():
                yield f"{name}.{field}", item
        else:
            yield name, value


def _convert(row: Row, value: Any, where: str, *, text: bool) -> Any:
    if text and _is_list(row.kind):
        value = msgspec.json.decode(value) if value.startswith("[") else [part.strip() for part in value.split(",")]
    if row.kind is Path and isinstance(value, str):
        return Path(value)
    try:
        return msgspec.convert(value, row.kind, strict=not text)
    except msgspec.ValidationError as error:
        shown = masked(row.key, value)
        raise SettingsInvalid(f"{where}: {row.key} cannot be {shown!r}: {error}", param=row.key) from error


def _is_list(kind: Any) -> bool:
    return getattr(kind, "__origin__", kind) in {tuple, list, frozenset, set}


def _nearest(name: str, known: Mapping[str, Any]) -> str:
    sections = {key.partition(".")[0] for key in known if "." in key}
    found = difflib.get_close_matches(name, [*known, *sections], n=1, cutoff=0.6)
    if not found:
        field = name.rpartition(".")[2]
        found = [key for key in known if key.rpartition(".")[2] == field][:1]
    return f"; did you mean {found[0]!r}?" if found else ""


def line_numbers(text: str) -> dict[str, int]:
    """Return the line of each `section` and `section.key`; the parser itself gives no positions."""
    found: dict[str, int] = {}
    section = ""
    quote = ""
    for number, line in enumerate(text.splitlines(), 1):
        if quote:
            quote = "" if quote in line else quote
            continue
        header, assignment = _HEADER.match(line), _ASSIGNMENT.match(line)
        if header and not assignment:
            section = _bare(header[1])
            found.setdefault(section, number)
        elif assignment:
            found.setdefault(".".join(part for part in (section, _bare(assignment[1])) if part), number)
        quote = next((mark for mark in ('"""', "'''") if line.count(mark) % 2), "")
    return found


def _bare(name: str) -> str:
    return re.sub(r"""["'\s]""", "", name)


def _build(values: Mapping[str, Any], source: Path | None) -> Settings:
    top = {key: value for key, value in values.items() if "." not in key}
    default = Settings()
    for section in {key.partition(".")[0] for key in values if "." in key}:
        inner = {key.partition(".")[2]: value for key, value in values.items() if key.startswith(f"{section}.")}
        top[section] = msgspec.structs.replace(getattr(default, section), **inner)
    return Settings(**top, source=source)


def _check(settings: Settings) -> None:
    if settings.log_level not in _LOG_LEVELS:
        raise SettingsInvalid(
            f"log_level cannot be {settings.log_level!r}; use one of {', '.join(_LOG_LEVELS)}", param="log_level"
        )
    ports = {"gateway.port": settings.gateway.port, "server.port": settings.server.port}
    for key, port in {**ports, "otlp.grpc_port": settings.otlp.grpc_port}.items():
        if port not in _PORTS:
            raise SettingsInvalid(f"{key} cannot be {port}; use 1 to 65535", param=key)
    if settings.gateway.port == settings.server.port:
        raise SettingsInvalid(
            f"gateway.port and server.port are both {settings.gateway.port}; each needs its own", param="gateway.port"
        )
    _check_tls(settings.otlp)
    if settings.gateway.workers < 1:
        raise SettingsInvalid("gateway.workers must be at least 1", param="gateway.workers")
    if settings.gateway.workers > 1 and not settings.redis_url:
        raise SettingsInvalid(
            f"gateway.workers is {settings.gateway.workers}, and there is no redis_url: each worker would count for "
            "itself, so that limits would not hold; set redis_url, or gateway.workers to 1",
            param="gateway.workers",
        )
    if settings.gateway.workers > 1 or settings.redis_url:
        raise SettingsInvalid(
            "several gateway workers with shared counters in Redis are not built yet; "
            "leave redis_url empty and gateway.workers at 1",
            param="redis_url" if settings.redis_url else "gateway.workers",
        )


def _check_tls(options: OtlpOptions) -> None:
    needed = {"otlp.grpc_cert_file": options.grpc_cert_file, "otlp.grpc_key_file": options.grpc_key_file}
    files = {**needed, "otlp.grpc_client_ca_file": options.grpc_client_ca_file}
    given = next((key for key, name in files.items() if name), None)
    for key, name in needed.items():
        if given and not name:
            raise SettingsInvalid(f"{given} is set, and {key} is not; TLS needs certificate and key", param=key)


def _get(settings: Settings, key: str) -> Any:
    value: Any = settings
    for part in key.split("."):
        value = getattr(value, part)
    return value
