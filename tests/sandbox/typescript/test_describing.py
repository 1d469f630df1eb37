"""What TypeScript code says of itself."""

from pathlib import Path

import pytest

from tests.sandbox.typescript.conftest import DESCRIBE, Talk


def test_schemas_and_the_comment_above_are_the_signature(talk: Talk, schemas: Path) -> None:
    code = """
    import { shape } from "schemas";
    export const Input = shape({ a: "number" });
    export const Output = shape({ b: "string" });
    /** Not this one. */
    const other = 1;
    /**
     * Says hello.
     *
     * To whom it may concern.
     * @param input whom
     */
    export async function run(input: unknown) {}
    """

    assert talk(code, DESCRIBE, packages=schemas).result == {
        "signature": {
            "input_schema": {
                "type": "object",
                "properties": {"a": {"type": "number"}},
                "required": ["a"],
                "side": "input",
            },
            "output_schema": {
                "type": "object",
                "properties": {"b": {"type": "string"}},
                "required": ["b"],
                "side": "output",
            },
            "description": "Says hello.\n\nTo whom it may concern.",
        }
    }


def test_a_tool_without_parameters_needs_no_schema(talk: Talk) -> None:
    signature = talk("/** One line. */ export const run = () => 1;", DESCRIBE).result["signature"]

    assert signature == {
        "input_schema": {"type": "object", "properties": {}, "additionalProperties": False},
        "output_schema": None,
        "description": "One line.",
    }


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("export function run(input: string) {}", "There is no schema of the input"),
        ("export const Input = { a: 1 }; export function run(input: any) {}", "'Input' is no schema"),
        ("export const Input = shape({}, x => x, { type: 'array' });", "must be an object, not array"),
        ("export const Input = shape({}); delete Input['~standard'].jsonSchema;", "use zod 4.2 or newer"),
        (
            "export const Input = shape({}); Input['~standard'].jsonSchema.input = () => { throw Error('no\\n') };",
            "'Input' has no JSON Schema: no.",
        ),
        ("export const Input = shape({}, x => x, { a: 1n });", "The schemas cannot be read"),
    ],
)
def test_what_has_no_schema_is_told(talk: Talk, schemas: Path, code: str, message: str) -> None:
    run = "" if "function run" in code else "export function run(input: any) {}"

    fault = talk(f'import {{ shape }} from "schemas"; {code} {run}', DESCRIBE, packages=schemas).fault

    assert message in fault["message"]
    assert fault["line"] is None
