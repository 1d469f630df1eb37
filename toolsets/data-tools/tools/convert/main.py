"""Converts between CSV, JSON and YAML text."""

import csv
import io
import json
import re
from typing import Any, Literal

import pydantic_core
import yaml  # reads and writes YAML; it guesses the types of YAML 1.1, so those of 1.2 are set below
from pydantic import BaseModel, ConfigDict, Field

_MAX_INPUT_CHARACTERS = 500_000
_MAX_OUTPUT_CHARACTERS = 2_000_000
_MAX_NODES = 100_000
_MAX_DEPTH = 60
_MAX_CELLS = 500_000
_MAX_COLUMNS = 1_000
_MAX_DIGITS = 4_000
_CHARACTERS_LIKE_A_NODE = 10
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,17}(?:[eE][-+]?[0-9]{1,2})?")

TextFormat = Literal["csv", "json", "yaml"]


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    text: str = Field(
        max_length=_MAX_INPUT_CHARACTERS, description="The data as text.", examples=["name,age\nAlice,30\n"]
    )
    source: TextFormat = Field(description="The format of the text.")
    target: TextFormat = Field(description="The format wanted.")
    delimiter: Literal[",", ";", "\t", "|"] = Field(
        default=",", description="What separates columns in CSV, both ways."
    )
    infer_types: bool = Field(
        default=False, description="Reading CSV: turn 12, 3.5, true, false and empty cells into JSON values."
    )
    indent: int = Field(default=2, ge=0, le=8, description="Blanks for each level in JSON; 0 for compact JSON.")


class Output(BaseModel):
    text: str = Field(description="The data in the format wanted.")
    format: TextFormat = Field(description="The format of the text.")
    records: int = Field(description="Rows of a table or items of a list; 1 for any other value.")


def run(input: Input) -> Output:
    text = input.text.removeprefix("\ufeff")
    if input.source == "csv":
        value: Any = _read_csv(text, input.delimiter, infer_types=input.infer_types)
    else:
        value = _read_json(text) if input.source == "json" else _read_yaml(text)
    if input.target == "csv":
        written = _write_csv(value, input.delimiter)
    else:
        written = _write_json(value, input.indent) if input.target == "json" else _write_yaml(value)
    if len(written) > _MAX_OUTPUT_CHARACTERS:
        raise ValueError(f"The result is longer than {_MAX_OUTPUT_CHARACTERS} characters. Convert the data in parts.")
    return Output(text=written, format=input.target, records=len(value) if isinstance(value, list) else 1)


def _read_csv(text: str, delimiter: str, *, infer_types: bool) -> list[dict[str, Any]]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        header = next(reader, [])
        _check_header(header)
        rows = [row for cells in reader if (row := _row(header, cells, reader.line_num)) is not None]
    except csv.Error as error:
        raise ValueError(
            f'CSV line {reader.line_num}: {error}. Quote fields with " and double quotes inside.'
        ) from None
    return [{name: _typed(cell) for name, cell in row.items()} for row in rows] if infer_types else rows


def _check_header(header: list[str]) -> None:
    if not header:
        raise ValueError("The CSV text is empty. Its first line must be the names of the columns.")
    if len(header) > _MAX_COLUMNS:
        raise ValueError(f"The header has {len(header)} columns; at most {_MAX_COLUMNS} can be converted.")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise ValueError(f"The header names columns twice: {', '.join(twice[:5])}. Rename them.")


def _row(header: list[str], cells: list[str], line: int) -> dict[str, Any] | None:
    if not cells:
        return None
    if len(cells) != len(header):
        raise ValueError(
            f"CSV line {line} has {len(cells)} cells, but the header has {len(header)}. "
            "Quote cells that contain the delimiter, or choose another delimiter."
        )
    return dict(zip(header, cells, strict=True))


def _typed(cell: str) -> Any:
    if cell in ("", "true", "false"):
        return {"": None, "true": True, "false": False}[cell]
    if _INTEGER.fullmatch(cell):
        return int(cell)
    return float(cell) if _DECIMAL.fullmatch(cell) else cell


def _read_json(text: str) -> Any:
    try:
        value = pydantic_core.from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise ValueError(f"Not JSON: {error}.") from None
    _check_depth(value)
    return value


def _check_depth(value: Any) -> None:
    level, depth = [value], 0
    while level:
        level = [child for parent in level for child in _children(parent)]
        depth += 1
        if depth > _MAX_DEPTH:
            raise ValueError(f"The data is nested more than {_MAX_DEPTH} levels deep.")


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


class _Loader(yaml.CSafeLoader):
    """YAML 1.2's core types: `no`, `12:30:00` and `2026-03-01` are text, `010` is ten."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  PyYAML's way


_TYPES = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?", list("-+0123456789.")),
    "merge": (r"<<", ["<"]),
}
for _name, (_pattern, _first) in _TYPES.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_name}", re.compile(f"(?:{_pattern})$"), _first)


def _integer(loader: yaml.Loader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    if len(text) > _MAX_DIGITS:
        raise ValueError(f"A number in the YAML has more than {_MAX_DIGITS} digits.")
    return int(text, 0) if text.startswith(("0o", "0x")) else int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _integer)


def _read_yaml(text: str) -> Any:
    try:
        _check_yaml(text)
        value = yaml.load(text, Loader=_Loader)  # noqa: S506  a SafeLoader with fewer types
        return json.loads(json.dumps(value, allow_nan=False))
    except yaml.MarkedYAMLError as error:
        where = f" at line {error.problem_mark.line + 1}" if error.problem_mark else ""
        raise ValueError(f"Not YAML{where}: {error.problem or error.context}.") from None
    except (yaml.YAMLError, TypeError) as error:
        raise ValueError(f"The YAML holds what JSON and CSV cannot: {error}") from None


class _Unfolding:
    """How large YAML becomes when aliases are written out; a small text can become more than any machine holds."""

    def __init__(self) -> None:
        self.total = 0
        self.sizes: dict[str, int] = {}
        self.open_nodes: list[tuple[str | None, int]] = []

    def add(self, event: yaml.Event) -> None:
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, start = self.open_nodes.pop()
            self.remember(anchor, self.total - start)
        elif isinstance(event, yaml.AliasEvent):
            if event.anchor not in self.sizes:
                raise ValueError(f"The YAML alias *{event.anchor} has no anchor before it, or stands inside it.")
            self.total += self.sizes[event.anchor]
        elif isinstance(event, yaml.CollectionStartEvent):
            self.open_nodes.append((event.anchor, self.total))
            self.total += 1
        elif isinstance(event, yaml.ScalarEvent):
            size = 1 + len(event.value) // _CHARACTERS_LIKE_A_NODE
            self.total += size
            self.remember(event.anchor, size)

    def remember(self, anchor: str | None, size: int) -> None:
        if anchor:
            self.sizes[anchor] = size


def _check_yaml(text: str) -> None:
    """Walk the events before anything is built: nesting could overflow the stack, aliases the memory."""
    unfolding, documents = _Unfolding(), 0
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        unfolding.add(event)
        documents += isinstance(event, yaml.DocumentStartEvent)
        if unfolding.total > _MAX_NODES or len(unfolding.open_nodes) > _MAX_DEPTH:
            raise ValueError(f"The YAML unfolds to more than {_MAX_NODES} values or {_MAX_DEPTH} levels.")
    if documents > 1:
        raise ValueError(f"The YAML has {documents} documents. Convert them one at a time.")


class _Dumper(yaml.CSafeDumper):
    """Quotes what readers of YAML 1.1 and of 1.2 would take for something else than text."""


for _name in ("int", "float"):
    _Dumper.add_implicit_resolver(
        f"tag:yaml.org,2002:{_name}", re.compile(f"(?:{_TYPES[_name][0]})$"), _TYPES[_name][1]
    )


def _write_csv(value: Any, delimiter: str) -> str:
    rows = [value] if isinstance(value, dict) else value
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("Only a list of objects, or one object, fits in CSV. Reshape the data first with query-json.")
    header = list(dict.fromkeys(name for row in rows for name in row))
    if len(header) * len(rows) > _MAX_CELLS:
        raise ValueError(f"The table has more than {_MAX_CELLS} cells: {len(rows)} rows, {len(header)} columns.")
    text = io.StringIO(newline="")
    writer = csv.writer(text, delimiter=delimiter, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([_cell(row.get(name)) for name in header] for row in rows)
    return text.getvalue()


def _cell(value: Any) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return json.dumps(value, ensure_ascii=False)


def _write_json(value: Any, indent: int) -> str:
    if not indent:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    parts, length = [], 0
    # Piece by piece: indentation of deep data is much longer than the data.
    for part in json.JSONEncoder(ensure_ascii=False, indent=indent).iterencode(value):
        parts.append(part)
        length += len(part)
        if length > _MAX_OUTPUT_CHARACTERS:
            break
    return "".join(parts)


def _write_yaml(value: Any) -> str:
    level, count = [value], 1
    while level := [child for parent in level for child in _children(parent)]:
        count += len(level)
    if count > _MAX_NODES:
        raise ValueError(f"The data has {count} values; at most {_MAX_NODES} can be written as YAML. Choose JSON.")
    text: str = yaml.dump(value, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=100)
    return text
