"""Options that several commands share, and how their values are read."""

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeAlias

import typer

from jinba_mcp.cli.output import CONTEXT, Misused

DEFAULT_ORGANIZATION = "default"

AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print one JSON document, for scripts.")]
Org: TypeAlias = Annotated[str, typer.Option("--org", metavar="SLUG", help="The organization to work in.")]
Slug: TypeAlias = Annotated[str, typer.Argument(metavar="TOOLSET", help="The slug of the ToolSet.")]

_UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"([0-9]{1,9})([smhdw])")


def group(description: str) -> typer.Typer:
    """A noun with several verbs."""
    app = typer.Typer(
        help=description, rich_markup_mode=None, no_args_is_help=True, add_completion=False, context_settings=CONTEXT
    )
    app.callback()(lambda: None)
    return app


def single() -> typer.Typer:
    """A noun that is a command by itself."""
    return typer.Typer(rich_markup_mode=None, add_completion=False, context_settings=CONTEXT)


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
