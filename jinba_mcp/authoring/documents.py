"""Turns one YAML file of a ToolSet folder into JSON data and checked records; every fault names file and field."""

import difflib
import math
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, TypeVar

import yaml
from pydantic import JsonValue, ValidationError
from yaml.composer import Composer
from yaml.constructor import SafeConstructor

from jinba_mcp.domain import json_values
from jinba_mcp.domain.errors import FolderInvalid, MalformedBody
from jinba_mcp.domain.records import JsonObject, Record

try:
    from yaml import CSafeLoader
except ImportError:
    # Where PyYAML was built without libyaml.
    from yaml import SafeLoader as CSafeLoader  # type: ignore[assignment]  # it does the same

R = TypeVar("R", bound=Record)

_BREAKS = frozenset("\x85\u2028\u2029")
MAX_DEPTH = 64
"""Of nesting; PyYAML's time grows with the square of it."""
MAX_NODES = 100_000
"""Keys, values, lists and mappings of a file. Each takes half a kilobyte, and time, where two characters make one."""
_UNREADABLE = (ValueError, LookupError, AttributeError)
"""What PyYAML lets through where a value is not what its own tag says: `!!int` of nothing, `!!bool maybe`."""
_READ_IN_TWO_WAYS = re.compile(r"[\t\r\x85\u2028\u2029\ufeff]|(?<!\w)!(?!=)|[|>][-+0-9]*#")
"""Where PyYAML's two parsers may differ: tabs, odd breaks, marks of byte order, tags, comments right after `|`."""


class _TooManyNodes(Exception):
    """No error of YAML: the other parser need not be asked."""


class _Rules(Composer, SafeConstructor):
    """YAML as far as JSON goes: no aliases (they let a small file grow without end), no doubled or non-text keys."""

    check_event: Any
    peek_event: Any
    depth = 0
    node_count = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        fault = None
        if self.check_event(yaml.AliasEvent):
            fault = "aliases (*name) are not allowed; write the value out"
        elif self.depth > MAX_DEPTH:
            fault = f"nested more than {MAX_DEPTH} deep"
        if fault:
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, fault, mark)
        self.node_count += 1
        if self.node_count > MAX_NODES:
            raise _TooManyNodes
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
_RESOLVERS = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


class _Loader(_Rules, yaml.SafeLoader):
    """In Python alone: it says best what is wrong, and has the last word."""

    yaml_implicit_resolvers = _RESOLVERS


class _FastLoader(_Rules, CSafeLoader):
    """With libyaml's parser, which spares a boot most of the time of reading folders."""

    yaml_implicit_resolvers = _RESOLVERS

    def __init__(self, text: str) -> None:
        CSafeLoader.__init__(self, text)
        Composer.__init__(self)


class _Dumper(yaml.SafeDumper):
    """Writes text of several lines line by line, so that a change of one package is a change of a few lines."""

    def ignore_aliases(self, _: object) -> bool:
        return True


def _written(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Unicode's own line breaks are lost in any style but the one that escapes them.
    style = '"' if _BREAKS.intersection(text) else "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _written)


def dump(fields: JsonObject, max_bytes: int | None = None) -> str:
    """YAML that `parse` reads as the same fields: for people, but on one line where it would go over `max_bytes`."""
    text = _dumped(fields)
    if max_bytes is not None and len(text.encode()) > max_bytes:
        return _dumped(fields, default_flow_style=True, width=math.inf)
    return text


def _dumped(fields: JsonObject, **style: Any) -> str:
    return str(yaml.dump(fields, Dumper=_Dumper, sort_keys=False, allow_unicode=True, **style))


def parse(text: str, where: str) -> JsonObject:
    """The mapping that the YAML `text` of the file `where` holds.

    Raises:
        FolderInvalid: not YAML, not a mapping, or holding what JSON does not have.
    """
    try:
        loaded = _loaded(text)
        if not isinstance(loaded, dict):
            raise FolderInvalid(f"{where}: the file must hold a mapping (name: value), not {_kind(loaded)}.")
        plain = json_values.parse(json_values.dump(loaded))
    except _TooManyNodes as error:
        raise FolderInvalid(f"{where}: more than {MAX_NODES} keys and values.") from error
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise FolderInvalid(f"{where}: {place}{error.problem or 'not YAML'}.") from error
    except (yaml.YAMLError, MalformedBody, *_UNREADABLE) as error:
        raise FolderInvalid(f"{where}: not usable YAML: {str(error).splitlines()[0][:200]}.") from error
    if "\0" in text or json_values.holds_nul(plain):
        raise FolderInvalid(f"{where}: NUL characters are not allowed.")
    return plain if isinstance(plain, dict) else {}


def _loaded(text: str) -> Any:
    if _READ_IN_TWO_WAYS.search(text) is None:
        with suppress(yaml.YAMLError, *_UNREADABLE):
            return yaml.load(text, Loader=_FastLoader)  # noqa: S506  a safe loader with less
    return yaml.load(text, Loader=_Loader)  # noqa: S506  as above


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


def _kind(value: object) -> str:
    if value is None:
        return "empty"
    return {str: "text", list: "a list", bool: "true or false"}.get(type(value), "a number")
