"""document-tools on small documents of every kind, and on those that are broken or mean harm."""

import base64
import io
import zipfile
from collections.abc import Callable
from typing import Any

import openpyxl  # type: ignore[import-untyped]  # it has no stubs
import pptx
import pytest

from tests.toolsets import packaged

pytestmark = pytest.mark.slow

call = packaged.caller("document-tools")

WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
TYPES = (
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" '
    'ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>'
)
RELATIONS = (
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" '
    'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" '
    'Target="word/document.xml"/></Relationships>'
)


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


def archive(**files: str | bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return buffer.getvalue()


def docx(body: str, prolog: str = "") -> bytes:
    document = f'{prolog}<w:document xmlns:w="{WORD}"><w:body>{body}</w:body></w:document>'
    files = {"[Content_Types].xml": TYPES, "_rels/.rels": RELATIONS, "word/document.xml": document}
    return archive(**files)


def paragraph(text: str) -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r></w:p>"


def xlsx(**sheets: list[list[Any]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def presentation() -> bytes:
    slides = pptx.Presentation()
    slide = slides.slides.add_slide(slides.slide_layouts[1])
    slide.shapes.title.text = "Bees"
    slide.placeholders[1].text = "They dance"
    buffer = io.BytesIO()
    slides.save(buffer)
    return buffer.getvalue()


def pdf(*pages: str, more: str = "") -> bytes:
    """A PDF whose pages draw what the content streams say, in Helvetica as /F."""
    kids = " ".join(f"{4 + 2 * number} 0 R" for number in range(len(pages)))
    objects = [
        f"<</Type/Catalog/Pages 2 0 R{more}>>",
        f"<</Type/Pages/Count {len(pages)}/Kids[{kids}]/MediaBox[0 0 300 200]/Resources<</Font<</F 3 0 R>>>>>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    for number, content in enumerate(pages):
        objects.append(f"<</Type/Page/Parent 2 0 R/Contents {5 + 2 * number} 0 R>>")
        objects.append(f"<</Length {len(content)}>>stream\n{content}\nendstream")
    body, offsets = b"%PDF-1.4\n", []
    for number, item in enumerate(objects, 1):
        offsets.append(len(body))
        body += f"{number} 0 obj {item} endobj\n".encode()
    table = "".join(f"{offset:010} 00000 n \n" for offset in offsets)
    end = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer<</Size {len(objects) + 1}/Root 1 0 R>>\n"
    return body + f"{end}startxref\n{len(body)}\n%%EOF".encode()


def text(x: int, y: int, words: str) -> str:
    return f"BT /F 10 Tf {x} {y} Td ({words}) Tj ET "


def grid(rows: list[list[str]], *, lines: bool = True) -> str:
    """A table of cells 80 wide and 20 high."""
    drawn = "".join(
        text(15 + 80 * column, 165 - 20 * row, cell)
        for row, cells in enumerate(rows)
        for column, cell in enumerate(cells)
    )
    if not lines:
        return drawn
    width, height = 80 * len(rows[0]), 20 * len(rows)
    across = "".join(f"10 {180 - 20 * row} m {10 + width} {180 - 20 * row} l S " for row in range(len(rows) + 1))
    down = "".join(
        f"{10 + 80 * column} 180 m {10 + 80 * column} {180 - height} l S " for column in range(len(rows[0]) + 1)
    )
    return drawn + across + down


PRICES = [["Item", "Price"], ["Honey", "7.50"], ["Wax", "3.20"]]


def test_a_word_document_keeps_lists_and_tables_apart_from_its_text() -> None:
    cells = "".join(f"<w:tc>{paragraph(word)}</w:tc>" for word in ("Honey", "7.50"))
    body = f"{paragraph('Größe &amp; Maß')}<w:tbl><w:tr>{cells}</w:tr></w:tbl>"
    output = call("to-markdown", data=encoded(docx(body)))
    assert (output["format"], output["next_start"]) == ("docx", None)
    assert output["markdown"].startswith("Größe & Maß")
    assert "| Honey | 7.50 |" in output["markdown"]


def test_every_sheet_of_a_workbook_is_a_table_under_its_name() -> None:
    output = call("to-markdown", data=encoded(xlsx(Prices=PRICES, Empty=[], Notes=[["größe"], [12.5]])))
    assert output["format"] == "xlsx"
    assert "## Prices" in output["markdown"]
    assert "| Honey | 7.50 |" in output["markdown"] or "| Honey | 7.5 |" in output["markdown"]
    assert "## Notes" in output["markdown"]


def test_slides_are_numbered() -> None:
    output = call("to-markdown", data=encoded(presentation()))
    assert output["format"] == "pptx"
    assert "# Bees" in output["markdown"]
    assert "They dance" in output["markdown"]


def test_html_loses_scripts_and_keeps_links() -> None:
    page = '<html><head><title>Größe</title></head><body><h1>Hi</h1><a href="https://example.com">x</a><script>bad()</script>'
    output = call("to-markdown", data=encoded(page.encode()))
    assert (output["format"], output["title"]) == ("html", "Größe")
    assert "# Hi" in output["markdown"]
    assert "[x](https://example.com)" in output["markdown"]
    assert "bad()" not in output["markdown"]


def test_a_pdf_gives_its_text_page_after_page_and_in_parts() -> None:
    data = encoded(pdf(*(text(20, 150, f"Page {number} speaks of bees") for number in range(1, 21))))
    whole = call("to-markdown", data=data)
    assert whole["format"] == "pdf"
    assert whole["markdown"].index("Page 2 speaks") < whole["markdown"].index("Page 20 speaks")
    first = call("to-markdown", data=data, max_characters=100)
    rest = call("to-markdown", data=data, start=first["next_start"])
    assert first["markdown"] + rest["markdown"] == whole["markdown"]


def test_base64_may_be_broken_into_lines() -> None:
    lines = base64.encodebytes(b"<p>hello</p>" * 20).decode()
    assert call("to-markdown", data=lines)["markdown"].count("hello") == 20


def test_tables_of_a_pdf_come_as_rows_with_their_page() -> None:
    data = encoded(pdf(text(20, 150, "No table here"), grid(PRICES), grid([["a", "b"], ["c", "d"]])))
    output = call("pdf-tables", data=data)
    assert output["tables"] == [{"page": 2, "rows": PRICES}, {"page": 3, "rows": [["a", "b"], ["c", "d"]]}]
    assert (output["page_count"], output["pages_read"], output["truncated"]) == (3, [1, 2, 3], False)
    chosen = call("pdf-tables", data=data, pages="3, 1-1")
    assert ([table["page"] for table in chosen["tables"]], chosen["pages_read"]) == ([3], [1, 3])
    assert call("pdf-tables", data=data, max_tables=1)["truncated"] is True


def test_a_table_without_lines_is_found_by_its_text() -> None:
    data = encoded(pdf(grid(PRICES, lines=False)))
    assert call("pdf-tables", data=data)["tables"] == []
    rows = call("pdf-tables", data=data, find_by="text")["tables"][0]["rows"]
    assert [[cell for cell in row if cell] for row in rows if any(row)] == PRICES


def test_pages_that_are_not_there_are_named() -> None:
    data = encoded(pdf(grid(PRICES)))
    with pytest.raises(ValueError, match="There is no page 4; the document has 1 pages"):
        call("pdf-tables", data=data, pages="1-4")
    with pytest.raises(ValueError, match="Pages count from 1"):
        call("pdf-tables", data=data, pages="0")


def too_many_pages() -> bytes:
    return pdf(*[""] * 301)


def packed_bomb() -> bytes:
    return archive(**{"word/document.xml": bytes(101_000_000)})


def far_cell() -> bytes:
    book = openpyxl.Workbook()
    book.active["XFD1048576"] = 1
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def locked() -> bytes:
    key = "<41414141414141414141414141414141414141414141414141414141414141414141>"
    locks = f"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O {key}/U {key}>>/ID[<41><41>]"
    return pdf("").replace(b"trailer<<", f"trailer<<{locks}".encode())


def laughing() -> bytes:
    entities = "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in zip("abcdefgh", "bcdefghi", strict=True))
    return docx(paragraph("&i;"), f'<!DOCTYPE x [<!ENTITY a "ha">{entities}]>')


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: b"just words, no document", "none of PDF, DOCX"),
        (lambda: archive(**{"a.txt": "x"}), "no Word, Excel or PowerPoint"),
        (lambda: b"PK\x03\x04 broken", "ZIP archive cannot be read"),
        (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "from before 2007"),
        (lambda: docx("")[:300], "ZIP archive cannot be read"),
        (lambda: b"%PDF-1.7 and nothing else", "cannot be read as pdf"),
        (too_many_pages, "has 301 pages; at most 300"),
        (packed_bomb, "Unpacked, the document has 101 MB"),
        (far_cell, "spans 1048576 rows and 16384 columns"),
        (locked, "needs a password"),
        (laughing, "cannot be read as docx"),
    ],
    ids=lambda value: value.__name__ if callable(value) and value.__name__ != "<lambda>" else None,
)
def test_what_cannot_be_read_is_said(make: Callable[[], bytes], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call("to-markdown", data=encoded(make()))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (encoded(docx("")), "This is no PDF"),
        (encoded(locked()), "needs a password"),
        (encoded(b"%PDF-1.7 and nothing else"), "cannot be read as PDF"),
        ("data:application/pdf;base64,AAAA", "not base64"),
    ],
)
def test_what_is_no_pdf_gives_no_tables(data: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call("pdf-tables", data=data)


def test_a_wrong_format_is_said() -> None:
    with pytest.raises(ValueError, match="cannot be read as pdf"):
        call("to-markdown", data=encoded(docx("")), format="pdf")
