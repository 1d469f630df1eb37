"""What `--json` answers: the same forms as REST has, so that a script can read either."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel

from jinba_mcp.cli import output
from jinba_mcp.domain.records import JsonObject


def one(answer: BaseModel, extra: JsonObject | None = None) -> None:
    """Print one thing that did not come by REST, with what the command line adds to it."""
    output.document({**told(answer), **(extra or {})})


def listing(answers: Iterable[BaseModel], next_cursor: str | None = None) -> None:
    """Print a list of such, or a page of one."""
    listed((told(answer) for answer in answers), next_cursor)


def listed(documents: Iterable[Mapping[str, object]], next_cursor: str | None = None) -> None:
    """Print a list of documents of REST, or a page of one."""
    output.document({"data": list(documents), "nextCursor": next_cursor})


def instant(text: str | None) -> datetime | None:
    """A time of a document, for a table."""
    return None if text is None else datetime.fromisoformat(text)


def told(answer: BaseModel) -> Any:
    """The document that REST would answer."""
    return answer.model_dump(mode="json", by_alias=True)
