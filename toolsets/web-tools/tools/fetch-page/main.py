"""Fetches a web page and gives its main content as Markdown."""

import codecs
import re
import time
import zlib
from dataclasses import dataclass
from typing import Literal

import charset_normalizer  # guesses the charset where nobody says it
import httpx2  # the HTTP client
import lxml.etree
import lxml.html
import trafilatura  # finds the main content of a page
from markdownify import markdownify
from pydantic import BaseModel, ConfigDict, Field

_MAX_BYTES = 5_000_000
_MAX_REDIRECTS = 5
_WAIT_S = 10.0
_TOTAL_S = 25.0
_TOO_SLOW = "The server is too slow. Try again later, or try another address."
_HEADERS = {
    "User-Agent": "Mozilla/5.0 (compatible; jinba-web-tools/1.0)",
    "Accept": "text/html,application/xhtml+xml,text/*;q=0.9,application/json;q=0.8,*/*;q=0.1",
    "Accept-Encoding": "gzip",
}
# Read while the process waits for its call, not during it.
_TRUST = httpx2.create_ssl_context()
_MAX_GUESSED = 100_000
_HTML = ("text/html", "application/xhtml+xml", "")
_TEXT = re.compile(r"text/[\w.+-]+|application/(?:[\w.+-]+\+)?(?:json|xml|yaml|javascript)")
_USELESS = "//script|//style|//noscript|//template|//iframe|//svg|//form|//object|//embed|//comment()"


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
        description="The page to read.",
        examples=["https://example.com/article"],
    )
    content: Literal["main", "full"] = Field(
        default="main", description="main: the article without menus and advertisements; full: all that the page says."
    )
    start: int = Field(default=0, ge=0, le=10_000_000, description="Skip so many characters, to read a long page on.")
    max_characters: int = Field(default=20_000, ge=100, le=200_000, description="Give at most so many characters.")


class Output(BaseModel):
    url: str = Field(description="The address after redirects.")
    media_type: str = Field(description="What the server calls it, such as text/html.")
    title: str | None = Field(description="The page's title; null when it has none.")
    author: str | None = Field(description="Who wrote it, if the page says so.")
    published: str | None = Field(description="When it was published or changed, YYYY-MM-DD, if the page says so.")
    description: str | None = Field(description="How the page describes itself; null when it does not.")
    markdown: str = Field(description="The content as Markdown with absolute links; other texts as they are.")
    content: Literal["main", "full", "text"] = Field(
        description="What it is: full also when no main content was found; text for what is no HTML."
    )
    next_start: int | None = Field(description="Pass it as `start` to read on; null at the end.")
    total_characters: int = Field(description="How long the whole content is.")


def run(input: Input) -> Output:
    with _client() as client:
        document = _fetched(client, input.url, time.monotonic() + _TOTAL_S)
    if document.media_type not in _HTML and not _TEXT.fullmatch(document.media_type):
        raise ValueError(
            f"The address holds {document.media_type:.100} ({len(document.body)} bytes), which is no page. "
            "Download it and give it to a tool for such files."
        )
    text = _text(document).replace("\0", "")
    if document.media_type in _HTML:
        return _page(input, document, text)
    return _output(input, document, text, "text", None)


def _page(wanted: Input, document: _Document, html: str) -> Output:
    tree = trafilatura.load_html(html)
    if tree is None:
        return _output(wanted, document, html, "text", None)
    _clean(tree, document.url)
    about = trafilatura.extract_metadata(tree, default_url=document.url)
    main = None
    if wanted.content == "main":
        main = trafilatura.extract(
            tree, url=document.url, output_format="markdown", include_links=True, include_comments=False
        )
    if main:
        return _output(wanted, document, main, "main", about)
    return _output(wanted, document, _full(tree), "full", about)


def _clean(tree: lxml.html.HtmlElement, url: str) -> None:
    """Make links absolute, and drop those that are no addresses, such as scripts and data."""
    try:
        tree.make_links_absolute(url, handle_failures="discard")
    except ValueError:
        tree.rewrite_links(lambda _: None)
    for link in tree.iter("a"):
        if not link.get("href", "").lower().startswith(("http:", "https:", "mailto:")):
            link.attrib.pop("href", None)
    for image in tree.iter("img"):
        if not image.get("src", "").lower().startswith(("http:", "https:")):
            image.attrib.pop("src", None)


def _full(tree: lxml.html.HtmlElement) -> str:
    for element in tree.xpath(_USELESS):
        if element.getparent() is not None:
            element.drop_tree()
    body = tree.find("body")
    try:
        html = lxml.html.tostring(tree if body is None else body, encoding="unicode")
        markdown = markdownify(html, heading_style="atx")
    except RecursionError:
        markdown = tree.text_content()
    return re.sub(r"[ \t]*\n(?:[ \t]*\n)+", "\n\n", markdown).strip()


def _output(
    wanted: Input,
    document: _Document,
    text: str,
    content: Literal["main", "full", "text"],
    about: trafilatura.metadata.Document | None,
) -> Output:
    end = wanted.start + wanted.max_characters
    return Output(
        url=document.url,
        media_type=document.media_type,
        title=about and about.title,
        author=about and about.author,
        published=about and about.date,
        description=about and about.description,
        markdown=text[wanted.start : end],
        content=content,
        next_start=end if end < len(text) else None,
        total_characters=len(text),
    )


def _text(document: _Document) -> str:
    """The body in characters: by byte order mark, header, the page's own word, or else by its looks."""
    marks = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
    marked = [name for mark, name in marks if document.body.startswith(mark)]
    said = re.search(rb"<meta[^>]{0,200}charset\s*=\s*[\"']?([\w:.-]{1,40})", document.body[:4_096], re.IGNORECASE)
    for name in (*marked, document.charset, said and said[1].decode("ascii", "replace"), "utf-8"):
        try:
            # By the Encoding Standard of the WHATWG, a page that says Latin-1 means Windows-1252.
            plain = codecs.lookup(name or "").name
            return document.body.decode("cp1252" if plain in ("iso8859-1", "ascii") else plain)
        except (LookupError, UnicodeError, ValueError):
            continue
    guess = charset_normalizer.from_bytes(document.body[:_MAX_GUESSED]).best()
    return document.body.decode(guess.encoding if guess else "utf-8", errors="replace")


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
