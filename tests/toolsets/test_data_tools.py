"""data-tools on real data, and against bombs in YAML, JMESPath, SQL and JSON Schema."""

import csv
import io
import json
import re
from typing import Any

import pytest

from tests.toolsets.running import ArgumentsRefused, RunTool, ToolFailed

SALES = '''city,"product, kind",price,sold on,code
Zürich,"Tea ""Earl Grey""",3.50,2026-01-31,007
São Paulo,"Coffee
ground",12,2026-02-28,010
東京,Tea,4.25,,123
Zürich,Coffee,11,2026-02-01,042
'''


async def convert(run_tool: RunTool, text: str, source: str, target: str, **options: Any) -> str:
    result = await run_tool("data-tools", "convert", text=text, source=source, target=target, **options)
    return str(result["text"])


async def test_csv_becomes_json_with_quotes_line_ends_and_unicode(run_tool: RunTool) -> None:
    rows = json.loads(await convert(run_tool, "\ufeff" + SALES.replace("\n", "\r\n"), "csv", "json"))
    assert rows[1]["product, kind"] == "Coffee\r\nground"
    assert rows[0] == {
        "city": "Zürich",
        "product, kind": 'Tea "Earl Grey"',
        "price": "3.50",
        "sold on": "2026-01-31",
        "code": "007",
    }


async def test_types_are_inferred_when_asked_and_codes_stay_text(run_tool: RunTool) -> None:
    text = await convert(
        run_tool, "a;b;c;d;e;f\n1;-2.5;true;;007;1e999\n", "csv", "json", infer_types=True, delimiter=";"
    )
    assert json.loads(text) == [{"a": 1, "b": -2.5, "c": True, "d": None, "e": "007", "f": "1e999"}]


async def test_json_becomes_csv_with_all_columns_and_comes_back(run_tool: RunTool) -> None:
    rows = [{"a": 1, "b": 'x, "y"\nz'}, {"b": "", "c": {"d": [1, None]}}, {"a": None, "c": True}]
    text = await convert(run_tool, json.dumps(rows), "json", "csv")
    assert list(csv.reader(io.StringIO(text))) == [
        ["a", "b", "c"],
        ["1", 'x, "y"\nz', ""],
        ["", "", '{"d": [1, null]}'],
        ["", "", "true"],
    ]


CONFIG = """# a service
defaults: &defaults
  retries: 3
  regions: [no, se, dk]
prod:
  <<: *defaults
  started: 2026-03-01
  at: 12:30:00
  mode: 010
  ratio: 1e-3
  on: yes
  text: |
    two
    lines
  none: ~
"""


async def test_yaml_is_read_as_yaml_1_2(run_tool: RunTool) -> None:
    assert json.loads(await convert(run_tool, CONFIG, "yaml", "json"))["prod"] == {
        "retries": 3,
        "regions": ["no", "se", "dk"],
        "started": "2026-03-01",
        "at": "12:30:00",
        "mode": 10,
        "ratio": 0.001,
        "on": "yes",
        "text": "two\nlines\n",
        "none": None,
    }


async def test_whatever_json_holds_comes_back_from_yaml(run_tool: RunTool) -> None:
    value = {
        "z": [
            "no",
            "yes",
            "1",
            "0o17",
            "1e3",
            "010",
            "12:30",
            "null",
            "~",
            "",
            " x ",
            "- a",
            "a: b",
            "# c",
            "\u2028",
            "🎉",
        ],
        "a": [1, -2, 1.5, 1e21, 10**30, True, None, [], {}, [[1], {"x": []}]],
    }
    text = await convert(run_tool, json.dumps(value), "json", "yaml")
    back = await convert(run_tool, text, "yaml", "json", indent=0)
    assert json.loads(back) == value
    assert list(json.loads(back)) == ["z", "a"]


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGES = "a: &a {x: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join(['*' + before] * 9)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LAUGHS, "unfolds to more than"),
        (MERGES, "unfolds to more than"),
        (f"a: &a {'x' * 100_000}\nb: [{', '.join(['*a'] * 10_000)}]", "unfolds to more than"),
        ("[" * 100_000, "levels"),
        ("- " * 50_000, "levels"),
        ("a: &a [*a]", "stands inside it"),
        ("a: *nobody", "has no anchor"),
        ("--- 1\n--- 2\n", "2 documents"),
        ("a: [1", "Not YAML at line 2"),
        ("a: !!python/object/apply:os.system [ls]", "could not determine a constructor"),
        ("a: !!binary aGk=", "what JSON and CSV cannot"),
        ("? [1, 2]\n: 3", "unhashable|what JSON"),
        ("a: .nan", None),
        ("a: " + "9" * 5_000, "more than 4000 digits"),
        ("a: 1\n\tb: 2", "Not YAML"),
    ],
)
async def test_harmful_yaml_is_refused_at_once(run_tool: RunTool, text: str, message: str | None) -> None:
    if message is None:
        assert json.loads(await convert(run_tool, text, "yaml", "json")) == {"a": ".nan"}
        return
    with pytest.raises(ToolFailed, match=message):
        await convert(run_tool, text, "yaml", "json")


@pytest.mark.parametrize(
    ("text", "source", "target", "message"),
    [
        ("a,b\n1,2,3\n", "csv", "json", "line 2 has 3 cells, but the header has 2"),
        ("a,a\n", "csv", "json", "twice: a"),
        ("", "csv", "json", "empty"),
        ('a\n"x', "csv", "json", "CSV line 2"),
        (",".join(str(n) for n in range(1_001)), "csv", "json", "at most 1000"),
        ('{"a": NaN}', "json", "yaml", "Not JSON"),
        ("[" * 199 + "]" * 199, "json", "yaml", "more than 60 levels"),
        ("[" * 100_000, "json", "yaml", "Not JSON"),
        ("[1, 2]", "json", "csv", "Only a list of objects"),
        (json.dumps([{str(n): 1} for n in range(1_000)]), "json", "csv", "more than 500000 cells"),
        (
            "[" + ",".join(["[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]"] * 4_000) + "]",
            "json",
            "json",
            "longer than 2000000",
        ),
    ],
)
async def test_what_cannot_be_converted_says_why(
    run_tool: RunTool, text: str, source: str, target: str, message: str
) -> None:
    with pytest.raises(ToolFailed, match=message):
        await convert(run_tool, text, source, target)


PEOPLE = {
    "people": [
        {"name": "Ada", "age": 36, "tags": ["math", "code"]},
        {"name": "Bob", "age": 28, "tags": []},
        {"name": "Cleo", "age": 69, "tags": ["rule"]},
    ]
}


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("people[?age > `30`].name", ["Ada", "Cleo"]),
        ("people[].tags[]", ["math", "code", "rule"]),
        ("sort_by(people, &age)[-1].{who: name, n: length(tags)}", {"who": "Cleo", "n": 1}),
        ("join(', ', people[*].name)", "Ada, Bob, Cleo"),
        ("max_by(people, &age).name | to_string(@)", "Cleo"),
        ("nobody.here", None),
        ("people[0].age == `36`", True),
    ],
)
async def test_jmespath_selects_and_reshapes(run_tool: RunTool, expression: str, expected: object) -> None:
    for data in (PEOPLE, json.dumps(PEOPLE)):
        result = await run_tool("data-tools", "query-json", expression=expression, data=data)
        assert result["result"] == expected


async def test_a_query_tells_type_and_count(run_tool: RunTool) -> None:
    result = await run_tool("data-tools", "query-json", expression="people", data=PEOPLE)
    assert (result["type"], result["count"]) == ("array", 3)
    nothing = await run_tool("data-tools", "query-json", expression="x", data=PEOPLE)
    assert (nothing["type"], nothing["count"]) == ("null", 0)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("people[?age > 30]", "Numbers stand in backticks"),
        ("nope(@)", "Unknown function"),
        ("sort(people)", "invalid type|Invalid|expected"),
        (" | ".join(["[@, @]"] * 60), "too large a result"),
        ("[@,@]" + "[] | [@,@]" * 60, "too large a result"),
        (" | ".join(["{a: @, b: @}"] * 60) + " | to_string(@)", "too large a result"),
        (
            "join(to_string(@), people[*].name)" + " | join(@, ['a','b','c','d','e','f','g','h','i'])" * 8,
            "too large a result",
        ),
        ("(" * 900 + "@" + ")" * 900, "nested too deeply"),
        ("people.", "JMESPath"),
    ],
)
async def test_a_query_cannot_eat_the_machine(run_tool: RunTool, expression: str, message: str) -> None:
    with pytest.raises(ToolFailed, match=message):
        await run_tool("data-tools", "query-json", expression=expression, data={**PEOPLE, "big": "x" * 10_000})


@pytest.mark.slow
async def test_a_query_that_only_works_is_stopped(run_tool: RunTool) -> None:
    items = [{"n": number} for number in range(20_000)]
    expression = "[?" + " || ".join(f"n == `-{n}`" for n in range(100)) + "]"
    with pytest.raises(ToolFailed, match="more than 1 s of work"):
        await run_tool("data-tools", "query-json", expression=expression, data=items)


async def test_text_that_is_not_json_is_named_as_such(run_tool: RunTool) -> None:
    with pytest.raises(ToolFailed, match="a string that is not JSON"):
        await run_tool("data-tools", "query-json", expression="a", data='{"a": 1')
    with pytest.raises(ToolFailed, match="longer than 1000000"):
        await run_tool("data-tools", "query-json", expression="a", data=["x" * 1_000_000])


async def query(run_tool: RunTool, sql: str, table: str = SALES, **options: Any) -> Any:
    return await run_tool("data-tools", "query-csv", csv=table, sql=sql, **options)


async def test_sql_groups_ranks_and_joins_csv(run_tool: RunTool) -> None:
    result = await query(run_tool, "SELECT city, SUM(price) AS total, COUNT(*) FROM data GROUP BY 1 ORDER BY 2 DESC")
    assert result["columns"] == ["city", "total", "COUNT(*)"]
    assert result["rows"] == [["Zürich", 14.5, 2], ["São Paulo", 12, 1], ["東京", 4.25, 1]]
    assert result["table_columns"] == ["city", "product, kind", "price", "sold on", "code"]
    ranked = await query(
        run_tool,
        'WITH ranked AS (SELECT city, "product, kind" AS what, RANK() OVER (ORDER BY price DESC) AS place FROM data) '
        "SELECT a.city, b.what FROM ranked a JOIN ranked b ON a.place = b.place + 1 ORDER BY a.place LIMIT 1",
    )
    assert ranked["rows"] == [["Zürich", "Coffee\nground"]]


async def test_empty_cells_are_null_and_codes_are_text(run_tool: RunTool) -> None:
    result = await query(
        run_tool, 'SELECT code, typeof(price), "sold on" FROM data WHERE "sold on" IS NULL OR code = \'007\''
    )
    assert result["rows"] == [["007", "real", "2026-01-31"], ["123", "real", None]]


async def test_rows_are_cut_at_the_limit_and_it_is_said(run_tool: RunTool) -> None:
    result = await query(run_tool, "SELECT 1 FROM data", max_rows=2)
    assert (result["row_count"], result["more"], result["table_rows"]) == (2, True, 4)


async def test_values_without_a_json_form_become_text(run_tool: RunTool) -> None:
    result = await query(run_tool, "SELECT 9e999, x'00ff', CAST('é' AS BLOB)")
    assert result["rows"] == [["inf", "00ff", "c3a9"]]


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("DELETE FROM data", "Only reading"),
        ("DROP TABLE data", "Only reading"),
        ("INSERT INTO data VALUES (1,2,3,4,5)", "Only reading"),
        ("ATTACH '/tmp/x.db' AS x", "Only reading|too many attached"),
        ("ATTACH ':memory:' AS x", "Only reading|too many attached"),
        ("VACUUM INTO '/tmp/x.db'", "Only reading"),
        ("PRAGMA journal_mode = WAL", "Only reading"),
        ("PRAGMA hard_heap_limit = 1", "Only reading"),
        ("CREATE TEMP TABLE t(x)", "Only reading"),
        ("BEGIN", "Only reading"),
        ("SELECT load_extension('/tmp/x.so')", "Only reading|not authorized"),
        ("SELECT * FROM pragma_database_list", "Only reading"),
        ("SELECT hex(zeroblob(1000000000))", "Only reading"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT nope FROM data", r'no such column: nope.*its columns are "city"'),
        ("SELECT 1 FROM data" + ", data" * 70, "SQLite"),
        ("SELECT " + "(" * 500 + "1" + ")" * 500, "SQLite"),
        ("SELECT " + "+".join(["1"] * 500), "SQLite"),
        ("SELECT replace(printf('%10000d', 1), ' ', printf('%10000d', 1))", "SQLite"),
        ("-- nothing", "no rows"),
        ("SELEC 1", "syntax error"),
    ],
)
async def test_sql_can_only_read_the_one_table(run_tool: RunTool, sql: str, message: str) -> None:
    with pytest.raises(ToolFailed, match=re.compile(message, re.DOTALL)):
        await query(run_tool, sql)


@pytest.mark.slow
@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT COUNT(*) FROM c",
        "WITH RECURSIVE c(x) AS (SELECT printf('%16000d', 1) UNION ALL SELECT x FROM c) SELECT x FROM c ORDER BY x",
        pytest.param("SELECT COUNT(*) FROM data" + " JOIN data" * 11, marks=pytest.mark.slow),
    ],
)
async def test_sql_that_never_ends_is_stopped(run_tool: RunTool, sql: str) -> None:
    with pytest.raises(ToolFailed, match="more than 1 s of work or too much memory"):
        await query(run_tool, sql, SALES + SALES.split("\n", 1)[1] * 2)


async def test_like_against_long_text_ends(run_tool: RunTool) -> None:
    table = "a\n" + "x" * 100_000 + "\n"
    result = await query(run_tool, "SELECT a LIKE '" + "%x" * 49 + "y' FROM data", table)
    assert result["rows"] == [[0]]


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("a,A\n1,2\n", "none twice"),
        ("a,\n1,2\n", "name each column"),
        ("a,b\n1\n", "record 2 has 1 cells"),
        ("a\n" + "x" * 200_000, "CSV line"),
        (",".join(f"c{n}" for n in range(101)) + "\n", "100 at most"),
    ],
)
async def test_a_table_that_is_none_says_why(run_tool: RunTool, table: str, message: str) -> None:
    with pytest.raises(ToolFailed, match=message):
        await query(run_tool, "SELECT 1", table)


async def test_a_header_is_only_a_name_whatever_it_says(run_tool: RunTool) -> None:
    result = await query(run_tool, "SELECT COUNT(*) FROM data", 'a"); DROP TABLE data; --,b\n1,2\n')
    assert result["rows"] == [[1]]


DIALECT = "https://json-schema.org/draft/2020-12/schema"
ORDER = {
    "$schema": DIALECT,
    "type": "object",
    "required": ["id", "items"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": "^[A-Z]-[0-9]+$"},
        "due": {"type": "string", "format": "date"},
        "at": {"type": "string", "format": "date-time"},
        "items": {"type": "array", "minItems": 1, "uniqueItems": True, "items": {"$ref": "#/$defs/item"}},
    },
    "patternProperties": {"^x-": {"type": "integer"}},
    "$defs": {
        "item": {
            "type": "object",
            "properties": {"n": {"anyOf": [{"type": "integer", "minimum": 1}, {"const": "all"}]}},
        }
    },
}


async def validate(run_tool: RunTool, schema: object, data: object) -> Any:
    return await run_tool("data-tools", "validate-json", schema=schema, data=data)


async def test_data_that_fits_is_valid_as_value_and_as_text(run_tool: RunTool) -> None:
    data = {"id": "A-1", "due": "2024-02-29", "at": "2026-03-01T10:00:00Z", "items": [{"n": 1}, {"n": "all"}], "x-y": 3}
    fits = {"valid": True, "faults": [], "more": False}
    assert await validate(run_tool, ORDER, data) == fits
    assert await validate(run_tool, json.dumps(ORDER), json.dumps(data)) == fits
    assert await validate(run_tool, True, None) == fits


async def test_each_fault_has_a_pointer_and_a_reason(run_tool: RunTool) -> None:
    data = {"id": "a", "due": "2023-02-29", "at": "yesterday", "items": [{"n": 0}, {"n": 0.0}], "x-y": "3", "z/~": 1}
    result = await validate(run_tool, ORDER, data)
    faults = {(fault["pointer"], fault["keyword"]) for fault in result["faults"]}
    assert faults == {
        ("/id", "pattern"),
        ("/due", "format"),
        ("/at", "format"),
        ("/items", "uniqueItems"),
        ("/items/0/n", "anyOf"),
        ("/items/1/n", "anyOf"),
        ("/x-y", "type"),
        ("", "additionalProperties"),
    }
    assert any("'z/~' is not allowed; known are: id, due" in fault["message"] for fault in result["faults"])


async def test_faults_are_cut_at_fifty(run_tool: RunTool) -> None:
    result = await validate(run_tool, {"items": {"type": "string"}}, list(range(1_000)))
    assert (len(result["faults"]), result["more"]) == (50, True)
    assert result["faults"][49]["pointer"] == "/49"
    assert result["faults"][49]["schema_pointer"] == "/items/type"


DOUBLING = {
    "$ref": "#/$defs/a0",
    "$defs": {f"a{n}": {"allOf": [{"$ref": f"#/$defs/a{n + 1}"}] * 2} for n in range(40)}
    | {"a40": {"type": "integer"}},
}
BACKTRACKING = {
    "$schema": DIALECT,
    "type": ["object", "string"],
    "pattern": "^(a+)+$",
    "properties": {"a": {"$ref": "#"}},
}
DEEP: Any = 1
for _ in range(40):
    DEEP = {"a": DEEP}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schema", "data", "message"),
    [
        (DOUBLING, 1, "more than 1 s of work"),
        pytest.param(
            {"allOf": [{"properties": {"a": {"$ref": "#"}}}] * 2}, DEEP, "more than 1 s of work", marks=pytest.mark.slow
        ),
        ({"$ref": "#"}, 1, "refers to itself without end"),
        ({"$ref": "https://example.com/schema.json"}, 1, "nothing that is inside the schema"),
        ({"$ref": "file:///etc/passwd"}, 1, "nothing that is inside the schema"),
        ({"$ref": "#/$defs/none"}, 1, "nothing that is inside the schema"),
        ({"pattern": "(?=a)"}, "a", "not a RE2 pattern"),
        ({"pattern": "((.{1,100}){1,9})"}, "a" * 100_000, "too large"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, 1, "Only draft 2020-12 is known"),
        ({"$defs": {"a": {"$schema": DIALECT}}}, 1, "at the top of the schema only"),
        ({"unevaluatedItems": False}, [1] * 2_001, "2000 items at most"),
        ({"type": "strin"}, 1, "Not a valid JSON Schema at '/type'"),
        ({"patternProperties": {"a": {}}, "unevaluatedProperties": False}, {}, "additionalProperties"),
        ("{", 1, "'schema' is a string that is not JSON"),
        (7, 1, "must be a JSON Schema"),
        ({}, "x" * 500_001, "longer than 500000"),
    ],
)
async def test_a_schema_cannot_hang_or_reach_out(run_tool: RunTool, schema: object, data: object, message: str) -> None:
    with pytest.raises(ToolFailed, match=message):
        await validate(run_tool, schema, data)


async def test_a_schema_that_names_its_draft_stays_under_the_limits(run_tool: RunTool) -> None:
    """The library would leave our validator, with its safe patterns, when it meets a `$schema` behind a reference."""
    result = await validate(run_tool, BACKTRACKING, {"a": "a" * 5_000 + "!"})
    assert [fault["pointer"] for fault in result["faults"]] == ["/a"]


async def test_patterns_that_hang_other_engines_end_at_once(run_tool: RunTool) -> None:
    names = {"a" * 5_000 + "!": 1}
    schema = {"patternProperties": {"^(a+)+$": False}, "additionalProperties": {"pattern": "(x|x)*y"}}
    assert (await validate(run_tool, schema, names))["valid"]


async def test_thousands_of_objects_are_compared_for_uniqueness_in_time(run_tool: RunTool) -> None:
    assert (await validate(run_tool, {"uniqueItems": True}, [{"n": n, "x": True} for n in range(10_000)]))["valid"]
    assert (await validate(run_tool, {"uniqueItems": True}, [1, True, "1", [1], [True]]))["valid"]


async def test_an_unknown_format_name_is_refused_by_the_input_schema(run_tool: RunTool) -> None:
    with pytest.raises(ArgumentsRefused, match="xml"):
        await convert(run_tool, "a", "xml", "json")
