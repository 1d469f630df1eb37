"""Reads the sitemap of a web site, through its indexes."""

import datetime as dt
import re
import time
import urllib.parse
import zlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

import defusedxml  # XML without the tricks of XML
import defusedxml.ElementTree
import httpx2  # the HTTP client
from pydantic import BaseModel, ConfigDict, Field

_MAX_BYTES = 50_000_000
_MAX_REDIRECTS = 5
_WAIT_S = 10.0
_TOTAL_S = 30.0
_TOO_SLOW = "The server is too slow. Try again later, or try another address."
_HEADERS = {
    "User-Agent": "Mozilla/5.0 (compatible; jinba-web-tools/1.0)",
    "Accept": "application/xml,text/xml;q=0.9,text/plain;q=0.8,*/*;q=0.1",
    "Accept-Encoding": "gzip",
}
# Read while the process waits for its call, not during it.
_TRUST = httpx2.create_ssl_context()
_MAX_KEPT_SITEMAPS = 1_000
_MAX_URL_CHARACTERS = 2_048
_GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class _Document:
    url: str
    media_type: str
    charset: str | None
    body: bytes


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    url: str = Field(
        min_length=8,
        max_length=2_000,
        pattern=r"^https?://[^\s]+$",
        description="A sitemap, an index of sitemaps, or just the site, whose robots.txt then names them.",
        examples=["https://example.com/sitemap.xml"],
    )
    contains: str = Field(default="", max_length=200, description="List only addresses that contain this text.")
    modified_since: dt.date | None = Field(
        default=None, description="List only pages that say they changed on or after this date, YYYY-MM-DD."
    )
    limit: int = Field(default=200, ge=1, le=5_000, description="The most addresses to list.")
    max_sitemaps: int = Field(default=10, ge=1, le=50, description="The most sitemaps to fetch, indexes among them.")


class Page(BaseModel):
    url: str = Field(description="The page's address.")
    last_modified: str | None = Field(description="When it changed, as the sitemap says it; often not said.")


class Output(BaseModel):
    pages: list[Page] = Field(description="The pages in the sitemaps' order.")
    truncated: bool = Field(description="Whether there are more that fit, or sitemaps that were not read.")
    sitemaps_read: list[str] = Field(description="The sitemaps that were read.")
    sitemaps_left: list[str] = Field(description="Sitemaps that were not read; read one by its own address.")
    problems: list[str] = Field(description="Sitemaps that could not be read, and why.")


@dataclass(frozen=True)
class _Location:
    url: str
    modified: str | None
    is_sitemap: bool


def run(input: Input) -> Output:
    deadline = time.monotonic() + _TOTAL_S
    pages: list[Page] = []
    read: list[str] = []
    problems: list[str] = []
    full = False
    with _client() as client:
        waiting = deque(_starts(client, input.url, deadline))
        seen = set(waiting)
        while waiting and len(read) + len(problems) < input.max_sitemaps and not full and time.monotonic() < deadline:
            sitemap = waiting.popleft()
            try:
                for location in _locations(_fetched(client, sitemap, deadline)):
                    if location.is_sitemap and location.url not in seen and len(seen) < _MAX_KEPT_SITEMAPS:
                        seen.add(location.url)
                        waiting.append(location.url)
                    elif not location.is_sitemap and _fits(location, input):
                        full = len(pages) >= input.limit
                        if full:
                            break
                        pages.append(Page(url=location.url, last_modified=location.modified))
                read.append(sitemap)
            except ValueError as error:
                problems.append(f"{sitemap[:200]}: {error}")
    if not read:
        raise ValueError(problems[0] if problems else _TOO_SLOW)
    left = list(waiting)
    return Output(pages=pages, truncated=full or bool(left), sitemaps_read=read, sitemaps_left=left, problems=problems)


def _fits(location: _Location, wanted: Input) -> bool:
    if wanted.contains not in location.url:
        return False
    since = wanted.modified_since
    return since is None or (location.modified is not None and location.modified[:10] >= since.isoformat())


def _starts(client: httpx2.Client, url: str, deadline: float) -> list[str]:
    """The address itself; for a bare site what its robots.txt names, or the usual place."""
    parts = urllib.parse.urlsplit(url)
    if parts.path.strip("/") or parts.query:
        return [url]
    try:
        robots = _fetched(client, urllib.parse.urljoin(url, "/robots.txt"), deadline).body.decode("utf-8", "replace")
    except ValueError:
        robots = ""
    named = re.findall(r"(?im)^[ \t]*sitemap[ \t]*:[ \t]*(https?://\S{1,2000})", robots)
    return list(dict.fromkeys(named)) or [urllib.parse.urljoin(url, "/sitemap.xml")]


def _locations(document: _Document) -> Iterator[_Location]:
    body = _unpacked(document.body)
    if not body.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        yield from _lines(document, body)
        return
    try:
        events = defusedxml.ElementTree.iterparse(BytesIO(body), events=("start", "end"), forbid_dtd=True)
        root = next(events)[1]
        kind = _name(root.tag)
        if kind not in ("urlset", "sitemapindex"):
            raise ValueError(f"This is no sitemap: its XML begins with <{kind:.40}>. Give the sitemap's own address.")
        for event, element in events:
            if event == "end" and _name(element.tag) in ("url", "sitemap"):
                found = {_name(part.tag): (part.text or "").strip() for part in element}
                if url := _address(found.get("loc", ""), document.url):
                    yield _Location(url, found.get("lastmod") or None, is_sitemap=kind == "sitemapindex")
                root.clear()
    except (defusedxml.ElementTree.ParseError, defusedxml.DefusedXmlException) as error:
        raise ValueError(f"This is no sitemap that can be read ({error!s:.200}).") from None


def _lines(document: _Document, body: bytes) -> Iterator[_Location]:
    """A sitemap of plain text: one address a line."""
    lines = body.decode("utf-8-sig", "replace").split("\n")
    if not _address(lines[0].strip(), ""):
        raise ValueError("This is no sitemap: neither XML nor a list of addresses. Give the sitemap's own address.")
    for line in lines:
        if url := _address(line.strip(), document.url):
            yield _Location(url, None, is_sitemap=False)


def _unpacked(body: bytes) -> bytes:
    if not body.startswith(_GZIP):
        return body
    try:
        unpacked = zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(body, _MAX_BYTES + 1)
    except zlib.error as error:
        raise ValueError(f"The sitemap is packed wrongly ({error!s:.100}).") from None
    if len(unpacked) > _MAX_BYTES:
        raise ValueError(f"Unpacked, the sitemap is larger than {_MAX_BYTES // 1_000_000} MB.")
    return unpacked


def _address(text: str, base: str) -> str | None:
    try:
        url = urllib.parse.urljoin(base, text) if text else ""
    except ValueError:
        return None
    return url if url.startswith(("http://", "https://")) and len(url) <= _MAX_URL_CHARACTERS else None


def _name(tag: str) -> str:
    return tag.rpartition("}")[2]


def _fetched(client: httpx2.Client, url: str, deadline: float) -> _Document:
    """What stands at `url`, after at most five redirects; `deadline` is on the monotonic clock."""
    try:
        request = client.build_request("GET", url)
        for _ in range(_MAX_REDIRECTS + 1):
            if request.url.scheme not in ("http", "https") or not request.url.host or request.url.userinfo:
                raise ValueError(f"'{_shown(request.url)}' cannot be read. Give an http(s) address without a login.")
            response = client.send(request, stream=True)
            try:
                if response.next_request is None:
                    return _read(response, deadline)
                request = response.next_request
            finally:
                response.close()
            if time.monotonic() > deadline:
                raise ValueError(_TOO_SLOW)
    except httpx2.TimeoutException:
        raise ValueError(_TOO_SLOW) from None
    except (httpx2.HTTPError, httpx2.InvalidURL, UnicodeError, zlib.error) as error:
        raise ValueError(f"The address cannot be read ({type(error).__name__}: {error!s:.200}). Check it.") from None
    raise ValueError(f"The address redirects more than {_MAX_REDIRECTS} times. Give the one that it should lead to.")


def _read(response: httpx2.Response, deadline: float) -> _Document:
    if not response.is_success:
        wait = response.headers.get("retry-after", "")
        hint = f"Call again in {wait:.40} seconds." if wait.isdigit() else "Check the address."
        raise ValueError(f"The server answered {response.status_code} {response.reason_phrase:.60}. {hint}")
    kind, _, options = response.headers.get("content-type", "").partition(";")
    charset = re.search(r"charset\s*=\s*[\"']?([\w.:-]{1,40})", options, re.IGNORECASE)
    return _Document(
        url=str(response.url),
        media_type=kind.strip().lower(),
        charset=charset[1] if charset else None,
        body=_body(response, deadline),
    )


def _body(response: httpx2.Response, deadline: float) -> bytes:
    """The body, unpacked here: a library that unpacks by itself would make a gigabyte out of a megabyte first."""
    encoding = response.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "", "gzip", "x-gzip", "deflate"):
        raise ValueError(f"The server packs its answer as '{encoding:.40}', unasked. Try another address.")
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 32) if encoding not in ("identity", "") else None
    body = bytearray()
    # Without a chunk size: that would wait until a chunk is full, and a server that drips would never be too slow.
    for chunk in response.iter_raw():
        body += unpacker.decompress(chunk, _MAX_BYTES + 1 - len(body)) if unpacker else chunk
        if len(body) > _MAX_BYTES:
            raise ValueError(f"What stands there is larger than {_MAX_BYTES // 1_000_000} MB. Ask for a smaller part.")
        if time.monotonic() > deadline:
            raise ValueError(_TOO_SLOW)
    return bytes(body)


def _client() -> httpx2.Client:
    # Proxies come from the environment: in the sandbox there is no other way out.
    return httpx2.Client(verify=_TRUST, timeout=_WAIT_S, headers=_HEADERS, follow_redirects=False)


def _shown(url: httpx2.URL) -> str:
    return str(url.copy_with(username=None, password=None))[:200]
