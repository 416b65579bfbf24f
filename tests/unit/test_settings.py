"""Settings from every place they may come from, and what is said of those that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from loquent.domain.client_names import DEFAULT_ALIASES
from loquent.settings import (
    Settings,
    SettingsError,
    load_settings,
    unknown_variables,
)
from tests.assets import SPEECH_DATA_VARIABLE


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder, so that no loquent.toml but the test's own is read."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(SPEECH_DATA_VARIABLE, raising=False)
    return tmp_path


def _complaint(**overrides: object) -> str:
    with pytest.raises(SettingsError) as caught:
        load_settings(**overrides)
    return str(caught.value)


def test_the_defaults_serve_this_machine_alone_without_a_key() -> None:
    settings = load_settings()
    assert (settings.host, settings.port, settings.api_key) == ("127.0.0.1", 8000, None)
    assert settings.aliases == dict(DEFAULT_ALIASES)
    assert not settings.offline


@pytest.mark.parametrize("file", [None, 1])
@pytest.mark.parametrize("variable", [None, 2])
@pytest.mark.parametrize("option", [None, 3])
def test_the_command_line_goes_before_the_environment_before_the_file(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    file: int | None,
    variable: int | None,
    option: int | None,
) -> None:
    if file is not None:
        (folder / "loquent.toml").write_text(f"port = {file}\n")
    if variable is not None:
        monkeypatch.setenv("LOQUENT_PORT", str(variable))
    assert load_settings(port=option).port == (option or variable or file or 8000)


def test_sources_are_mixed_field_by_field(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "loquent.toml").write_text('beam_size = 2\nlog_level = "debug"\n')
    monkeypatch.setenv("LOQUENT_LOG_LEVEL", "error")
    settings = load_settings(port=0)
    assert (settings.beam_size, settings.log_level, settings.port) == (2, "error", 0)


def test_another_file_is_read_where_the_environment_names_one(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "loquent.toml").write_text("port = 1\n")
    (folder / "other.toml").write_text("port = 2\n")
    monkeypatch.setenv("LOQUENT_CONFIG", str(folder / "other.toml"))
    assert load_settings().port == 2


def test_a_named_file_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOQUENT_CONFIG", "nowhere.toml")
    assert _complaint() == "LOQUENT_CONFIG: there is no file nowhere.toml"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("port", "eight"),
        ("port", "65536"),
        ("port", "-1"),
        ("beam_size", "0"),
        ("n_threads", "-1"),
        ("max_decoders", "0"),
        ("max_audio_s", "-0.5"),
        ("max_upload_bytes", "1.5"),
        ("local_max_wait_s", "-1"),
        ("upstream_timeout_s", "0"),
        ("local_first", "mostly"),
        ("device", "tpu"),
        ("log_level", "loud"),
        ("unknown_fields", "maybe"),
        ("offline", "perhaps"),
    ],
)
@pytest.mark.parametrize("source", ["option", "variable", "file"])
def test_a_wrong_value_is_refused_naming_its_field(
    folder: Path, monkeypatch: pytest.MonkeyPatch, source: str, field: str, value: str
) -> None:
    overrides: dict[str, object] = {}
    if source == "option":
        overrides[field] = value
    elif source == "variable":
        monkeypatch.setenv(f"LOQUENT_{field.upper()}", value)
    else:
        (folder / "loquent.toml").write_text(f'{field} = "{value}"\n')
    complaint = _complaint(**overrides)
    assert complaint.startswith(f"{field} (")
    assert complaint.count("\n") == 0


def test_every_field_at_fault_is_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOQUENT_PORT", "x")
    monkeypatch.setenv("LOQUENT_DEVICE", "x")
    lines = _complaint().splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["port", "device"]


def test_an_unknown_key_of_the_file_is_refused_by_name(folder: Path) -> None:
    (folder / "loquent.toml").write_text("prot = 8000\n")
    assert "prot" in _complaint()


@pytest.mark.parametrize("text", ["port = ", "port: 8000", "[aliases", 'host = "x'])
def test_a_malformed_file_is_refused_with_the_line_at_fault(folder: Path, text: str) -> None:
    (folder / "loquent.toml").write_text(f"beam_size = 2\n{text}\n")
    assert "line 2" in _complaint() or "end of document" in _complaint()


def test_aliases_come_as_json_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOQUENT_ALIASES", '{"whisper-1": "whisper-small"}')
    assert load_settings().aliases == {"whisper-1": "whisper-small"}


def test_aliases_come_as_a_table_from_the_file(folder: Path) -> None:
    (folder / "loquent.toml").write_text('[aliases]\n"gpt-4o-transcribe" = "whisper-small"\n')
    assert load_settings().aliases["gpt-4o-transcribe"] == "whisper-small"


@pytest.mark.parametrize("text", ["whisper-1=whisper-small", '["whisper-1"]', '{"whisper-1": 1}'])
def test_aliases_that_are_no_table_are_refused_by_name(
    monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.setenv("LOQUENT_ALIASES", text)
    assert "aliases" in _complaint()


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "::1", "localhost"])
def test_this_machine_is_served_without_a_key(host: str) -> None:
    assert load_settings(host=host, ledger="off").api_key is None
    assert load_settings(host=host).is_private


@pytest.mark.parametrize("key", [None, ""])
@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "speech.example"])
def test_others_are_not_served_without_a_key_where_no_other_can_be_made(
    host: str, key: str | None
) -> None:
    complaint = _complaint(host=host, api_key=key, ledger="off")
    assert "LOQUENT_API_KEY" in complaint
    assert host in complaint


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.7", "speech.example"])
def test_others_may_be_served_with_keys_of_the_ledger(host: str) -> None:
    assert not load_settings(host=host).is_private
    assert not load_settings(host=host, api_key="secret", ledger="off").is_private


def test_others_are_served_with_a_key() -> None:
    assert load_settings(host="0.0.0.0", api_key="secret").host == "0.0.0.0"


def test_a_key_is_never_shown() -> None:
    assert "secret" not in repr(load_settings(api_key="secret"))


def test_a_pepper_is_long_and_never_shown() -> None:
    pepper = "x" * 31 + "y"
    assert pepper not in repr(load_settings(key_pepper=pepper))
    for short in ("", pepper[:-1]):
        complaint = _complaint(key_pepper=short)
        assert complaint.startswith("key_pepper (--key-pepper)")
        assert "at least 32" in complaint
        assert "xxx" not in complaint


def test_the_address_of_redis_is_never_shown() -> None:
    url = "redis://:secret@counter"
    assert "secret" not in repr(load_settings(redis_url=url))
    assert load_settings(redis_url=url).redis_url.get_secret_value() == url
    assert not load_settings().redis_url


@pytest.mark.parametrize("given", ["tls_cert", "tls_key"])
def test_half_of_a_certificate_is_refused(folder: Path, given: str) -> None:
    (folder / "x.pem").touch()
    complaint = _complaint(**{given: folder / "x.pem"})
    assert "tls_cert" in complaint
    assert "tls_key" in complaint


def test_a_whole_certificate_is_accepted(folder: Path) -> None:
    cert, key = folder / "cert.pem", folder / "key.pem"
    cert.touch()
    key.touch()
    assert load_settings(tls_cert=cert, tls_key=key).tls_cert == cert


def test_a_certificate_that_is_not_there_is_refused() -> None:
    complaint = _complaint(tls_cert=Path("cert.pem"), tls_key=Path("key.pem"))
    assert "tls_cert (--tls-cert): there is no file cert.pem" in complaint


@pytest.mark.parametrize("field", ["data_dir", "model_dir"])
def test_a_tilde_is_the_home_of_whoever_runs_the_server(
    monkeypatch: pytest.MonkeyPatch, folder: Path, field: str
) -> None:
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv(f"LOQUENT_{field.upper()}", "~/speech")
    assert getattr(load_settings(), field) == folder / "speech"


def test_models_live_where_the_desktop_keeps_its_data(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(folder))
    assert load_settings().data_dir == folder / "loquent"


def test_settings_do_not_change_once_they_are_read() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().port = 1


def test_variables_that_no_setting_reads_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOQUENT_PROT", "LOQUENT_MODEL", "LOQUENT_PORT", "LOQUENT_CONFIG", "PORT"):
        monkeypatch.setenv(name, "1")
    assert unknown_variables() == ["LOQUENT_MODEL", "LOQUENT_PROT"]


def test_every_setting_says_what_it_means() -> None:
    assert all(field.description for field in Settings.model_fields.values())


def test_tables_of_providers_come_from_variables_and_from_the_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "loquent.toml").write_text('[providers.groq]\nregion = "us"\napi_key = "old"\n')
    monkeypatch.setenv("LOQUENT_PROVIDERS__GROQ__API_KEY", "new")
    monkeypatch.setenv("LOQUENT_PROVIDERS__GPU_BOX__KIND", "openai")
    assert load_settings().providers == {
        "groq": {"region": "us", "api_key": "new"},
        "gpu_box": {"kind": "openai"},
    }
    assert unknown_variables() == []


def test_keys_of_providers_are_never_shown() -> None:
    settings = load_settings(providers={"groq": {"api_key": "gsk_secret"}})
    assert "gsk_secret" not in repr(settings)
    assert "gsk_secret" not in str(settings)


def test_keys_of_providers_are_not_shown_where_a_table_is_wrong(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LOQUENT_PROVIDERS", '{"groq": "gsk_secret"}')
    complaint = _complaint()
    assert complaint.startswith("providers.groq (LOQUENT_PROVIDERS)")
    assert "gsk_secret" not in complaint


def test_pools_come_as_a_table_of_lists(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "loquent.toml").write_text('[pools]\nlarge = ["ovh/large", "local/large"]\n')
    assert load_settings().pools == {"large": ["ovh/large", "local/large"]}
    monkeypatch.setenv("LOQUENT_POOLS", '{"large": "ovh/large"}')
    assert _complaint().startswith("pools.large (LOQUENT_POOLS)")


def test_without_a_word_nobody_else_serves_and_what_is_here_goes_first() -> None:
    settings = load_settings()
    assert (settings.providers, settings.pools) == ({}, {})
    assert (settings.local_first, settings.require_gdpr) == (True, False)
