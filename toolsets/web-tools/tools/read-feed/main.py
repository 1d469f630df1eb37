"""Reads an RSS or Atom feed."""

import calendar
import datetime as dt
import re
import time
import zlib
from dataclasses import dataclass
from typing import Any

import feedparser  # reads every feed format there is
import httpx2  # the HTTP client
import lxml.html
from markdownify import markdownify
from pydantic import BaseModel, ConfigDict, Field

_MAX_BYTES = 10_000_000
_MAX_REDIRECTS = 5
_WAIT_S = 10.0
_TOTAL_S = 25.0
_TOO_SLOW = "The server is too slow. Try again later, or try another address."
_HEADERS = {
    "User-Agent": "Mozilla/5.0 (compatible; jinba-web-tools/1.0)",
    "Accept": "application/atom+xml,application/rss+xml,application/xml;q=0.9,text/xml;q=0.9,*/*;q=0.1",
    "Accept-Encoding": "gzip",
}
# Read while the process waits for its call, not during it.
_TRUST = httpx2.create_ssl_context()
_MAX_FEEDS = 10
_MAX_PROLOGUE = 1_000_000
_FEED_LINKS = "//link[contains(@rel, 'alternate') and (contains(@type, 'rss') or contains(@type, 'atom'))]/@href"


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
        description="The feed; for a web page the error names the feeds that it links to.",
        examples=["https://example.com/feed.xml"],
    )
    limit: int = Field(default=20, ge=1, le=200, description="The most entries, in the feed's order (newest first).")
    max_summary_characters: int = Field(
        default=1_000, ge=0, le=20_000, description="Cut each entry's summary there; 0 for no summaries."
    )


class Entry(BaseModel):
    id: str = Field(description="What the feed calls the entry; the address when it has no name.")
    title: str = Field(description="The title; empty when it has none.")
    url: str | None = Field(description="Its page; fetch-page reads it.")
    published: str | None = Field(description="When it was published, ISO 8601, UTC.")
    updated: str | None = Field(description="When it last changed, ISO 8601, UTC.")
    author: str | None = Field(description="Who wrote it.")
    tags: list[str] = Field(description="Its categories.")
    summary: str = Field(description="The summary, or the whole text if the feed has it, as Markdown.")
    files: list[str] = Field(description="Addresses of files that hang on it, such as a podcast's sound.")


class Output(BaseModel):
    url: str = Field(description="The feed's address after redirects.")
    format: str = Field(description="The format and its version, such as rss20 or atom10.")
    title: str = Field(description="The feed's title; empty when it has none.")
    description: str = Field(description="What the feed says it is about.")
    site_url: str | None = Field(description="The site that it belongs to.")
    language: str | None = Field(description="Its language, such as en.")
    total: int = Field(description="How many entries the feed holds; `limit` of them are listed.")
    entries: list[Entry] = Field(description="The entries in the feed's order.")


def run(input: Input) -> Output:
    with _client() as client:
        document = _fetched(client, input.url, time.monotonic() + _TOTAL_S)
    # Without the zero bytes of UTF-16. A few lines of these can stand for gigabytes.
    if b"<!ENTITY" in document.body[:_MAX_PROLOGUE].replace(b"\0", b"").upper():
        raise ValueError("The feed defines entities of its own, as no honest feed does. It is not read.")
    charset = f"; charset={document.charset}" if document.charset else ""
    headers = {"content-type": document.media_type + charset, "content-location": document.url}
    parsed = feedparser.parse(document.body, response_headers=headers)
    if not parsed.get("version"):
        raise ValueError(_no_feed(document))
    feed = parsed.feed
    return Output(
        url=document.url,
        format=parsed.version,
        title=_plain(feed.get("title")),
        description=_plain(feed.get("subtitle")),
        site_url=_address(feed.get("link")),
        language=feed.get("language") or None,
        total=len(parsed.entries),
        entries=[_entry(entry, input.max_summary_characters) for entry in parsed.entries[: input.limit]],
    )


def _entry(raw: Any, max_characters: int) -> Entry:
    texts = [part.get("value", "") for part in raw.get("content", [])]
    summary = max([raw.get("summary", ""), *texts], key=len) if max_characters else ""
    url = _address(raw.get("link"))
    return Entry(
        id=str(raw.get("id") or url or ""),
        title=_plain(raw.get("title")),
        url=url,
        published=_time(raw.get("published_parsed")),
        # Asked for first: feedparser answers with the other date where this one is missing.
        updated=_time(raw.get("updated_parsed") if "updated_parsed" in raw else None),
        author=raw.get("author") or None,
        tags=[tag.term for tag in raw.get("tags", []) if tag.get("term")],
        summary=_markdown(summary)[:max_characters],
        files=[file.href for file in raw.get("enclosures", []) if _address(file.get("href"))],
    )


def _time(parsed: time.struct_time | None) -> str | None:
    if parsed is None:
        return None
    try:
        return dt.datetime.fromtimestamp(calendar.timegm(parsed), dt.UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError, OSError):
        return None


def _address(value: str | None) -> str | None:
    return value if value and value.lower().startswith(("http://", "https://")) else None


def _plain(value: str | None) -> str:
    return " ".join(_markdown(value or "").split())


def _markdown(html: str) -> str:
    if "<" not in html and "&" not in html:
        return html.strip()
    try:
        return re.sub(r"\n{3,}", "\n\n", markdownify(html, heading_style="atx")).strip()
    except RecursionError:
        return re.sub(r"<[^<>]*>", " ", html).strip()


def _no_feed(document: _Document) -> str:
    links: list[str] = []
    if b"<link" in document.body:
        tree = lxml.html.document_fromstring(document.body)
        tree.make_links_absolute(document.url, handle_failures="discard")
        links = [str(link)[:200] for link in tree.xpath(_FEED_LINKS)][:_MAX_FEEDS]
    if links:
        return f"This is a web page, not a feed. Its feeds are: {', '.join(links)}."
    return "This is no RSS or Atom feed. Give the address of the feed itself, often /feed, /rss or /atom.xml."


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
