"""Turns a document into Markdown."""

import base64
import binascii
import io
import re
import sys
import types
import zipfile
from typing import Annotated, Any, Literal

import pdfplumber
from pydantic import BaseModel, ConfigDict, Field

# markitdown guesses unknown files with it, a neural network that takes a second and many threads to load. This tool
# looks for itself what a file is.
sys.modules.setdefault("magika", types.ModuleType("magika"))

from markitdown import StreamInfo  # noqa: E402  after the line above
from markitdown.converters import (  # noqa: E402  after the line above
    DocxConverter,
    HtmlConverter,
    PdfConverter,
    PptxConverter,
    XlsxConverter,
)

Format = Literal["pdf", "docx", "xlsx", "pptx", "html"]

_CONVERTERS: dict[Format, Any] = {
    "pdf": PdfConverter,
    "docx": DocxConverter,
    "xlsx": XlsxConverter,
    "pptx": PptxConverter,
    "html": HtmlConverter,
}
_OFFICE: dict[str, Format] = {"word/document.xml": "docx", "xl/workbook.xml": "xlsx", "ppt/presentation.xml": "pptx"}
_OLD_OFFICE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAX_PAGES = 300
_MAX_ENTRIES = 10_000
_MAX_UNPACKED_BYTES = 100_000_000
_MAX_CELLS = 1_000_000
_CELL = re.compile(rb"""\sr=["']([A-Z]{1,3})([0-9]{1,7})["']""")


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    data: Annotated[str, Field(min_length=4, max_length=14_000_000)] = Field(
        description="The file in base64, at most 10 MB of it; the server's limit for a request holds, too."
    )
    format: Format | None = Field(
        default=None, description="What the file is; without it that is found out from the content."
    )
    start: int = Field(default=0, ge=0, le=100_000_000, description="Skip so many characters, to read on.")
    max_characters: int = Field(default=50_000, ge=100, le=500_000, description="Give at most so many characters.")


class Output(BaseModel):
    format: Format = Field(description="What the file is.")
    title: str | None = Field(description="The title that the document gives itself; null when it gives none.")
    markdown: str = Field(description="The content as Markdown; sheets and slides under headings of their own.")
    next_start: int | None = Field(description="Pass it as `start` to read on; null at the end.")
    total_characters: int = Field(description="How long the whole content is.")


def run(input: Input) -> Output:
    data = _decoded(input.data)
    kind = input.format or _format(data)
    _check(kind, data)
    try:
        result = _CONVERTERS[kind]().convert(io.BytesIO(data), StreamInfo(extension=f".{kind}", charset=_charset(data)))
    except RecursionError:
        raise ValueError("The document is nested too deeply to be read.") from None
    except Exception as error:  # noqa: BLE001  half a dozen readers, each with its own errors for broken files
        raise ValueError(f"This cannot be read as {kind} ({type(error).__name__}: {error!s:.200}).") from None
    text = (result.markdown or "").replace("\0", "").strip()
    end = input.start + input.max_characters
    return Output(
        format=kind,
        title=result.title,
        markdown=text[input.start : end],
        next_start=end if end < len(text) else None,
        total_characters=len(text),
    )


def _decoded(data: str) -> bytes:
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("'data' is not base64. Encode the whole file, without a 'data:' prefix.") from None


def _format(data: bytes) -> Format:
    if b"%PDF-" in data[:1_024]:
        return "pdf"
    if data.startswith(b"PK"):
        names = {entry.filename for entry in _entries(data)}
        for name, kind in _OFFICE.items():
            if name in names:
                return kind
        raise ValueError("This is a ZIP file, but no Word, Excel or PowerPoint document.")
    if data.startswith(_OLD_OFFICE):
        raise ValueError("This Office file is from before 2007 or has a password. Save it as DOCX, XLSX or PPTX.")
    if re.search(rb"<(?:!doctype html|html|head|body|p|div|h[1-6]|table|ul)\b", data[:100_000], re.IGNORECASE):
        return "html"
    raise ValueError("This is none of PDF, DOCX, XLSX, PPTX and HTML. Plain text needs no conversion.")


def _check(kind: Format, data: bytes) -> None:
    """Look at a file's size before a reader unfolds it."""
    if kind == "pdf":
        pages = _page_count(data)
        if pages > _MAX_PAGES:
            raise ValueError(f"The document has {pages} pages; at most {_MAX_PAGES} can be read. Split it.")
    elif kind != "html":
        entries = _entries(data)
        size = sum(entry.file_size for entry in entries)
        if len(entries) > _MAX_ENTRIES or size > _MAX_UNPACKED_BYTES:
            raise ValueError(f"Unpacked, the document has {size // 1_000_000} MB in {len(entries)} parts: too much.")
    if kind == "xlsx":
        _check_cells(data)


def _page_count(data: bytes) -> int:
    try:
        with pdfplumber.open(io.BytesIO(data)) as pdf:
            return len(pdf.pages)
    except Exception as error:  # noqa: BLE001  as above
        if "Password" in repr(error):
            raise ValueError("The document needs a password. Save it without one.") from None
        raise ValueError(f"This cannot be read as pdf ({type(error).__name__}).") from None


def _entries(data: bytes) -> list[zipfile.ZipInfo]:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return archive.infolist()
    except (zipfile.BadZipFile, ValueError, NotImplementedError):
        raise ValueError("The document is damaged: its ZIP archive cannot be read.") from None


def _check_cells(data: bytes) -> None:
    """One cell far out makes a reader build every empty cell before it."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for name in archive.namelist():
            if not name.startswith("xl/worksheets/") or not name.endswith(".xml"):
                continue
            try:
                cells = _CELL.findall(archive.read(name))
            except (zipfile.BadZipFile, zipfile.LargeZipFile, RuntimeError, NotImplementedError, EOFError):
                raise ValueError(f"The document is damaged: '{name[:100]}' cannot be unpacked.") from None
            rows = max((int(row) for _, row in cells), default=0)
            columns = max((_column(letters) for letters, _ in cells), default=0)
            if rows * columns > _MAX_CELLS:
                raise ValueError(f"A sheet spans {rows} rows and {columns} columns. Save only the part in question.")


def _column(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - ord("A") + 1
    return number


def _charset(data: bytes) -> str | None:
    """Only for HTML: what a page says of itself is found by its reader."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return "utf-8"
