"""Runs the tools of the ToolSets that bring their own packages, and knows the schemas that their code has.

Their `tool.yml` state the schemas, so that reading the folder needs no packages. After a change of the code, write
them anew: `.venv/bin/python -m tests.toolsets.packaged`.
"""

import functools
import importlib.util
import re
from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeAlias

import yaml
from pydantic import TypeAdapter

from jinba_mcp.authoring.folder import Folder, FolderTool, read_folder
from jinba_mcp.domain.json_schema import Validator
from jinba_mcp.domain.records import JsonObject
from tests.toolsets.running import TOOLSETS, ArgumentsRefused

PYTHON = ("document-tools", "github-tools", "math-tools", "slack-tools", "web-tools")
SLUGS = (*PYTHON, "color-tools")

Call: TypeAlias = Callable[..., Any]
"""`call(tool, **arguments)` answers the output as JSON, or raises what the tool raised."""


@functools.cache
def folder(slug: str) -> Folder:
    return read_folder(TOOLSETS / slug)


def tools(slugs: tuple[str, ...]) -> list[tuple[str, FolderTool]]:
    return [(slug, tool) for slug in slugs for tool in folder(slug).tools]


@functools.cache
def module(slug: str, tool: str) -> ModuleType:
    """The tool's code as a module, its packages taken from this environment."""
    name = re.sub(r"\W", "_", f"tool_{slug}_{tool}")
    spec = importlib.util.spec_from_file_location(name, TOOLSETS / slug / "tools" / tool / "main.py")
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def schemas(slug: str, tool: str) -> tuple[JsonObject, JsonObject]:
    """What the code says of what goes in and what comes out."""
    code = module(slug, tool)
    return code.Input.model_json_schema(mode="validation"), code.Output.model_json_schema(mode="serialization")


def caller(slug: str) -> Call:
    return functools.partial(call, slug)


def call(slug: str, tool: str, **arguments: Any) -> Any:
    """Call a tool between its two published schemas, as the server does."""
    stated = next(found for found in folder(slug).tools if found.slug == tool)
    assert stated.input_schema is not None
    assert stated.output_schema is not None
    if faults := Validator(stated.input_schema).faults(arguments):
        raise ArgumentsRefused(str(faults))
    code = module(slug, tool)
    result = code.run(code.Input.model_validate(arguments))
    output = TypeAdapter(code.Output).dump_python(result, mode="json")
    assert Validator(stated.output_schema).faults(output) == []
    return output


def state_schemas(slug: str, tool: str, given: JsonObject, returned: JsonObject) -> None:
    """Put the schemas into the tool's `tool.yml`, below what was written by hand."""
    file = TOOLSETS / slug / "tools" / tool / "tool.yml"
    by_hand = file.read_text().partition("inputSchema:")[0]
    generated = {"inputSchema": given, "outputSchema": returned}
    file.write_text(by_hand + yaml.safe_dump(generated, sort_keys=False, allow_unicode=True, width=120))


if __name__ == "__main__":
    for toolset in PYTHON:
        for found in sorted((TOOLSETS / toolset / "tools").iterdir()):
            state_schemas(toolset, found.name, *schemas(toolset, found.name))
