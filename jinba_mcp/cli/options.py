"""Options that several commands share, and how their values are read."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from typing import Annotated, Any, TypeAlias

import typer
from typer.core import TyperCommand, TyperGroup

from jinba_mcp.cli import output, reach
from jinba_mcp.cli.output import CONTEXT, Misused

DEFAULT_ORGANIZATION = "default"

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]
Org: TypeAlias = Annotated[str, typer.Option("--org", metavar="SLUG", help="The organization to work in.")]
Slug: TypeAlias = Annotated[str, typer.Argument(metavar="TOOLSET", help="The slug of the ToolSet.")]

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([0-9]{1,9})([smhdw])")


def group(description: str, *, reaches: bool = False) -> typer.Typer:
    """A noun with several verbs; with `reaches`, those that are not `OnMachine` work on a server as well."""
    app = typer.Typer(
        cls=_Reaching if reaches else TyperGroup,
        help=description,
        rich_markup_mode=None,
        no_args_is_help=True,
        add_completion=False,
        context_settings=CONTEXT,
    )
    app.callback()(lambda: None)
    return app


def single() -> typer.Typer:
    """A noun that is a command by itself."""
    return typer.Typer(rich_markup_mode=None, add_completion=False, context_settings=CONTEXT)


class OnMachine(TyperCommand):
    """A verb for whoever holds the machine, of a noun that reaches: `@app.command(cls=OnMachine)`."""


class _Reaching(TyperGroup):
    """Gives its commands the options that say where they work."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        options = _where_options()
        for command in self.commands.values():
            work: Any = command.callback
            if isinstance(command, OnMachine):
                command.callback = _on_machine(work)
            else:
                command.params = [*command.params, *options]
                command.callback = _where_chosen(work)


def _where_options() -> list[Any]:
    """The options, as typer makes them for a command that has them."""

    def where(
        *,
        reach_url: Annotated[
            str | None, typer.Option("--url", metavar="URL", help="Work on this server, with the key in JINBA_API_KEY.")
        ] = None,
        reach_profile: Annotated[
            str | None, typer.Option("--profile", metavar="NAME", help="Work on the server of this login.")
        ] = None,
        reach_local: Annotated[bool, typer.Option("--local", help="Work on the registry of this machine.")] = False,
    ) -> None: ...

    command = single()
    command.command()(where)
    return typer.main.get_command(command).params


def _where_chosen(work: Callable[..., Any]) -> Callable[..., Any]:
    """The same command, which takes those options."""

    @wraps(work)
    def chosen(*, reach_url: str | None, reach_profile: str | None, reach_local: bool, **given: Any) -> Any:
        is_quiet = bool(given.get("as_json"))
        with reach.choosing(reach.Choice(reach_url, reach_profile, is_local=reach_local, is_quiet=is_quiet)):
            return work(**given)

    return chosen


def _on_machine(work: Callable[..., Any]) -> Callable[..., Any]:
    """The same command, which says that it works here when others of its noun would not."""

    @wraps(work)
    def here(**given: Any) -> Any:
        found = reach.server()
        if found is not None and not given.get("as_json"):
            output.note(f"On the registry of this machine, not on {found.url}.")
        return work(**given)

    return here


def duration_s(option: str, text: str) -> int:
    """Seconds of a duration such as `30d`, `12h`, `15m`, `90s` or `2w`.

    Raises:
        Misused: it is none.
    """
    found = _DURATION.fullmatch(text.strip())
    if found is None:
        raise Misused(f"{option}: '{text}' is no duration; write a number and s, m, h, d or w, such as 12h.")
    return int(found[1]) * _UNITS_S[found[2]]


def instant(option: str, text: str, now: datetime, *, is_past: bool = False) -> datetime:
    """A time in RFC 3339 with a zone, or a duration from now (`is_past`: before now).

    Raises:
        Misused: it is neither.
    """
    try:
        if _DURATION.fullmatch(text.strip()):
            span = timedelta(seconds=duration_s(option, text))
            return now - span if is_past else now + span
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return at.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Misused(f"{option}: '{text}' is {_NO_TIME}") from error
    raise Misused(f"{option}: '{text}' is {_NO_TIME}")


_NO_TIME = "no time with a zone such as 2030-01-31T12:00:00Z, and no duration such as 30d."
