"""What a TypeScript tool returns becomes JSON and blocks, or a fault that names the reason."""

import functools
from typing import Any

import pytest

from tests.sandbox.typescript.conftest import Told, talked

AUTHORING = 'import * as a from "jinba-mcp/authoring";'


def returned(expression: str, output_bytes: int = 1000) -> Told:
    return talked(f"{AUTHORING} export function run() {{ return {expression}; }}", output_bytes=output_bytes)


@functools.cache
def answers(expressions: tuple[str, ...]) -> dict[str, dict[str, Any]]:
    """What becomes of each, told by one process for them all."""
    thunks = ",\n".join(f"() => ({expression})" for expression in expressions)
    code = f"{AUTHORING}\nconst all = [{thunks}];\nexport const run = (i: number) => all[i]();"
    told = talked(code, *range(len(expressions)))
    return dict(zip(expressions, told.results, strict=True))


PLAIN: list[tuple[str, object]] = [
    ("undefined", None),
    ("null", None),
    ("'NaN'", "NaN"),
    ("[1, [2.5, true]]", [1, [2.5, True]]),
    ("{ a: undefined, b: 1 }", {"b": 1}),
    ("new Set([3])", [3]),
    ("new Map([['a', 1]])", {"a": 1}),
    ("new Date(0)", "1970-01-01T00:00:00.000Z"),
    ("new URL('https://example.com')", "https://example.com/"),
    ("new (class { x = 1; #y = 2 })()", {"x": 1}),
    ("JSON.parse('{\"__proto__\": 1}')", {"__proto__": 1}),
    ("Object.create(null)", {}),
    ("-0", 0),
    ("'\\u2028'", "\u2028"),
]


@pytest.mark.parametrize(("expression", "output"), PLAIN)
def test_plain_data_becomes_json(expression: str, output: object) -> None:
    answer = answers(tuple(expression for expression, _ in PLAIN))[expression]

    assert answer == {"ok": True, "output": output, "content": None}


UNUSABLE = [
    ("NaN", "NaN or infinity"),
    ("{ a: [-Infinity] }", "NaN or infinity at a.0"),
    ("10n", "bigint has no JSON form"),
    ("() => 1", "function has no JSON form"),
    ("{ a: Symbol() }", "symbol has no JSON form at a"),
    ("[undefined]", "undefined has no JSON form at 0"),
    ("(() => { const c: unknown[] = []; c.push(c); return c })()", "Circular reference at 0"),
    ("(() => { let v: unknown[] = []; for (let i = 0; i < 230; i++) v = [v]; return v })()", "nesting over 200"),
    ("'\\ud800'", "surrogates"),
    ("{ '\\ud800': 1 }", "surrogates"),
    ("new Date(NaN)", "an invalid Date"),
    ("new Uint8Array(1)", "Uint8Array has no JSON form"),
    ("[Promise.resolve(1)]", "Promise has no JSON form at 0"),
    ("(function* () {})()", "has no JSON form"),
    ("[a.text('x'), 1]", "A list of content blocks may hold blocks and strings, not number"),
    ("a.content([{ a: 1 }])", "not Object; put data into content(blocks, data)"),
]


@pytest.mark.parametrize(("expression", "message"), UNUSABLE)
def test_what_is_not_json_is_named(expression: str, message: str) -> None:
    error = answers(tuple(expression for expression, _ in UNUSABLE))[expression]["error"]

    assert error["name"] == "OutputInvalid"
    assert message in error["message"]


@pytest.mark.parametrize(
    "expression",
    [
        "'x'.repeat(11)",
        "['x'.repeat(10)]",
        "[...Array(9).keys()]",
        "'€€€'",
        "(() => { let v: unknown = []; for (let i = 0; i < 100; i++) v = [v, v]; return v })()",
        "a.image(new Uint8Array(11))",
    ],
)
def test_a_result_over_the_limit_is_refused(expression: str) -> None:
    assert returned(expression, output_bytes=10).error == (
        "OutputLimit",
        "The result is longer than 10 bytes of JSON. Return less, or in parts.",
    )


def test_a_result_of_just_the_limit_is_taken() -> None:
    assert returned("'x'.repeat(8)", output_bytes=10).output == "x" * 8


TEXT = {"type": "text", "text": "look"}
IMAGE = {"type": "image", "data": "cG5n", "mimeType": "image/png"}
BYTES = "new TextEncoder().encode('png')"


RICH: list[tuple[str, object, list[object]]] = [
    ("a.text('look')", [TEXT], [TEXT]),
    (f"['look', a.image({BYTES})]", [TEXT, IMAGE], [TEXT, IMAGE]),
    (f"a.audio({BYTES}.buffer)", None, [{"type": "audio", "data": "cG5n", "mimeType": "audio/wav"}]),
    ("a.content([a.text('look')], { n: 1 })", {"n": 1}, [TEXT]),
    ("a.content(['look'])", [TEXT], [TEXT]),
    (
        "a.resourceLink({ uri: new URL('file:///a'), name: 'a', size: 3 })",
        None,
        [{"type": "resource_link", "uri": "file:///a", "name": "a", "size": 3}],
    ),
    (
        "a.embeddedResource({ uri: 'file:///a', text: 't' })",
        None,
        [{"type": "resource", "resource": {"uri": "file:///a", "text": "t"}}],
    ),
    (
        f"a.embeddedResource({{ uri: 'file:///a', blob: {BYTES}, mimeType: 'x/y' }})",
        None,
        [{"type": "resource", "resource": {"uri": "file:///a", "mimeType": "x/y", "blob": "cG5n"}}],
    ),
]


@pytest.mark.parametrize(("expression", "output", "blocks"), RICH)
def test_rich_content_becomes_blocks(expression: str, output: object, blocks: list[object]) -> None:
    answer = answers(tuple(expression for expression, *_ in RICH))[expression]

    assert answer == {"ok": True, "output": output or blocks, "content": blocks}


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("a.text(1 as unknown as string)", "'text' takes a string."),
        ("a.image('cG5n' as unknown as Uint8Array)", "'data' takes bytes: a Uint8Array or an ArrayBuffer."),
        ("a.resourceLink({ uri: 'a b', name: 'a' })", "'uri' takes an absolute URI"),
    ],
)
def test_blocks_refuse_what_clients_would(expression: str, message: str) -> None:
    name, said = returned(expression).error

    assert name == "TypeError"
    assert message in said


def test_progress_reaches_the_host() -> None:
    told = talked(
        """
        import { progress } from "jinba-mcp/authoring";
        progress(0.5);
        export function run() {
          progress(1);
          progress(2, 3, "two");
          progress(NaN);
          progress("4" as unknown as number);
          progress(5, Infinity, "x".repeat(5000));
        }
        """
    )

    assert told.progress == [[1, None, None], [2, 3, "two"], [5, None, "x" * 1000]]
