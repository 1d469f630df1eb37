"""The local registry, opened for one command in the name of the operator; and what any command says and runs with."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import anyio
from pydantic import BaseModel, ValidationError

from jinba_mcp import __version__, logs, settings
from jinba_mcp.cli.output import Failed, Misused
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.errors import ArgumentsInvalid, FieldsInvalid, JinbaError
from jinba_mcp.domain.pages import MAX_LIMIT, Page, PageRequest
from jinba_mcp.settings import Settings

if TYPE_CHECKING:
    from jinba_mcp.app import App
    from jinba_mcp.core.core import Core

T = TypeVar("T")
M = TypeVar("M", bound=BaseModel)

CLIENT = f"jinba-mcp {__version__}"
"""What runs are recorded to have been called by."""


def read_settings() -> Settings:
    """The settings of this environment.

    Raises:
        Misused: one of them is unknown or cannot be used.
    """
    try:
        return settings.read()
    except settings.UnknownSetting as error:
        raise Misused(str(error)) from error
    except ValidationError as error:
        raise Misused(_faults(error, lambda name: settings.PREFIX + name.upper())) from error


def record(model: type[M], values: dict[str, object], renamed: dict[str, str] | None = None) -> M:
    """A record out of options; `renamed` maps fields to options that are not called like them.

    Raises:
        Misused: an option cannot be used.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        names = renamed or {}
        raise Misused(_faults(error, lambda name: names.get(name, "--" + name.replace("_", "-")))) from error


def run(work: Callable[[], Awaitable[T]], *, on_uvloop: bool = False) -> T:
    """Run `work` on an event loop of its own.

    Raises:
        Failed: the core said no.
    """
    try:
        return anyio.run(work, backend_options={"use_uvloop": on_uvloop})
    except JinbaError as error:
        raise Failed(explained(error)) from error
    except BaseExceptionGroup as group:
        leaf = _sole(group)
        if isinstance(leaf, JinbaError):
            raise Failed(explained(leaf)) from leaf
        raise leaf from None


def with_app(work: "Callable[[App], Awaitable[T]]", *, migrates: bool = True) -> T:
    """Run `work` on the open registry, which is set up if it never was; `migrates` also brings its schema up to date.

    Raises:
        Failed: the core said no.
        Misused: a setting is wrong.
    """
    current = read_settings()
    quiet = "warning" if current.log_level == "info" else current.log_level
    logs.configure(quiet, current.log_format)

    from jinba_mcp.cli.registry import registry  # noqa: PLC0415  the server, which commands on another do without

    async def inside() -> T:
        async with registry(current, migrates=migrates) as app:
            return await work(app)

    return run(inside)


def as_operator(organization: str, work: "Callable[[Core, Caller], Awaitable[T]]") -> T:
    """Run `work` as the operator at work in one organization.

    Raises:
        Failed: the core said no, for one because there is no such organization.
        Misused: a setting is wrong.
    """

    async def inside(app: "App") -> T:
        return await work(app.core, await app.core.organizations.operator(organization))

    return with_app(inside)


async def all_of(page: Callable[[PageRequest], Awaitable[Page[T]]]) -> list[T]:
    """Every item of a list, page after page."""
    items: list[T] = []
    request = PageRequest(limit=MAX_LIMIT)
    while True:
        got = await page(request)
        items.extend(got.items)
        if got.next_cursor is None:
            return items
        request = PageRequest(limit=MAX_LIMIT, after=got.next_cursor)


def explained(error: JinbaError) -> str:
    """The error as a sentence, with each fault that it lists."""
    faults = error.details.get("errors")
    if not isinstance(error, FieldsInvalid) or isinstance(error, ArgumentsInvalid) or not isinstance(faults, list):
        return error.message
    said = [f"{fault['pointer']}: {fault['detail']}" for fault in faults if isinstance(fault, dict)]
    return f"{error.message} {'; '.join(said)}"


def _faults(error: ValidationError, name: Callable[[str], str]) -> str:
    said = []
    for fault in error.errors(include_url=False, include_context=False, include_input=False)[:5]:
        field = name(str(fault["loc"][0])) if fault["loc"] else ""
        detail = fault["msg"].removeprefix("Value error, ")
        said.append(f"{field}: {detail[:1].lower()}{detail[1:]}")
    return "; ".join(said) + "."


def _sole(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error inside, as with every group that is only the wrapping of a task group; else the group."""
    found: BaseException = group
    while isinstance(found, BaseExceptionGroup) and len(found.exceptions) == 1:
        found = found.exceptions[0]
    return found
