"""From pydantic's errors to ours: a pointer and a sentence for each fault, with the name that was probably meant."""

import difflib
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import parse_qsl

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from jinba_mcp.domain.errors import FieldsInvalid, Invalid
from jinba_mcp.domain.records import JsonObject

M = TypeVar("M", bound=BaseModel)

MAX_FAULTS = 20
_MAX_PARAMETERS = 100


def validated(model: type[M], body: JsonObject) -> M:
    """The body of a request as `model`.

    Raises:
        FieldsInvalid: with a JSON pointer for each fault.
    """
    return _validated(model, body, lambda fault: {"pointer": _pointer(fault), "detail": _detail(fault, model, "field")})


def validated_query(model: type[M], query_string: bytes) -> M:
    """The query of a request as `model`.

    Raises:
        FieldsInvalid: with the name of each parameter that is unknown, given twice or of no use.
    """
    given: JsonObject = {}
    if query_string:
        given = _parsed(query_string)
    return _validated(
        model, given, lambda fault: {"parameter": _name(fault), "detail": _detail(fault, model, "parameter")}
    )


def _parsed(query_string: bytes) -> JsonObject:
    try:
        pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, max_num_fields=_MAX_PARAMETERS)
    except ValueError as error:
        raise Invalid(f"The query has too many parameters: at most {_MAX_PARAMETERS} are read.") from error
    given: JsonObject = dict(pairs)
    if len(given) < len(pairs):
        names = [name for name, _ in pairs]
        twice = sorted(name for name in given if names.count(name) > 1)
        raise FieldsInvalid([{"parameter": name[:100], "detail": "given more than once"} for name in twice])
    return given


def _validated(model: type[M], value: JsonObject, describe: Callable[[ErrorDetails], JsonObject]) -> M:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)[:MAX_FAULTS]
        described = [describe(fault) for fault in faults]
        said = "; ".join(
            f"{fault.get('pointer', fault.get('parameter'))}: {fault['detail']}" for fault in described[:5]
        )
        raise FieldsInvalid(described, f"The request cannot be used: {said}.") from error


def _pointer(fault: ErrorDetails) -> str:
    return "".join(f"/{str(step)[:100].replace('~', '~0').replace('/', '~1')}" for step in fault["loc"])


def _name(fault: ErrorDetails) -> str:
    return str(fault["loc"][0])[:100] if fault["loc"] else ""


def _detail(fault: ErrorDetails, model: type[BaseModel], noun: str) -> str:
    if fault["type"] != "extra_forbidden":
        return fault["msg"].removeprefix("Value error, ")
    known = sorted(field.alias or name for name, field in model.model_fields.items())
    near = difflib.get_close_matches(_name(fault), known, n=1)
    if near:
        return f"there is no such {noun}; did you mean '{near[0]}'?"
    return f"there is no such {noun}; known: {', '.join(known) or 'none'}"
