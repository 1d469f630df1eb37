"""web-tools against a server that serves pages, feeds and sitemaps as real ones do, and some that mean harm."""

import gzip
import itertools
import tracemalloc
from collections.abc import Iterator

import pytest

from tests.toolsets import packaged
from tests.toolsets.local_server import Answer, Request, Respond, Server, serving
from tests.toolsets.running import ArgumentsRefused

call = packaged.caller("web-tools")

ARTICLE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Bees | The Meadow</title>
<meta name="author" content="Ada Bloom"><meta name="description" content="How bees find home.">
<meta property="article:published_time" content="2026-03-12T08:00:00Z"></head><body>
<nav><ul><li><a href="/">Home</a></li><li><a href="/shop">Shop</a></li></ul></nav>
<article><h1>How bees find home</h1>
<p>Bees remember the way by the sun, by landmarks and by smell, as <a href="/studies#one">several studies</a> show.
They fly a small circle before they leave for the first time, and then look back at the hive for a long while.</p>
<h2>The dance</h2><p>Back in the hive a bee dances to tell the others.
The angle stands for the direction
and the length of the dance for the distance; <a href="javascript:alert(1)">others</a> follow it closely.</p>
<ul><li>round dance: near</li><li>waggle dance: far</li></ul>
<table><tr><th>Dance</th><th>Metres</th></tr><tr><td>round</td><td>50</td></tr></table>
</article><script>track("secret-script")</script><footer>Imprint and cookies</footer></body></html>"""

RSS = """<?xml version="1.0" encoding="ISO-8859-1"?><rss version="2.0"><channel><title>Größe &amp; Maß</title>
<link>https://example.com/</link><description>News</description><language>de</language>
<item><title>First &lt;b&gt;one&lt;/b&gt;</title><link>https://example.com/1</link><guid>tag:1</guid>
<pubDate>Thu, 12 Mar 2026 09:00:00 +0100</pubDate><author>ada@example.com (Ada)</author><category>bees</category>
<description><![CDATA[<p>Hello <a href="/x">there</a><script>alert(1)</script></p>]]></description>
<enclosure url="https://example.com/1.mp3" length="1" type="audio/mpeg"/></item>
<item><title>Second</title><link>javascript:alert(1)</link></item></channel></rss>"""

ATOM = """<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom"><title>Notes</title>
<link href="https://example.com/"/><id>urn:1</id><updated>2026-03-12T08:00:00Z</updated>
<entry><title>Post</title><link href="/posts/1"/><id>urn:2</id><updated>2026-03-12T08:00:00Z</updated>
<summary>Short</summary>
<content type="html">&lt;p&gt;The &lt;em&gt;whole&lt;/em&gt; text&lt;/p&gt;</content></entry></feed>"""


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving(lambda _: Answer(status=404)) as server:
        yield server


def said(body: str | bytes, kind: str = "text/html; charset=utf-8", status: int = 200, **headers: str) -> Answer:
    raw = body.encode() if isinstance(body, str) else body
    return Answer(raw, status, {"Content-Type": kind} | {name.replace("_", "-"): headers[name] for name in headers})


def always(answer: Answer) -> Respond:
    return lambda _: answer


def site(pages: dict[str, Answer]) -> Respond:
    return lambda request: pages.get(request.path, Answer(status=404))


def test_a_page_becomes_markdown_with_its_links_and_without_its_menus(web: Server) -> None:
    web.respond = site({"/bees": said(ARTICLE)})
    output = call("fetch-page", url=f"{web.url}/bees")
    assert (output["content"], output["media_type"], output["next_start"]) == ("main", "text/html", None)
    assert (output["author"], output["published"]) == ("Ada Bloom", "2026-03-12")
    assert output["description"] == "How bees find home."
    markdown = output["markdown"]
    assert "# How bees find home" in markdown
    assert f"[several studies]({web.url}/studies#one)" in markdown
    assert "- waggle dance: far" in markdown
    assert "| round | 50 |" in markdown
    assert not [word for word in ("Shop", "secret-script", "Imprint", "javascript:") if word in markdown]


def test_the_whole_page_keeps_menus_and_drops_scripts(web: Server) -> None:
    web.respond = lambda _: said(ARTICLE)
    output = call("fetch-page", url=web.url, content="full")
    assert output["content"] == "full"
    assert f"[Shop]({web.url}/shop)" in output["markdown"]
    assert "Imprint and cookies" in output["markdown"]
    assert not [word for word in ("secret-script", "javascript:") if word in output["markdown"]]


def test_a_long_page_is_read_in_parts(web: Server) -> None:
    text = "".join(f"Line {number}\n" for number in range(1_000))
    web.respond = lambda _: said(text, "text/plain")
    parts, start = [], 0
    while start is not None:
        output = call("fetch-page", url=web.url, start=start, max_characters=3_000)
        parts.append(output["markdown"])
        start = output["next_start"]
    assert "".join(parts) == text
    assert (output["content"], output["total_characters"], output["title"]) == ("text", len(text), None)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ("größe 東京".encode("utf-16"), "text/plain"),
        ("\ufeffgröße 東京".encode(), "text/plain; charset=latin-1"),
        ("größe 東京".encode(), "text/plain; charset=no-such-charset"),
        ("größe 東京".encode(), "text/plain; charset=us-ascii; x=y"),
        ("größe 東京".encode("gb18030"), "text/plain; charset='gb18030'"),
    ],
    ids=["byte order mark", "mark over header", "unknown", "wrong", "quoted"],
)
def test_charsets_are_found_out(web: Server, body: bytes, kind: str) -> None:
    web.respond = lambda _: said(body, kind)
    markdown = call("fetch-page", url=web.url)["markdown"]
    assert markdown == "größe 東京" or (kind.endswith("x=y") and "gr" in markdown)


def test_a_page_names_its_charset_and_latin_1_means_windows(web: Server) -> None:
    page = '<html><head><meta charset="{}"><title>{}</title></head><body><p>{}</p></body></html>'
    web.respond = lambda _: said(page.format("shift_jis", "東京", "こんにちは").encode("shift_jis"), "text/html")
    assert call("fetch-page", url=web.url, content="full")["markdown"] == "こんにちは"
    web.respond = lambda _: said(page.format("iso-8859-1", "x", "“Preis” 5 €").encode("cp1252"), "text/html")
    assert call("fetch-page", url=web.url, content="full")["markdown"] == "“Preis” 5 €"


def test_redirects_are_followed_to_a_final_address(web: Server) -> None:
    web.respond = site(
        {"/a": said("", status=302, Location="/b?x=1"), "/b": said("", status=308, Location="c"), "/c": said("done")}
    )
    output = call("fetch-page", url=f"{web.url}/a", content="full")
    assert (output["url"], output["markdown"]) == (f"{web.url}/c", "done")


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("/again", "redirects more than 5 times"),
        ("file:///etc/passwd", "cannot be read"),
        ("ftp://127.0.0.1/x", "cannot be read"),
        ("http://user:secret@127.0.0.1/", "without a login"),
        ("http://[::1", "302 Found"),
    ],
)
@pytest.mark.parametrize("tool", ["fetch-page", "read-feed", "read-sitemap"])
def test_redirects_that_lead_nowhere_end(web: Server, tool: str, location: str, message: str) -> None:
    web.respond = lambda _: said("", status=302, Location=location)
    with pytest.raises(ValueError, match=message) as raised:
        call(tool, url=f"{web.url}/start")
    assert "secret" not in str(raised.value)
    assert len(web.requests) <= 6


@pytest.mark.parametrize("tool", ["fetch-page", "read-feed", "read-sitemap"])
def test_a_packed_bomb_is_never_unpacked(web: Server, tool: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged.module("web-tools", tool), "_MAX_BYTES", 1_000_000)
    packed = gzip.compress(bytes(40_000_000), 9)
    web.respond = lambda _: said(packed, Content_Encoding="gzip")
    assert len(packed) < 100_000
    tracemalloc.start()
    try:
        with pytest.raises(ValueError, match="larger than 1 MB"):
            call(tool, url=f"{web.url}/bomb.xml")
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("tool", ["fetch-page", "read-feed"])
def test_a_page_without_end_is_not_read_to_the_end(web: Server, tool: str) -> None:
    web.respond = lambda _: Answer(headers={"Content-Type": "text/html"}, pieces=itertools.repeat(b"x" * 65_536))
    with pytest.raises(ValueError, match=r"larger than \d+ MB"):
        call(tool, url=web.url)


def test_a_server_that_drips_is_given_up(web: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged.module("web-tools", "fetch-page"), "_TOTAL_S", 0.0)
    web.respond = lambda _: Answer(headers={"Content-Type": "text/html"}, pieces=itertools.repeat(b"x"))
    with pytest.raises(ValueError, match="too slow"):
        call("fetch-page", url=web.url)


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (said("gone", status=404), "404 Not Found. Check the address"),
        (said("wait", status=429, Retry_After="30"), "Call again in 30 seconds"),
        (said("wait", status=503, Retry_After="tomorrow"), "503 Service Unavailable. Check the address"),
        (said(b"%PDF-1.7", "application/pdf"), r"application/pdf \(8 bytes\), which is no page"),
        (said(b"\x1b\x00", Content_Encoding="br"), "packs its answer as 'br'"),
        (said(b"no gzip", Content_Encoding="gzip"), "cannot be read"),
    ],
)
def test_what_is_no_page_is_said(web: Server, answer: Answer, message: str) -> None:
    web.respond = lambda _: answer
    with pytest.raises(ValueError, match=message):
        call("fetch-page", url=web.url)


@pytest.mark.parametrize("url", ["file:///etc/passwd", "gopher://x/", "example.com", "http://a b", ""])
def test_other_addresses_are_refused(url: str) -> None:
    with pytest.raises(ArgumentsRefused):
        call("fetch-page", url=url)


def test_no_connection_is_a_sentence() -> None:
    with pytest.raises(ValueError, match=r"cannot be read \(ConnectError"):
        call("fetch-page", url="http://127.0.0.1:1/")


@pytest.mark.parametrize(
    "html",
    [
        "<div>" * 50_000 + "deep",
        "<b>" * 3_000 + "deep",
        "",
        "<!-- only a comment -->",
        "\0<p>nul</p>",
        '<?xml version="1.0" encoding="utf-16"?><html><body><p>says utf-16</p></body></html>',
        "<p>" + "&lt;" * 100_000,
        '<base href="http://[::1"><a href="//[">x</a>',
    ],
    ids=["divs", "tags", "empty", "comment", "nul", "xml", "entities", "base"],
)
@pytest.mark.parametrize("content", ["main", "full"])
def test_strange_html_is_survived(web: Server, html: str, content: str) -> None:
    web.respond = lambda _: said(html)
    output = call("fetch-page", url=web.url, content=content)
    assert output["total_characters"] >= len(output["markdown"])


def test_requests_go_through_the_proxy_that_the_environment_names(web: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", web.url)
    monkeypatch.setenv("NO_PROXY", "")
    web.respond = lambda _: said("from the proxy", "text/plain")
    assert call("fetch-page", url="http://example.invalid/x")["markdown"] == "from the proxy"
    assert web.requests[0].headers["host"] == "example.invalid"


def test_an_rss_feed_is_read(web: Server) -> None:
    web.respond = lambda _: said(RSS.encode("latin-1"), "application/rss+xml")
    output = call("read-feed", url=f"{web.url}/feed")
    assert (output["format"], output["title"], output["language"], output["total"]) == ("rss20", "Größe & Maß", "de", 2)
    first, second = output["entries"]
    assert (first["id"], first["title"], first["url"]) == ("tag:1", "First **one**", "https://example.com/1")
    assert (first["published"], first["tags"]) == ("2026-03-12T08:00:00+00:00", ["bees"])
    assert first["files"] == ["https://example.com/1.mp3"]
    assert first["summary"].startswith("Hello [there](")
    assert "alert" not in first["summary"]
    assert second["url"] is None


def test_an_atom_feed_gives_its_longest_text_and_absolute_links(web: Server) -> None:
    web.respond = lambda _: said(ATOM, "application/atom+xml")
    output = call("read-feed", url=f"{web.url}/notes/feed", limit=1)
    entry = output["entries"][0]
    assert output["format"] == "atom10"
    assert (entry["summary"], entry["url"]) == ("The *whole* text", f"{web.url}/posts/1")
    assert call("read-feed", url=web.url, max_summary_characters=0)["entries"][0]["summary"] == ""


def test_a_web_page_names_its_feeds(web: Server) -> None:
    link = '<link rel="alternate" type="application/rss+xml" href="/feed.xml">'
    web.respond = lambda _: said(f"<html><head>{link}</head><body>Hi</body></html>")
    with pytest.raises(ValueError, match=f"Its feeds are: {web.url}/feed.xml"):
        call("read-feed", url=web.url)
    web.respond = lambda _: said("Just text", "text/plain")
    with pytest.raises(ValueError, match="no RSS or Atom feed"):
        call("read-feed", url=web.url)


BILLION_LAUGHS = (
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">'
    + "".join(f'<!ENTITY {name} "{f"&{before};" * 10}">' for before, name in itertools.pairwise("abcdefghij"))
    + "]>"
)
EXTERNAL = '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY j SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize("tricks", [BILLION_LAUGHS, EXTERNAL], ids=["billion laughs", "external entity"])
def test_the_tricks_of_xml_lead_to_nothing(web: Server, tricks: str) -> None:
    feed = f"{tricks}<rss version='2.0'><channel><title>t&j;</title></channel></rss>"
    for body in (feed.encode(), feed.encode("utf-16")):
        web.respond = always(said(body, "text/xml"))
        with pytest.raises(ValueError, match="defines entities of its own"):
            call("read-feed", url=web.url)
    web.respond = lambda _: said(f"{tricks}<urlset><url><loc>http://x/&j;</loc></url></urlset>", "text/xml")
    with pytest.raises(ValueError, match="no sitemap that can be read"):
        call("read-sitemap", url=f"{web.url}/sitemap.xml")


def urlset(*urls: str, modified: str = "2026-03-12") -> str:
    body = "".join(f"<url><loc> {url} </loc><lastmod>{modified}</lastmod></url>" for url in urls)
    return f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{body}</urlset>'


def index(*urls: str) -> str:
    body = "".join(f"<sitemap><loc>{url}</loc></sitemap>" for url in urls)
    return f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{body}</sitemapindex>'


def test_a_site_is_read_by_its_robots_through_an_index_and_packed_files(web: Server) -> None:
    web.respond = site(
        {
            "/robots.txt": said(f"User-agent: *\nSitemap: {web.url}/index.xml\n", "text/plain"),
            "/index.xml": said(
                index(f"{web.url}/one.xml.gz", f"{web.url}/index.xml", f"{web.url}/gone.xml"), "text/xml"
            ),
            "/one.xml.gz": said(
                gzip.compress(urlset("https://example.com/a?x=1&amp;y=2").encode()), "application/gzip"
            ),
        }
    )
    output = call("read-sitemap", url=web.url)
    assert output["pages"] == [{"url": "https://example.com/a?x=1&y=2", "last_modified": "2026-03-12"}]
    assert output["sitemaps_read"] == [f"{web.url}/index.xml", f"{web.url}/one.xml.gz"]
    assert (output["sitemaps_left"], output["truncated"]) == ([], False)
    assert [problem.split(": ")[0] for problem in output["problems"]] == [f"{web.url}/gone.xml"]


def test_a_site_without_robots_has_its_sitemap_in_the_usual_place(web: Server) -> None:
    web.respond = site({"/sitemap.xml": said(urlset("/relative"), "text/xml")})
    assert call("read-sitemap", url=f"{web.url}/")["pages"][0]["url"] == f"{web.url}/relative"


def test_pages_are_sifted_and_cut(web: Server) -> None:
    web.respond = lambda _: said(
        urlset(*(f"https://example.com/blog/{n}" for n in range(500)), "https://example.com/x")
    )
    output = call("read-sitemap", url=f"{web.url}/s.xml", contains="/blog/", limit=3)
    assert ([page["url"][-1] for page in output["pages"]], output["truncated"]) == (["0", "1", "2"], True)
    assert call("read-sitemap", url=f"{web.url}/s.xml", contains="/blog/", limit=500)["truncated"] is False
    assert call("read-sitemap", url=f"{web.url}/s.xml", modified_since="2026-03-13")["pages"] == []


def test_an_index_without_end_is_left_at_its_limit(web: Server) -> None:
    def respond(request: Request) -> Answer:
        return said(index(f"{web.url}{request.path}a", f"{web.url}{request.path}b"), "text/xml")

    web.respond = respond
    output = call("read-sitemap", url=f"{web.url}/s", max_sitemaps=5)
    assert (len(output["sitemaps_read"]), len(output["sitemaps_left"]), output["truncated"]) == (5, 6, True)


def test_a_packed_sitemap_may_not_be_a_bomb(web: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packaged.module("web-tools", "read-sitemap"), "_MAX_BYTES", 1_000_000)
    web.respond = lambda _: said(gzip.compress(b" " * 1_100_000), "application/gzip")
    with pytest.raises(ValueError, match="Unpacked, the sitemap is larger than 1 MB"):
        call("read-sitemap", url=f"{web.url}/s.xml.gz")


def test_a_list_of_addresses_is_a_sitemap_and_a_page_is_none(web: Server) -> None:
    web.respond = lambda _: said("https://example.com/a\r\nnot an address\nhttps://example.com/b", "text/plain")
    pages = call("read-sitemap", url=f"{web.url}/s.txt")["pages"]
    assert pages[0] == {"url": "https://example.com/a", "last_modified": None}
    assert pages[-1]["url"] == "https://example.com/b"
    for body, message in ((ARTICLE, "no sitemap"), ("<html></html>", "begins with <html>"), ("words", "neither XML")):
        web.respond = always(said(body))
        with pytest.raises(ValueError, match=message):
            call("read-sitemap", url=f"{web.url}/s.xml")
