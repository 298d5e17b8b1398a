"""Settings: sources and their order, and errors that name file, line and the nearest known name."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilothouse import settings
from pilothouse.errors import SettingsInvalid


def write(folder: Path, text: str, name: str = "pilothouse.toml") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def refused(folder: Path, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(SettingsInvalid) as caught:
        settings.load(environment or {}, folder)
    return caught.value.detail


def test_without_sources_everything_has_its_default(tmp_path: Path) -> None:
    assert settings.load({}, tmp_path) == settings.Settings()


def test_the_file_wins_over_defaults_and_the_environment_over_the_file(tmp_path: Path) -> None:
    write(tmp_path, '[gateway]\nport = 4001\nhost = "0.0.0.0"\n[server]\nport = 4002\n')
    chosen = settings.load({"PILOTHOUSE_GATEWAY__PORT": "4003"}, tmp_path)
    assert (chosen.gateway.port, chosen.gateway.host, chosen.server.port) == (4003, "0.0.0.0", 4002)
    assert chosen.source == tmp_path / "pilothouse.toml"


@pytest.mark.parametrize(
    ("name", "value", "key", "expected"),
    [
        ("PILOTHOUSE_DATA", "/srv/data", "data", Path("/srv/data")),
        ("PILOTHOUSE_METADATA_URL", "postgresql://h/d", "metadata.url", "postgresql://h/d"),
        ("PILOTHOUSE_TELEMETRY_URL", "clickhouse://h", "telemetry.url", "clickhouse://h"),
        ("PILOTHOUSE_GATEWAY_PORT", "5000", "gateway.port", 5000),
        ("PILOTHOUSE_PLATFORM_PORT", "5001", "server.port", 5001),
        ("OPENAI_API_KEY", "sk-1", "openai_api_key", "sk-1"),
        ("ANTHROPIC_API_KEY", "sk-2", "anthropic_api_key", "sk-2"),
        ("PILOTHOUSE_LOCAL_MODEL__ENABLED", "false", "local_model.enabled", False),
        ("PILOTHOUSE_TRANSPORT__QUEUE_S", "1.5", "transport.queue_s", 1.5),
        ("PILOTHOUSE_SERVER__EXTRA_HOSTS", "a.example, b.example", "server.extra_hosts", ("a.example", "b.example")),
        ("PILOTHOUSE_SERVER__EXTRA_HOSTS", '["a.example"]', "server.extra_hosts", ("a.example",)),
    ],
)
def test_the_environment_sets(name: str, value: str, key: str, expected: object, tmp_path: Path) -> None:
    chosen: object = settings.load({name: value}, tmp_path)
    for part in key.split("."):
        chosen = getattr(chosen, part)
    assert chosen == expected


def test_an_empty_variable_counts_as_not_set(tmp_path: Path) -> None:
    assert settings.load({"PILOTHOUSE_GATEWAY_PORT": ""}, tmp_path).gateway.port == 4000


def test_the_file_may_be_named_or_lie_beside_the_data_folder(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    write(elsewhere, "log_level = 'debug'\n")
    named = write(tmp_path, "log_level = 'error'\n", "own.toml")
    assert settings.load({"PILOTHOUSE_DATA": str(elsewhere / "data")}, tmp_path).log_level == "debug"
    assert settings.load({"PILOTHOUSE_SETTINGS": str(named)}, tmp_path).log_level == "error"


def test_a_data_folder_in_the_file_is_relative_to_the_file(tmp_path: Path) -> None:
    write(tmp_path, 'data = "mine"\n')
    assert settings.load({}, tmp_path).data == tmp_path / "mine"


def test_a_missing_named_file_is_refused(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path, {"PILOTHOUSE_SETTINGS": "gone.toml"})


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[gateway]\n\nprot = 1\n", 3, "did you mean 'gateway.port'"),
        ("# one\n[gatway]\nport = 1\n", 2, "unknown setting 'gatway'; did you mean 'gateway'?"),
        ("gateway.port = 'many'\n", 1, "gateway.port cannot be 'many'"),
        ("[gateway]\nport = '4000'\n", 2, "Expected `int`"),
        ("# a comment\n[transport]\nca_file = '''\nport = 1\n'''\nqueue_s = 'x'\n", 6, "transport.queue_s"),
        ("log_level = 1\n", 1, "Expected `str`"),
        ("port = 4000\n", 1, "did you mean"),
    ],
)
def test_what_is_wrong_in_the_file_is_named_with_its_line(text: str, line: int, said: str, tmp_path: Path) -> None:
    path = write(tmp_path, text)
    detail = refused(tmp_path)
    assert detail.startswith(f"{path}:{line}: ")
    assert said in detail


def test_a_syntax_error_is_named_with_its_line(tmp_path: Path) -> None:
    write(tmp_path, "[gateway]\nport = = 1\n")
    assert "line 2" in refused(tmp_path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    (tmp_path / "pilothouse.toml").write_bytes(b"\xff\xfe")
    assert "cannot read" in refused(tmp_path)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("PILOTHOUSE_GATEWAY__PROT", "did you mean 'PILOTHOUSE_GATEWAY__PORT'"),
        ("PILOTHOUSE_EMBEDDED__SECRET", "unknown setting"),
    ],
)
def test_an_unknown_variable_is_refused_with_the_nearest(name: str, said: str, tmp_path: Path) -> None:
    assert said in refused(tmp_path, {name: "1"})


def test_variables_that_orchestrators_inject_are_let_pass(tmp_path: Path) -> None:
    settings.load({"PILOTHOUSE_PORT_4100_TCP": "tcp://10.0.0.1:4100", "PILOTHOUSE_SERVICE_HOST": "10.0.0.1"}, tmp_path)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PILOTHOUSE_GATEWAY_PORT": "0"}, "use 1 to 65535"),
        ({"PILOTHOUSE_GATEWAY_PORT": "70000"}, "use 1 to 65535"),
        ({"PILOTHOUSE_GATEWAY_PORT": "4100"}, "each needs its own"),
        ({"PILOTHOUSE_LOG_LEVEL": "loud"}, "use one of debug"),
        ({"PILOTHOUSE_GATEWAY__WORKERS": "2"}, "limits would not hold"),
        ({"PILOTHOUSE_GATEWAY__WORKERS": "0"}, "at least 1"),
        ({"PILOTHOUSE_GATEWAY__WORKERS": "2", "PILOTHOUSE_REDIS_URL": "redis://h"}, "not built yet"),
        ({"PILOTHOUSE_REDIS_URL": "redis://h"}, "not built yet"),
    ],
)
def test_what_cannot_work_is_refused(environment: dict[str, str], said: str, tmp_path: Path) -> None:
    assert said in refused(tmp_path, environment)


def test_the_printed_form_masks_secrets_and_passwords(tmp_path: Path) -> None:
    secrets = {
        "OPENAI_API_KEY": "sk-very-secret",
        "PILOTHOUSE_CLI_KEY": "ph_very-secret",
        "PILOTHOUSE_TELEMETRY__SECRET": "very-secret",
        "PILOTHOUSE_METADATA_URL": "postgresql://me:very-secret@host/db",
    }
    text = repr(settings.load(secrets, tmp_path))
    assert "very-secret" not in text
    assert "postgresql://me:•••@host/db" in text


def test_an_error_about_a_secret_does_not_show_it(tmp_path: Path) -> None:
    write(tmp_path, "openai_api_key = ['sk-very-secret']\n")
    assert "very-secret" not in refused(tmp_path).replace(str(tmp_path), "")


def test_every_setting_has_a_name_in_the_environment_and_no_two_share_one() -> None:
    names = [name for row in settings.rows() for name in row.env]
    assert len(names) == len(set(names))
    assert all("." not in row.key or row.env for row in settings.rows())


@given(st.text(max_size=200))
def test_no_file_breaks_the_reader(text: str) -> None:
    """Any text is either read or refused with a settings error."""
    try:
        lines = settings.line_numbers(text)
    except SettingsInvalid:
        return
    assert all(1 <= number <= max(1, len(text.splitlines())) for number in lines.values())


@pytest.mark.parametrize(
    ("given_files", "missing"),
    [
        ({"CERT": "a.pem"}, "otlp.grpc_key_file"),
        ({"KEY": "a.key"}, "otlp.grpc_cert_file"),
        ({"CLIENT_CA": "ca.pem"}, "otlp.grpc_cert_file"),
    ],
)
def test_a_certificate_needs_its_key_and_a_key_its_certificate(
    given_files: dict[str, str], missing: str, tmp_path: Path
) -> None:
    said = refused(tmp_path, {f"PILOTHOUSE_OTLP__GRPC_{name}_FILE": file for name, file in given_files.items()})
    assert f"{missing} is not" in said
