"""Takes the tables out of a PDF as rows of text."""

import base64
import binascii
import io
import re
from typing import Annotated, Any, Literal

import pdfplumber  # finds tables by their lines, or by how the text stands
from pydantic import BaseModel, ConfigDict, Field

_MAX_PAGES = 50
_MAX_CHARACTERS = 1_000_000


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    data: Annotated[str, Field(min_length=4, max_length=14_000_000)] = Field(
        description="The PDF in base64, at most 10 MB of it; the server's limit for a request holds, too."
    )
    pages: str = Field(
        default="",
        max_length=200,
        pattern=r"^(?:\d{1,5}(?:-\d{1,5})?(?:, ?\d{1,5}(?:-\d{1,5})?)*)?$",
        description="Which pages, from 1; empty for the first 50.",
        examples=["1-3,7"],
    )
    find_by: Literal["lines", "text"] = Field(
        default="lines", description="lines: tables with drawn borders; text: tables whose columns only stand in line."
    )
    max_tables: int = Field(default=50, ge=1, le=500, description="The most tables to give.")


class Table(BaseModel):
    page: int = Field(description="The page it stands on, from 1.")
    rows: list[list[str | None]] = Field(description="Its rows from the top; null where a merged cell goes on.")


class Output(BaseModel):
    tables: list[Table] = Field(description="The tables in reading order; one that runs over pages comes in parts.")
    page_count: int = Field(description="How many pages the document has.")
    pages_read: list[int] = Field(description="The pages that were looked at.")
    truncated: bool = Field(description="Whether pages or tables were left out because of the limits.")


def run(input: Input) -> Output:
    try:
        with pdfplumber.open(io.BytesIO(_decoded(input.data))) as pdf:
            return _tables(pdf, input)
    except (_Refused, MemoryError):
        raise
    except RecursionError:
        raise ValueError("The document is nested too deeply to be read.") from None
    except Exception as error:  # noqa: BLE001  the reader has no error of its own for broken files
        if "Password" in repr(error):
            raise ValueError("The document needs a password. Save it without one.") from None
        raise ValueError(f"This cannot be read as PDF ({type(error).__name__}: {error!s:.200}).") from None


class _Refused(ValueError):
    """Says itself what is wrong."""


def _tables(pdf: Any, wanted: Input) -> Output:
    count = len(pdf.pages)
    numbers = _numbers(wanted.pages, count)
    tables: list[Table] = []
    read: list[int] = []
    room = _MAX_CHARACTERS
    for number in numbers[:_MAX_PAGES]:
        page = pdf.pages[number - 1]
        for rows in _rows(page, wanted.find_by):
            room -= sum(len(cell or "") for row in rows for cell in row)
            if len(tables) == wanted.max_tables or room < 0:
                return Output(tables=tables, page_count=count, pages_read=[*read, number], truncated=True)
            tables.append(Table(page=number, rows=rows))
        read.append(number)
        page.close()
    return Output(tables=tables, page_count=count, pages_read=read, truncated=len(numbers) > _MAX_PAGES)


def _rows(page: Any, find_by: str) -> list[list[list[str | None]]]:
    found = page.extract_tables({"vertical_strategy": find_by, "horizontal_strategy": find_by})
    return [rows for rows in found if any(cell for row in rows for cell in row)]


def _numbers(pages: str, count: int) -> list[int]:
    if not pages:
        return list(range(1, count + 1))
    numbers: set[int] = set()
    for first, last in re.findall(r"(\d+)(?:-(\d+))?", pages):
        low, high = int(first), int(last or first)
        if not 1 <= low <= high:
            raise _Refused(f"'{first}-{last}' is no range of pages. Pages count from 1.")
        if high > count:
            raise _Refused(f"There is no page {high}; the document has {count} pages.")
        numbers |= set(range(low, high + 1))
    return sorted(numbers)


def _decoded(data: str) -> bytes:
    try:
        raw = base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise _Refused("'data' is not base64. Encode the whole file, without a 'data:' prefix.") from None
    if b"%PDF-" not in raw[:1_024]:
        raise _Refused("This is no PDF. Give other documents to to-markdown.")
    return raw
