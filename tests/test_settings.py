"""Settings: read once from `JINBA_*`, bounded, frozen, and strict about names."""

import ast
import inspect
from itertools import pairwise
from pathlib import Path

import pytest
from pydantic import ValidationError

from jinba_mcp import settings
from jinba_mcp.settings import Settings, UnknownSetting

PASSWORD = "hunter2"
URL = f"postgresql://jinba:{PASSWORD}@db/jinba"


def read(monkeypatch: pytest.MonkeyPatch, **variables: str) -> Settings:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return settings.read()


def test_without_any_variable_the_server_is_local_and_embedded(monkeypatch: pytest.MonkeyPatch) -> None:
    here = read(monkeypatch)
    assert (here.host, here.port) == ("127.0.0.1", 8700)
    assert here.database.startswith("sqlite:///")
    assert here.allowed_hosts == here.allowed_origins == ()


def sentences() -> dict[str, str]:
    """What stands below each setting in the code."""
    statements = ast.parse(inspect.getsource(Settings)).body[0]
    assert isinstance(statements, ast.ClassDef)
    return {
        field.target.id: ast.literal_eval(below.value)
        for field, below in pairwise(statements.body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name) and isinstance(below, ast.Expr)
    }


@pytest.mark.parametrize("name", Settings.model_fields)
def test_every_setting_says_what_it_is(name: str) -> None:
    assert sentences()[name].endswith(".")


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        ("JINBA_PROT", "JINBA_PORT"),
        ("JINBA_DATABASE", "JINBA_DATABASE_URL"),
        ("JINBA_ALLOWED_HOST", "JINBA_ALLOWED_HOSTS"),
        ("JINBA_TOOLSET_DIRS", "JINBA_TOOLSETS_DIRS"),
    ],
)
def test_a_mistyped_name_is_refused_with_the_nearest_one(
    monkeypatch: pytest.MonkeyPatch, name: str, suggestion: str
) -> None:
    with pytest.raises(UnknownSetting) as refused:
        read(monkeypatch, **{name: "x"})
    assert str(refused.value) == f"{name} is not a setting. Did you mean {suggestion}?"


def test_a_name_that_is_near_to_nothing_is_refused_without_a_guess(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnknownSetting, match=r"^JINBA_QQQQQQQQQQQQQQQQQQQQ is not a setting\.$"):
        read(monkeypatch, JINBA_QQQQQQQQQQQQQQQQQQQQ="x")


@pytest.mark.parametrize("name", ["JINBA_API_KEY", "JINBA_URL", "JINBA_AUTHORIZATION", "JINBA_TEST_POSTGRES", "PORT"])
def test_variables_for_clients_tests_and_others_are_let_through(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    assert read(monkeypatch, **{name: "1234"}).port == 8700


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a.example", ("a.example",)),
        ("a.example,b.example", ("a.example", "b.example")),
        (" a.example , ,b.example, ", ("a.example", "b.example")),
        ("", ()),
        ('["a.example"]', ('["a.example"]',)),
    ],
)
def test_lists_are_comma_separated(monkeypatch: pytest.MonkeyPatch, text: str, names: tuple[str, ...]) -> None:
    assert read(monkeypatch, JINBA_ALLOWED_HOSTS=text).allowed_hosts == names


def test_lists_of_folders_are_comma_separated_too(monkeypatch: pytest.MonkeyPatch) -> None:
    there = read(monkeypatch, JINBA_TOOLSETS_DIRS="/srv/a, /srv/b c")
    assert there.toolsets_dirs == (Path("/srv/a"), Path("/srv/b c"))


@pytest.mark.parametrize(("text", "patterns"), [(r'["sk-[a-z]{3,5}"]', ("sk-[a-z]{3,5}",)), ("[]", ()), ("", ())])
def test_patterns_have_commas_of_their_own_and_are_a_json_list(
    monkeypatch: pytest.MonkeyPatch, text: str, patterns: tuple[str, ...]
) -> None:
    assert read(monkeypatch, JINBA_REDACT_PATTERNS=text).redact_patterns == patterns


@pytest.mark.parametrize("text", ["hunter2", '"hunter2"', '["hunter2"', '{"hunter2": 1}', "[" * 100_000])
def test_what_is_no_list_of_patterns_is_refused_with_what_is_wanted(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read(monkeypatch, JINBA_REDACT_PATTERNS=text)
    fault = refused.value.errors(include_input=False)[0]
    assert (fault["loc"], fault["msg"]) == (
        ("redact_patterns",),
        'Value error, must be a JSON list of strings, such as ["sk-[a-z]+"]',
    )


def test_lists_may_be_given_as_such_in_code() -> None:
    assert Settings(allowed_hosts=("a", "b")).allowed_hosts == ("a", "b")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JINBA_PORT", "-1"),
        ("JINBA_PORT", "65536"),
        ("JINBA_PORT", "http"),
        ("JINBA_PUBLIC_URL", "tools.example.com"),
        ("JINBA_PUBLIC_URL", "ftp://tools.example.com"),
        ("JINBA_PUBLIC_URL", "https://tools.example.com/?a=b"),
        ("JINBA_PUBLIC_URL", "https://tools example"),
        ("JINBA_MAX_BODY_BYTES", "1023"),
        ("JINBA_MAX_BODY_BYTES", str(256 * 1024 * 1024 + 1)),
        ("JINBA_RUN_TIMEOUT_S", "0"),
        ("JINBA_RUN_TIMEOUT_S", "901"),
        ("JINBA_RUN_TIMEOUT_S", "nan"),
        ("JINBA_RUN_OUTPUT_BYTES", "0"),
        ("JINBA_RUN_LOG_BYTES", "-1"),
        ("JINBA_INPROCESS_THREADS", "0"),
        ("JINBA_SHUTDOWN_GRACE_S", "301"),
        ("JINBA_LOAD_TOOLSETS", "perhaps"),
        ("JINBA_LOG_LEVEL", "loud"),
        ("JINBA_LOG_FORMAT", "xml"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    with pytest.raises(ValidationError, match=name.removeprefix("JINBA_").lower()):
        read(monkeypatch, **{name: value})


@pytest.mark.parametrize(
    ("name", "value", "field", "meaning"),
    [
        ("JINBA_PORT", "0", "port", 0),
        ("JINBA_PUBLIC_URL", "https://tools.example.com/jinba", "public_url", "https://tools.example.com/jinba"),
        ("JINBA_LOAD_TOOLSETS", "no", "load_toolsets", False),
        ("JINBA_RUN_TIMEOUT_S", "0.5", "run_timeout_s", 0.5),
        ("JINBA_LOG_FORMAT", "json", "log_format", "json"),
    ],
)
def test_a_variable_sets_the_field_of_its_name(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, field: str, meaning: object
) -> None:
    assert getattr(read(monkeypatch, **{name: value}), field) == meaning


def test_settings_cannot_be_changed_once_read(monkeypatch: pytest.MonkeyPatch) -> None:
    here = read(monkeypatch)
    with pytest.raises(ValidationError, match="frozen"):
        here.port = 1  # type: ignore[misc]  # that it is refused is the point


def test_in_code_there_are_no_unknown_settings_either() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        Settings.model_validate({"prot": 1})


def test_the_embedded_database_lies_in_the_data_directory(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert read(monkeypatch, JINBA_DATA_DIR=str(tmp_path)).database == f"sqlite:///{tmp_path}/jinba.db"


def test_a_data_directory_may_be_relative_or_in_the_home_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert read(monkeypatch, JINBA_DATA_DIR="data").database == f"sqlite:///{tmp_path}/data/jinba.db"
    assert read(monkeypatch, JINBA_DATA_DIR="~/data").database == f"sqlite:///{tmp_path}/home/data/jinba.db"


def test_a_database_url_goes_before_the_data_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(monkeypatch, JINBA_DATABASE_URL=URL, JINBA_DATA_DIR="/srv").database == URL


def test_the_password_of_the_database_is_shown_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    there = read(monkeypatch, JINBA_DATABASE_URL=URL)
    assert PASSWORD not in f"{there!r} {there} {there.model_dump()} {there.model_dump_json()}"
    with pytest.raises(ValidationError) as refused:
        read(monkeypatch, JINBA_DATABASE_URL=URL, JINBA_PORT="x")
    assert PASSWORD not in str(refused.value)


def test_an_empty_database_url_means_the_embedded_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JINBA_DATABASE_URL", "")
    assert settings.read().database.startswith("sqlite:////")
