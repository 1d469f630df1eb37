"""Stands where `guest/models.py` does, for a Python without pydantic: the same functions, for plain JSON types.

Schemas come out as pydantic's, and so do values that fit them; what pydantic would make of others is refused, in
words that say what to write instead.
"""

import datetime as dt
import decimal
import enum
import pathlib
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from types import NoneType, SimpleNamespace, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from jinba_mcp.sandbox.guest import faults
from jinba_mcp.sandbox.guest.faults import CodeFault
from jinba_mcp.sandbox.guest.plain import MAX_DEPTH

_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}
_LITERALLY: Any = Literal  # a special form, which typing does not let anybody compare
_REQUIRED: Any = ...
_ADVICE = (
    "use str, int, float, bool, None, list[…], dict[str, …], Literal and unions of them,"
    " or take a dict and write inputSchema in tool.yml: there is no pydantic in the WebAssembly sandbox"
)


class ValidationError(ValueError):
    """A value that is not of its type."""


class _Odd(Exception):
    """A type that is no plain JSON type."""


class _Type:
    """An annotation, checked to be plain."""

    def __init__(self, annotation: Any) -> None:
        self._annotation = annotation
        self.json_schema()

    def json_schema(self) -> dict[str, Any]:
        return _schema(self._annotation)

    def validate_python(self, value: Any) -> Any:
        return _fitting(self._annotation, value, "value", 0)


@dataclass
class _Field:
    name: str
    type: _Type
    default: Any


class _Arguments:
    """The parameters of a function, as one type."""

    def __init__(self, given: list[_Field]) -> None:
        self._fields = given
        self.__pydantic_validator__ = self

    def json_schema(self) -> dict[str, Any]:
        found: dict[str, Any] = {
            "additionalProperties": False,
            "properties": {each.name: _property(each) for each in self._fields},
        }
        required = [each.name for each in self._fields if each.default is _REQUIRED]
        return found | ({"required": required} if required else {}) | {"type": "object"}

    def validate_python(self, arguments: dict[str, Any]) -> SimpleNamespace:
        unknown = arguments.keys() - {each.name for each in self._fields}
        if unknown:
            raise ValidationError(f"{min(unknown)}: Extra inputs are not permitted")
        values = SimpleNamespace()
        for index, each in enumerate(self._fields):
            setattr(values, f"field_{index}", self._value(each, arguments))
        return values

    def _value(self, each: _Field, arguments: dict[str, Any]) -> Any:
        if each.name in arguments:
            try:
                return each.type.validate_python(arguments[each.name])
            except ValidationError as error:
                raise ValidationError(str(error).replace("value", each.name, 1)) from None
        if each.default is _REQUIRED:
            raise ValidationError(f"{each.name}: Field required")
        return jsonable(each.default)


def adapter(annotation: Any, what: str) -> Any:
    """What validates and describes a type.

    Raises:
        CodeFault: it is no plain JSON type; `what` begins the sentence that says so.
    """
    if isinstance(annotation, _Arguments):
        return annotation
    try:
        return _Type(annotation)
    except _Odd as odd:
        raise CodeFault(f"{what} has no schema: {odd} is no plain JSON type; {_ADVICE}.") from None


def arguments_model(function: str, parameters: Iterable[tuple[str, Any, Any]]) -> Any:
    """The type of all arguments of a function, from the name, annotation and default of each parameter.

    Raises:
        CodeFault: a parameter has no schema; the message names it.
    """
    given = []
    for name, annotation, default in parameters:
        what = f"The parameter '{name}' of '{function}'"
        given.append(_Field(name, adapter(annotation, what), default))
        if default is _REQUIRED:
            continue
        try:
            jsonable(default)
        except (ValueError, TypeError, RecursionError):
            raise CodeFault(f"{what} has no schema: its default is no plain data; {_ADVICE}.") from None
    return _Arguments(given)


def schema(adapted: Any, _mode: str, _what: str) -> dict[str, Any]:
    """The JSON Schema of a type: what is accepted and what is returned are the same here."""
    found: dict[str, Any] = adapted.json_schema()
    return found


def promised(value: object, adapted: Any) -> object:
    """The value as plain data, checked.

    Raises:
        ValidationError: it does not fit the type.
        ValueError, TypeError, RecursionError: something in it has no JSON form.
    """
    return adapted.validate_python(jsonable(value))


def jsonable(value: Any) -> Any:
    """Any value that has a JSON form as plain data; NaN and infinity stay what they are.

    Raises:
        ValueError, TypeError, RecursionError: something in it has none.
    """
    kind = type(value)
    if kind in _NAMES:
        return value
    for kinds, written in _FORMS:
        if issubclass(kind, kinds):
            return written(value)
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: jsonable(getattr(value, each.name)) for each in fields(value)}
    raise TypeError(f"{kind.__module__}.{kind.__qualname__} has no JSON form")


def warm_up() -> None:
    """Go once through everything above."""
    arguments = arguments_model("warm", [("number", int, 0), ("names", list[str] | None, None)])
    schema(adapter(arguments, "The arguments"), "validation", "The parameters have")
    arguments.validate_python({"number": 1.0})
    jsonable({"a": {1}})


_FORMS: tuple[tuple[type | tuple[type, ...], Any], ...] = (
    (enum.Enum, lambda value: jsonable(value.value)),
    (bool, bool),
    (str, str.__str__),
    (int, int.__int__),
    (float, float.__float__),
    (dict, lambda value: {_key(key): jsonable(item) for key, item in value.items()}),
    ((list, tuple, set, frozenset), lambda value: [jsonable(item) for item in value]),
    ((bytes, bytearray), lambda value: bytes(value).decode()),
    ((dt.date, dt.time), lambda value: value.isoformat()),
    ((decimal.Decimal, uuid.UUID, pathlib.PurePath), str),
)


def _key(key: Any) -> str:
    written = jsonable(key)
    return written if type(written) is str else str(written)


def _property(each: _Field) -> dict[str, Any]:
    found = each.type.json_schema()
    if each.default is not _REQUIRED:
        found = {"default": jsonable(each.default), **found}
    return found | {"title": each.name.title().replace("_", " ").strip()}


def _schema(annotation: Any) -> dict[str, Any]:
    if annotation is Any or annotation is object:
        return {}
    name = _NAMES.get(NoneType if annotation is None else annotation) if _is_class(annotation) else None
    if name is not None:
        return {"type": name}
    origin, inner = get_origin(annotation) or annotation, get_args(annotation)
    if origin is Union or origin is UnionType:
        return {"anyOf": [_schema(member) for member in inner]}
    if origin is _LITERALLY and all(type(choice) is str for choice in inner):
        return {"const": inner[0], "type": "string"} if len(inner) == 1 else {"enum": list(inner), "type": "string"}
    return _container_schema(annotation, origin, inner)


def _container_schema(annotation: Any, origin: Any, inner: tuple[Any, ...]) -> dict[str, Any]:
    if origin is list:
        return {"items": _schema(inner[0]) if inner else {}, "type": "array"}
    if origin is dict and inner[:1] in ((), (str,)):
        return {"additionalProperties": (_schema(inner[1]) if inner else {}) or True, "type": "object"}
    raise _Odd(_shown(annotation))


def _is_class(annotation: Any) -> bool:
    return annotation is None or isinstance(annotation, type)


def _shown(annotation: Any) -> str:
    if get_origin(annotation) is Annotated:
        return "Annotated[…]"
    return faults.safe(getattr(annotation, "__qualname__", None) or str(annotation))


def _fitting(annotation: Any, value: Any, where: str, depth: int) -> Any:
    """The value as annotated: numbers that are whole are integers, and integers are numbers."""
    if depth > MAX_DEPTH:
        raise ValidationError(f"{where}: Lists and objects are nested too deeply")
    kind, origin, inner = type(value), get_origin(annotation) or annotation, get_args(annotation)
    if origin is Union or origin is UnionType:
        return _member(annotation, inner, value, where, depth)
    if origin is list and kind is list:
        item = inner[0] if inner else Any
        return [_fitting(item, each, f"{where}.{index}", depth + 1) for index, each in enumerate(value)]
    if origin is dict and kind is dict:
        item = inner[1] if inner else Any
        return {key: _fitting(item, each, f"{where}.{key}", depth + 1) for key, each in value.items()}
    return _scalar(annotation, value, where)


def _scalar(annotation: Any, value: Any, where: str) -> Any:
    kind = type(value)
    is_anything = annotation is Any or annotation is object
    is_choice = get_origin(annotation) is _LITERALLY and kind is str and value in get_args(annotation)
    if is_anything or is_choice or annotation is kind or (annotation is None and value is None):
        return value
    if annotation is int and kind is float and value.is_integer():
        return int(value)
    if annotation is float and kind is int:
        return float(value)
    raise _unfit(annotation, where)


def _member(union: Any, members: tuple[Any, ...], value: Any, where: str, depth: int) -> Any:
    if type(value) in members:
        return value
    for member in members:
        try:
            return _fitting(member, value, where, depth + 1)
        except ValidationError:
            continue
    raise _unfit(union, where)


def _unfit(annotation: Any, where: str) -> ValidationError:
    wanted = _schema(annotation).get("type") or "of one of the types that it may have"
    return ValidationError(f"{where}: Input should be {wanted}")
