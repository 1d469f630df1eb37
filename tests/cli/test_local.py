"""The local registry, opened for one command."""

from pathlib import Path

import anyio
import pytest
from pydantic import BaseModel, Field

from jinba_mcp.app import App
from jinba_mcp.cli import local
from jinba_mcp.cli.output import Failed, Misused
from jinba_mcp.domain.errors import ArgumentsInvalid, FieldsInvalid, KeyUnknown
from jinba_mcp.domain.pages import MAX_LIMIT, Page, PageRequest
from jinba_mcp.domain.records import JsonObject


class _Terms(BaseModel):
    overlap_s: int = Field(ge=0)


def test_an_option_that_cannot_be_used_is_named_as_it_is_typed() -> None:
    with pytest.raises(Misused, match="--overlap-s: input should be greater than or equal to 0"):
        local.record(_Terms, {"overlap_s": -1})
    with pytest.raises(Misused, match="--overlap: "):
        local.record(_Terms, {"overlap_s": -1}, {"overlap_s": "--overlap"})


def test_a_refusal_is_told_even_from_inside_task_groups() -> None:
    async def work() -> None:
        async with anyio.create_task_group(), anyio.create_task_group():
            raise KeyUnknown

    with pytest.raises(Failed, match="not known here"):
        local.run(work)


def test_our_own_faults_are_not_dressed_up() -> None:
    async def work() -> None:
        async with anyio.create_task_group():
            raise LookupError

    with pytest.raises(LookupError):
        local.run(work)


def test_every_fault_of_a_refusal_is_told_once() -> None:
    fault: JsonObject = {"pointer": "/slug", "detail": "too odd"}
    assert local.explained(FieldsInvalid([fault])).endswith("/slug: too odd")
    assert local.explained(ArgumentsInvalid("greet", [fault], "run_1")).count("too odd") == 1


def test_a_list_is_read_to_its_end() -> None:
    async def page(request: PageRequest) -> Page[str]:
        assert request.limit == MAX_LIMIT
        return Page(items=("a",), next_cursor="a") if request.after is None else Page(items=("b",))

    assert anyio.run(local.all_of, page) == ["a", "b"]


def test_a_registry_that_was_never_set_up_is_set_up_even_by_a_command_that_does_not_migrate(
    empty_data_dir: Path, unguarded: None
) -> None:
    async def look(app: App) -> tuple[list[str], str]:
        return await app.store.check(), (await app.core.organizations.resolve("default")).slug

    assert local.with_app(look, migrates=False) == ([], "default")


async def _never(_: App) -> None:
    raise AssertionError


def test_a_database_that_cannot_be_opened_is_a_refusal(
    data_dir: Path, unguarded: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JINBA_DATABASE_URL", "postgresql://u:p@127.0.0.1:1/db")
    with pytest.raises(Failed, match="does not answer"):
        local.with_app(_never)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JINBA_DATABASE_URL", "mysql://nowhere/db"),
        ("JINBA_DATABASE_URL", "postgresql://u:p@ss:w0rd@127.0.0.1:1/db"),
        ("JINBA_LIMITS_URL", "redis://:w0rd/@127.0.0.1:1/0"),
    ],
)
def test_a_url_among_the_settings_that_cannot_be_used_is_misuse_and_not_repeated(
    data_dir: Path, unguarded: None, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(Misused) as refused:
        local.with_app(_never)
    assert "w0rd" not in refused.value.message
