"""Archives over REST."""

import pytest

from jinba_mcp.authoring.archives import write_archive
from jinba_mcp.domain.sources import Source, SourceTool
from tests.faces.rest.conftest import MAX_BODY_BYTES, Rest

TOOLSETS = "/v1/orgs/default/toolsets"
ZIP = {"Content-Type": "application/zip"}
ARCHIVE = write_archive(
    Source(slug="new-tools", tools=(SourceTool(slug="greet", code="x", input_schema={"type": "object"}),))
)


async def test_an_archive_goes_in_and_comes_out_again(rest: Rest) -> None:
    loaded = await rest.ask("POST", TOOLSETS + "/import", "write", content=ARCHIVE, headers=ZIP)
    assert (loaded.status_code, loaded.json()["slug"]) == (200, "new-tools")
    exported = await rest.ask("GET", TOOLSETS + "/new-tools/export", "read")
    assert exported.content == ARCHIVE
    assert exported.headers["content-type"] == "application/zip"
    assert exported.headers["content-disposition"] == 'attachment; filename="new-tools.zip"'
    await rest.ask("POST", TOOLSETS + "/new-tools/versions", "write")
    version = await rest.ask("GET", TOOLSETS + "/new-tools/export?version=1.0.0", "read")
    assert version.headers["content-disposition"] == 'attachment; filename="new-tools-1.0.0.zip"'
    copied = await rest.ask("POST", TOOLSETS + "/copied-tools/import", "write", content=ARCHIVE, headers=ZIP)
    assert copied.json()["slug"] == "copied-tools"
    stale = {**ZIP, "If-Match": loaded.headers["etag"]}
    again = await rest.ask("POST", TOOLSETS + "/import", "write", content=ARCHIVE, headers=stale)
    assert (again.status_code, again.json()["code"]) == (412, "precondition.failed")


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"PK", ZIP, 400, "archive.invalid"),
        (b"", ZIP, 400, "archive.invalid"),
        (ARCHIVE, {}, 415, "request.media_type"),
        (ARCHIVE, {"Content-Type": "application/json"}, 415, "request.media_type"),
        (ARCHIVE, {**ZIP, "Content-Encoding": "gzip"}, 415, "request.media_type"),
        (b"x" * (MAX_BODY_BYTES + 1), ZIP, 413, "request.too_large"),
    ],
)
async def test_what_is_no_archive_is_refused(
    rest: Rest, content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    response = await rest.ask("POST", TOOLSETS + "/import", "write", content=content, headers=headers)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert (await rest.ask("GET", TOOLSETS, "read")).json()["data"] == []
