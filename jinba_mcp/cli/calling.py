"""Calling a tool from a terminal: the arguments as they are typed, and what came of the call."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer
from pydantic import JsonValue

from jinba_mcp.cli import arguments, local, output
from jinba_mcp.client.documents import Run, RunResult
from jinba_mcp.domain.records import JsonObject, Record

TIMEOUT_S = 960.0
"""How long to wait for a run on a server: as long as a run may take there, and then some."""

Pairs: TypeAlias = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="The arguments, one by one.", show_default=False)
]
Text: TypeAlias = Annotated[
    str | None,
    typer.Option("--input", "-i", metavar="JSON", help="All arguments as a JSON object; - reads standard input."),
]
File: TypeAlias = Annotated[
    Path | None, typer.Option("--input-file", metavar="FILE", help="A file with all arguments as a JSON object.")
]


class Named(Record):
    """A tool, as it is typed; without `version` that of the active one."""

    organization: str
    toolset: str
    tool: str
    version: str | None


class Given:
    """Arguments as they were typed; words of the form KEY=VALUE want a schema to be read by."""

    def __init__(self, pairs: list[str] | None, text: str | None, file: Path | None) -> None:
        """Read what is given whole.

        Raises:
            Misused: it cannot be read, or is given twice.
        """
        self._pairs = pairs or []
        self._whole = arguments.read(text, file, local.read_settings().max_body_bytes)
        if self._whole is not None and self._pairs:
            raise output.Misused("Give the arguments once: as KEY=VALUE, or as one JSON object.")
        arguments.from_pairs(self._pairs, {})

    @property
    def is_whole(self) -> bool:
        """Whether no schema is needed to read them."""
        return self._whole is not None or not self._pairs

    def by(self, schema: JsonObject) -> JsonObject:
        """The arguments, words read by the tool's input schema."""
        return arguments.from_pairs(self._pairs, schema) if self._whole is None else self._whole


def schema_in(tools: list[Any], slug: str) -> JsonObject:
    """The input schema of a tool; one that says nothing if it is not among them, for the call itself to refuse."""
    found: JsonObject = next((tool["inputSchema"] for tool in tools if tool["slug"] == slug), {})
    return found


def answer(result: RunResult | Run, *, as_json: bool) -> None:
    """Print how a call went; what the tool printed itself goes to standard error.

    Raises:
        typer.Exit: the tool failed.
    """
    if as_json:
        output.document(result)
    else:
        _show(result)
    if not result["success"]:
        raise typer.Exit(1)


def _show(result: RunResult | Run) -> None:
    for warning in result.get("warnings", ()):
        output.note(f"Warning: {output.printable(warning)}")
    for printed in (*result["logs"]["stdout"], *result["logs"]["stderr"]):
        output.note(output.printable(printed))
    error, content = result["error"], result.get("content")
    if error is not None:
        output.problem(f"{error['name']}: {error['message']}")
        output.note(f"See 'jinba-mcp runs show {result['id']}'.")
    elif content is not None:
        for block in content:
            output.line(_block(block))
    else:
        output.line(_shown(result["output"]))


def _block(block: JsonObject) -> str:
    if block.get("type") == "text":
        return _shown(block["text"])
    return json.dumps(block, indent=2, ensure_ascii=False)


def _shown(value: JsonValue) -> str:
    if not isinstance(value, str):
        return json.dumps(value, indent=2, ensure_ascii=False)
    # A file gets the text as it is; a terminal is not steered by it.
    return output.printable(value) if sys.stdout.isatty() else value
