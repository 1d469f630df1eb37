"""Turns one YAML file of a ToolSet folder into JSON data and checked records; every fault names file and field."""

import difflib
from collections.abc import Mapping
from typing import Any, TypeVar

import yaml
from pydantic import JsonValue, ValidationError

from jinba_mcp.domain import json_values
from jinba_mcp.domain.errors import FolderInvalid, MalformedBody
from jinba_mcp.domain.records import JsonObject, Record

R = TypeVar("R", bound=Record)

MAX_DEPTH = 64
"""Of nesting; PyYAML's time grows with the square of it."""


class _Loader(yaml.SafeLoader):
    """YAML as far as JSON goes: no aliases (they let a small file grow without end), no doubled or non-text keys."""

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        fault = None
        if self.check_event(yaml.AliasEvent):
            fault = "aliases (*name) are not allowed; write the value out"
        elif self.depth > MAX_DEPTH:
            fault = f"nested more than {MAX_DEPTH} deep"
        if fault:
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]  # the stubs leave it open
            raise yaml.composer.ComposerError(None, None, fault, mark)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002  PyYAML's signature
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag != "tag:yaml.org,2002:str":
                fault = f"the key '{str(key.value)[:60]}' is not text; put it in quotes"
                raise yaml.constructor.ConstructorError(None, None, fault, key.start_mark)
            if key.value in seen:
                fault = f"the key '{key.value[:60]}' stands here twice"
                raise yaml.constructor.ConstructorError(None, None, fault, key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)


# A date that nobody quoted stays the text that was written, as in JSON.
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse(text: str, where: str) -> JsonObject:
    """The mapping that the YAML `text` of the file `where` holds.

    Raises:
        FolderInvalid: not YAML, not a mapping, or holding what JSON does not have.
    """
    try:
        loaded = yaml.load(text, Loader=_Loader)  # noqa: S506  a SafeLoader with less
        if not isinstance(loaded, dict):
            raise FolderInvalid(f"{where}: the file must hold a mapping (name: value), not {_kind(loaded)}.")
        plain = json_values.parse(json_values.dump(loaded))
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise FolderInvalid(f"{where}: {line}{error.problem or 'not YAML'}.") from error
    except (yaml.YAMLError, ValueError, MalformedBody) as error:
        raise FolderInvalid(f"{where}: not usable YAML: {str(error).splitlines()[0][:200]}.") from error
    if "\0" in text or _holds_nul(plain):
        raise FolderInvalid(f"{where}: NUL characters are not allowed.")
    return plain if isinstance(plain, dict) else {}


def check_fields(raw: JsonValue, known: Mapping[str, str], where: str) -> JsonObject:
    """`raw` under the names that records use; `known` maps each name in the file to the record's.

    Raises:
        FolderInvalid: not a mapping, or an unknown field; the message offers the nearest known one.
    """
    if not isinstance(raw, dict):
        raise FolderInvalid(f"{where}: must be a mapping (name: value), not {_kind(raw)}.")
    for name in raw:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
            hint = f"did you mean '{near[0]}'?" if near else f"known are: {', '.join(known)}."
            raise FolderInvalid(f"{where}: unknown field '{name[:60]}'; {hint}")
    return {known[name]: value for name, value in raw.items() if value is not None}


def record(kind: type[R], fields: JsonObject, known: Mapping[str, str], where: str) -> R:
    """A `kind` from `fields`, typed as strictly as JSON: a number is not text.

    Raises:
        FolderInvalid: the message names every field that does not fit, as the file spells it.
    """
    spelled = {field: name for name, field in known.items()}
    try:
        return kind.model_validate_json(json_values.dump(fields), strict=True)
    except ValidationError as error:
        faults = [_fault(fault["loc"], fault["type"], fault["msg"], spelled) for fault in error.errors()[:5]]
        raise FolderInvalid(f"{where}: {'; '.join(faults)}") from error


def _fault(loc: tuple[int | str, ...], kind: str, message: str, spelled: Mapping[str, str]) -> str:
    steps = [str(spelled.get(step, step)) if isinstance(step, str) else str(step) for step in loc]
    if kind == "missing":
        return f"{'.'.join(steps)}: required, but missing."
    hint = " (put it in quotes)" if kind == "string_type" else ""
    return f"{'.'.join(steps)}: {message}{hint}."


def _holds_nul(value: JsonValue) -> bool:
    if isinstance(value, str):
        return "\0" in value
    if isinstance(value, dict):
        return any("\0" in key or _holds_nul(item) for key, item in value.items())
    return isinstance(value, list) and any(_holds_nul(item) for item in value)


def _kind(value: object) -> str:
    if value is None:
        return "empty"
    return {str: "text", list: "a list", bool: "true or false"}.get(type(value), "a number")
