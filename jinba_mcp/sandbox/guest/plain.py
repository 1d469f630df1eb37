"""Plain JSON types, read without pydantic, so that a tool which has no others touches none of pydantic's memory.

What is taken here comes out as pydantic would have given it. Anything else is `Odd` and goes to pydantic, which
converts it or says what is wrong with it.
"""

from collections.abc import Callable, Iterable
from types import NoneType, UnionType
from typing import Any, Literal, TypeAlias, Union, get_args, get_origin

MAX_DEPTH = 200
"""Of lists and objects in a result; JSON readers stop about there."""

_SCALARS = frozenset({str, int, float, bool, NoneType})
_KEYS = frozenset({str})
KINDS = _SCALARS | {dict, list, tuple}
"""The types of plain data."""

_EXACT_FLOAT = 2**53
_LITERALLY: Any = Literal  # a special form, which typing does not let anybody compare


class Odd(Exception):
    """Not plain: a type or value for pydantic."""


Read: TypeAlias = Callable[[Any], Any]
"""Takes a value of one exact type and gives it as annotated.

Raises:
    Odd: something inside does not fit exactly.
"""
Reader: TypeAlias = dict[type, Read]
"""How a value is read, by its exact type."""


def read(reader: Reader | None, value: Any) -> Any:
    """The value as annotated; no reader reads anything.

    Raises:
        Odd: it does not fit exactly.
    """
    if reader is None:
        return value
    take = reader.get(type(value))
    if take is None:
        raise Odd
    return take(value)


def reader(annotation: Any) -> Reader | None:
    """The reader of an annotation; None reads anything.

    Raises:
        Odd: it is no plain JSON type.
    """
    # By identity, because an annotation may be anything and compare as it likes.
    if annotation is Any or annotation is object:
        return None
    for kind, made in _OF_BARE:
        if annotation is kind:
            return made
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is list:
        return {list: _list_of(reader(arguments[0]))} if arguments else {list: _same}
    if origin is dict:
        return _dict_of(arguments)
    if origin is Union or origin is UnionType:
        return _union_of([reader(argument) for argument in arguments])
    if origin is _LITERALLY and _KEYS.issuperset(map(type, arguments)):
        return {str: _one_of(frozenset(arguments))}
    raise Odd


def is_plain(value: object, max_count: int) -> bool:
    """Whether a value is plain JSON data: no subclasses, nested at most `MAX_DEPTH`, of at most `max_count` parts."""
    # Level by level, so that the types of each are compared at the speed of C and no recursion is needed.
    level: list[Any] = [value]
    for _ in range(MAX_DEPTH + 1):
        if _SCALARS.issuperset(map(type, level)):
            return True
        below: list[Any] = []
        for item in level:
            kind = type(item)
            if kind is dict:
                if not _KEYS.issuperset(map(type, item)):
                    return False
                below.extend(item.values())
            elif kind is list or kind is tuple:
                below.extend(item)
            elif kind not in _SCALARS:
                return False
            if len(below) > max_count:
                return False
        max_count -= len(below)
        level = below
    return False


def _same(value: Any) -> Any:
    return value


def _widened(value: int) -> float:
    if not -_EXACT_FLOAT <= value <= _EXACT_FLOAT:
        raise Odd
    return float(value)


def _one_of(choices: frozenset[str]) -> Read:
    def choice(value: str) -> str:
        if value not in choices:
            raise Odd
        return value

    return choice


def _list_of(item_reader: Reader | None) -> Read:
    as_they_are = _unchanged(item_reader)

    def items(value: list[Any]) -> list[Any]:
        if item_reader is None or as_they_are.issuperset(map(type, value)):
            return value
        return [read(item_reader, item) for item in value]

    return items


def _dict_of(arguments: tuple[Any, ...]) -> Reader:
    if arguments and arguments[0] is not str:
        raise Odd
    value_reader = reader(arguments[1]) if arguments else None
    as_they_are = _unchanged(value_reader)

    def entries(value: dict[Any, Any]) -> dict[Any, Any]:
        if arguments and not _KEYS.issuperset(map(type, value)):
            raise Odd
        if value_reader is None or as_they_are.issuperset(map(type, value.values())):
            return value
        return {key: read(value_reader, item) for key, item in value.items()}

    return {dict: entries}


def _unchanged(item_reader: Reader | None) -> frozenset[type]:
    return frozenset(kind for kind, take in (item_reader or {}).items() if take is _same)


def _union_of(members: Iterable[Reader | None]) -> Reader:
    """One reader for all, where the type of a value leaves only one member that could take it."""
    union: Reader = {}
    widens = False
    for member in members:
        if member is None:
            raise Odd
        widens = widens or member is _FLOAT
        exact = _EXACT if member is _FLOAT else member
        if union.keys() & exact.keys():
            raise Odd
        union |= exact
    if widens and not union.keys() & {int, bool, str}:
        union[int] = _widened
    return union


_FLOAT: Reader = {float: _same, int: _widened}
_EXACT: Reader = {float: _same}
_OF_BARE: tuple[tuple[object, Reader], ...] = (
    (str, {str: _same}),
    (int, {int: _same}),
    (float, _FLOAT),
    (bool, {bool: _same}),
    (None, {NoneType: _same}),
    (NoneType, {NoneType: _same}),
    (list, {list: _same}),
    (dict, {dict: _same}),
)
