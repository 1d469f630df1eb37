"""text-tools on real text, and against patterns, diffs and templates that mean harm."""

import subprocess
from pathlib import Path

import pytest

from tests.toolsets.running import ArgumentsRefused, RunTool, ToolFailed

PROSE = """It was the best of times, it was the worst of times — it was the age of wisdom.

“Don't panic,” said Dr. Adams. Is 3.14 a number? 東京へ行く。Ja!"""


async def test_word_statistics_counts_what_a_person_would_count(run_tool: RunTool) -> None:
    result = await run_tool("text-tools", "word-statistics", text=PROSE, top=2)
    assert result["characters"] == len(PROSE)
    assert result["bytes_utf8"] == len(PROSE.encode())
    assert (result["lines"], result["paragraphs"]) == (3, 2)
    assert result["top_words"] == [{"word": "it", "count": 3}, {"word": "was", "count": 3}]
    # 18 in the first paragraph; Don't panic said Dr Adams, Is 3.14 a number, five Japanese characters, Ja.
    assert result["words"] == 18 + 5 + 4 + 5 + 1


@pytest.mark.parametrize("text", ["", "  \n\t ", "—!?… ..."])
async def test_word_statistics_of_nothing_is_zero(run_tool: RunTool, text: str) -> None:
    result = await run_tool("text-tools", "word-statistics", text=text)
    assert (result["words"], result["sentences"], result["top_words"]) == (0, 0, [])


async def test_word_statistics_skips_short_words_and_letter_case(run_tool: RunTool) -> None:
    result = await run_tool("text-tools", "word-statistics", text="The THE cat Straße STRASSE", min_word_length=4)
    assert result["top_words"] == [{"word": "strasse", "count": 2}]
    assert result["unique_words"] == 3


async def test_reading_statistics_tell_an_easy_text_from_a_difficult_one(run_tool: RunTool) -> None:
    easy = await run_tool("text-tools", "reading-statistics", text="The cat sat. It ran to me. We had fun. " * 30)
    hard = await run_tool(
        "text-tools",
        "reading-statistics",
        text="Notwithstanding aforementioned contractual obligations, the undersigned representatives "
        "acknowledge comprehensive responsibility concerning environmental administration. " * 5,
    )
    assert (easy["level"], hard["level"]) == ("very easy", "very difficult")
    assert easy["words"] == 300
    assert (easy["silent_minutes"], easy["aloud_minutes"]) == (1.26, 2.0)


async def test_reading_statistics_of_nothing_has_no_level(run_tool: RunTool) -> None:
    result = await run_tool("text-tools", "reading-statistics", text="…")
    assert (result["level"], result["lix"], result["silent_minutes"]) == ("none", 0, 0)


@pytest.mark.parametrize(
    ("text", "options", "slug"),
    [
        ("Über Größe & Maß!", {}, "uber-grosse-mass"),
        ("Ångström's naïve café", {"separator": "_"}, "angstroms_naive_cafe"),
        ("Привет, мир", {}, "privet-mir"),
        ("東京 2026", {"keep_unicode": True}, "東京-2026"),
        ("Jinba MCP", {"lowercase": False}, "Jinba-MCP"),
        ("../../etc/passwd", {}, "etc-passwd"),
        ("one two three", {"max_length": 9}, "one-two"),
        ("&#99999999999999; x", {}, "99999999999999-x"),
    ],
)
async def test_slugify_writes_names_of_any_script(
    run_tool: RunTool, text: str, options: dict[str, object], slug: str
) -> None:
    result = await run_tool("text-tools", "slugify", text=text, **options)
    assert result == {"slug": slug, "truncated": "max_length" in options}


async def test_slugify_says_when_nothing_is_left(run_tool: RunTool) -> None:
    with pytest.raises(ToolFailed, match="no letters or digits"):
        await run_tool("text-tools", "slugify", text="!?&")


async def test_a_unified_diff_can_be_applied_by_patch(run_tool: RunTool, tmp_path: Path) -> None:
    before = "".join(f"line {n}\n" for n in range(40)) + "no end"
    after = before.replace("line 3\n", "line three\nand more\n").replace("line 30\n", "").replace("no end", "an end\n")
    result = await run_tool("text-tools", "unified-diff", before=before, after=after)
    (tmp_path / "file").write_text(before)
    subprocess.run(["patch", "file"], cwd=tmp_path, input=result["diff"].encode(), check=True, capture_output=True)  # noqa: ASYNC221  milliseconds
    assert (tmp_path / "file").read_text() == after
    assert (result["added_lines"], result["removed_lines"], result["equal"], result["exact"]) == (3, 3, False, True)


async def test_equal_texts_have_an_empty_diff_and_line_ends_count(run_tool: RunTool) -> None:
    same = await run_tool("text-tools", "unified-diff", before="a\nb", after="a\nb")
    assert same == {"diff": "", "equal": True, "added_lines": 0, "removed_lines": 0, "exact": True}
    changed = await run_tool(
        "text-tools", "unified-diff", before="a\r\n", after="a\n", before_label="x", after_label="y"
    )
    assert changed["diff"] == "--- x\n+++ y\n@@ -1 +1 @@\n-a\r\n+a\n"
    new = await run_tool("text-tools", "unified-diff", before="", after="a\n")
    assert "@@ -0,0 +1 @@\n+a\n" in new["diff"]


async def test_a_label_cannot_forge_lines_of_a_diff(run_tool: RunTool) -> None:
    with pytest.raises(ArgumentsRefused):
        await run_tool("text-tools", "unified-diff", before="a", after="b", before_label="a\n+++ /etc/passwd")


async def test_a_diff_of_repetitive_texts_ends_in_time_and_is_still_right(run_tool: RunTool) -> None:
    before = "".join(f"{n * n % 61}\n" for n in range(4_900))
    after = "".join(f"{n * 7 % 67}\n" for n in range(4_900))
    result = await run_tool("text-tools", "unified-diff", before=before, after=after)
    assert 4_900 - result["removed_lines"] == 4_900 - result["added_lines"]


async def test_a_diff_of_too_many_lines_says_how_many_go(run_tool: RunTool) -> None:
    with pytest.raises(ToolFailed, match=r"'after' has 6000 lines; at most 5000"):
        await run_tool("text-tools", "unified-diff", before="", after="\n" * 6_000)


async def test_regex_extract_gives_positions_lines_and_groups(run_tool: RunTool) -> None:
    text = "naïve 🎉\nOrder A-17 of 2026-03-01, B-4 of 2026-12-24"
    result = await run_tool("text-tools", "regex-extract", text=text, pattern=r"(?P<id>[A-Z]-\d+)( of)? (\d{4})?")
    first = result["matches"][0]
    assert text[first["start"] : first["end"]] == first["text"] == "A-17 of 2026"
    assert (first["line"], first["groups"], first["named_groups"]) == (2, ["A-17", " of", "2026"], {"id": "A-17"})
    assert (result["count"], result["more"]) == (2, False)


async def test_regex_flags_and_the_limit_of_matches(run_tool: RunTool) -> None:
    found = await run_tool(
        "text-tools", "regex-extract", text="a1\nA2\nb3", pattern="^a.", ignore_case=True, multiline=True
    )
    assert [match["text"] for match in found["matches"]] == ["a1", "A2"]
    cut = await run_tool("text-tools", "regex-extract", text="a" * 500, pattern="a", max_matches=3)
    assert (cut["count"], cut["more"]) == (3, True)
    across = await run_tool("text-tools", "regex-extract", text="<a\nb>", pattern="<.*>", dot_matches_newline=True)
    assert across["matches"][0]["text"] == "<a\nb>"


@pytest.mark.parametrize(
    ("pattern", "hint"),
    [("(?<=a)b", "no look-around"), (r"(a)\1", "backreferences"), ("(a", "missing"), (r"a\Z", r"\\z in RE2")],
)
async def test_a_pattern_that_re2_lacks_is_explained(run_tool: RunTool, pattern: str, hint: str) -> None:
    with pytest.raises(ToolFailed, match=hint):
        await run_tool("text-tools", "regex-extract", text="ab", pattern=pattern)


@pytest.mark.parametrize("pattern", ["(a+)+$", "(a|a)*b", "(a*)*c", "([a-zA-Z]+)*!", "(.*a){12}b"])
async def test_patterns_that_hang_other_engines_end_at_once(run_tool: RunTool, pattern: str) -> None:
    result = await run_tool("text-tools", "regex-extract", text="a" * 5_000 + "!?", pattern=pattern)
    assert result["count"] <= 1


@pytest.mark.parametrize("pattern", ["(.{1,1000}){1,1000}", "(.*){0,999}x", "[^a]{900}x{900}y{900}z{900}"])
async def test_a_pattern_too_large_for_the_text_is_refused(run_tool: RunTool, pattern: str) -> None:
    with pytest.raises(ToolFailed, match=r"too large|Not a usable"):
        await run_tool("text-tools", "regex-extract", text="a" * 200_000, pattern=pattern)


async def test_matches_may_not_add_up_to_more_than_the_limit(run_tool: RunTool) -> None:
    nested = "((((((((.{100}))))))))"
    with pytest.raises(ToolFailed, match="Match less at a time"):
        await run_tool("text-tools", "regex-extract", text="ab" * 30_000, pattern=nested, max_matches=1_000)


REPORT = """Dear {{ name|title }},
{% for item in items if item.price > 1 %}
{{ loop.index }}. {{ '%-8s'|format(item.name) }}|{{ '%8.2f'|format(item.price) }}{{ ';' if not loop.last else '.' }}
{% else %}
nothing
{% endfor %}
{% set total = items|sum(attribute='price') %}
Sum {{ total|round(1) }} of {{ order.items }}, {{ items|map(attribute='name')|map('upper')|join(', ') }}
{% for key, value in extra.items() %}{{ key }}={{ value }} {% endfor %}
{{ missing_one|default('-') ~ 1 }} {{ '<b>'|e }} {{ items[0]|tojson }} {{ [3, 1, 2]|sort|last }} {{ name[::-1] }}
"""


async def test_a_template_fills_a_report(run_tool: RunTool) -> None:
    values = {
        "name": "ada lovelace",
        "items": [{"name": "Pen", "price": 1.5}, {"name": "Ink", "price": 20}, {"name": "Nib", "price": 1}],
        "order": {"items": 3},
        "extra": {"a": True, "b": [1, None]},
    }
    result = await run_tool("text-tools", "render-template", template=REPORT, values=values)
    assert result["text"].splitlines() == [
        "Dear Ada Lovelace,",
        "1. Pen     |    1.50;",
        "2. Ink     |   20.00.",
        "Sum 22.5 of 3, PEN, INK, NIB",
        'a=True b=[1, null] -1 &lt;b&gt; {"name": "Pen", "price": 1.5} 3 ecalevol ada',
    ]


async def test_a_missing_value_fails_or_stays_blank(run_tool: RunTool) -> None:
    with pytest.raises(ToolFailed, match=r"'nme' is undefined. Give it in 'values'"):
        await run_tool("text-tools", "render-template", template="Hi {{ nme }}", values={"name": "A"})
    result = await run_tool(
        "text-tools", "render-template", template="Hi {{ a.b.c|upper }}{% for x in xs %}{% endfor %}!", missing="blank"
    )
    assert result["text"] == "Hi !"


@pytest.mark.parametrize(
    ("template", "message"),
    [
        ("{{ 2 ** 1000000000 }}", "'pow' is not available"),
        ("{{ 'x' * 1000000000 }}", "works on numbers only"),
        ("{{ 'x'|center(1000000000) }}", "there is no filter 'center'; there are: capitalize"),
        ("{{ '%1000000000d'|format(1) }}", "width of at most 999"),
        ("{{ '%*d'|format(1000000000, 1) }}", "width of at most 999"),
        ("{{ '{:>1000000000}'.format(1) }}", r"only range\(\) and .items\(\) can be called"),
        ("{% for i in range(1000000000) %}x{% endfor %}", "more than 50000 steps"),
        ("{{ range(1000000000)|list }}", "more than 50000 steps"),
        ("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", "more than 50000 steps"),
        ("{% set x = 'aaaaaaaa' %}" + "{% set x = x ~ x %}" * 60, "too much text"),
        ("{% set x = 'aaaaaaaa' %}" + "{% set x = x + x %}" * 60, "too much text"),
        ("{{ big" + "|replace('a', big)" * 4 + " }}", "too much text"),
        ("{{ big|list|join(big) }}", "too much text"),
        ("{% for i in range(300) %}{{ big }}{% endfor %}", "longer than 200000 characters"),
        ("{% set a = [big, big] %}", "plain text and numbers only"),
        ("{{ 9999999999 " + "* 9999999999 " * 20 + "}}", "too large"),
        ("{% macro f(n) %}{{ f(n) }}{{ f(n) }}{% endmacro %}{{ f(1) }}", "'macro' is not available"),
        ("{% include 'x' %}", "'include' is not available"),
        ("{{ " + "(" * 400 + "1" + ")" * 400 + " }}", "nested too deeply"),
        ("{{ 1" + "+1" * 1_500 + " }}", "nested too deeply|more than 2000 parts"),
        ("{{ a }}" * 2_100, "more than 2000 parts"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "can be called"),
        ("{{ ''.__class__ }}", "has no attribute '__class__'"),
        ("{{ big['__class__'] }}", "no attribute|no element|undefined"),
        ("{{ range.__globals__ }}", "'range' is undefined"),
        ("{% for x in big %}{{ loop.__init__ }}{% endfor %}", "unsafe|undefined|no attribute"),
        ("{{ self }}", "cannot be printed"),
        ("{{ name", "Line 1 of the template"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ []|max }}", "need a list that is not empty"),
    ],
)
async def test_a_template_cannot_eat_the_machine(run_tool: RunTool, template: str, message: str) -> None:
    with pytest.raises(ToolFailed, match=message):
        await run_tool("text-tools", "render-template", template=template, values={"big": "a" * 2_000, "a": 1})


@pytest.mark.slow
async def test_a_template_that_only_works_is_stopped(run_tool: RunTool) -> None:
    template = "{% for x in xs %}{{ x in xs }}{% endfor %}"
    with pytest.raises(ToolFailed, match="more than 1 s of work"):
        await run_tool(
            "text-tools", "render-template", template=template, values={"xs": [str(n) for n in range(40_000)]}
        )


async def test_values_have_a_size_limit(run_tool: RunTool) -> None:
    with pytest.raises(ToolFailed, match="over 500000 characters"):
        await run_tool("text-tools", "render-template", template="", values={"x": "a" * 500_000})
