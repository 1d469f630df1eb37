"""What `--json` answers: the same forms as REST has, so that a script can read either."""

from collections.abc import Iterable

from pydantic import BaseModel, JsonValue

from jinba_mcp.cli import output
from jinba_mcp.domain.records import JsonObject


def one(answer: BaseModel, extra: JsonObject | None = None) -> None:
    """Print one thing, with what the command line adds to it."""
    output.document({**_wire(answer), **(extra or {})})


def listing(answers: Iterable[BaseModel], next_cursor: str | None = None) -> None:
    """Print a list, or a page of one."""
    output.document({"data": [_wire(answer) for answer in answers], "nextCursor": next_cursor})


def _wire(answer: BaseModel) -> dict[str, JsonValue]:
    return answer.model_dump(mode="json", by_alias=True)
