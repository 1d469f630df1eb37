"""All that needs pydantic, in one module, which is imported only where a plain JSON type does not do."""

import re
from collections.abc import Iterable
from typing import Annotated, Any, ClassVar, NoReturn

import pydantic_core
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaWarningKind

from . import faults
from .faults import CodeFault
from .source import MODULE_PREFIX

_ARGUMENTS = ConfigDict(extra="forbid", json_schema_extra=lambda schema: schema.pop("title", None) and None)


def adapter(annotation: Any, what: str) -> TypeAdapter[Any]:
    """The validator and serializer of a type.

    Raises:
        CodeFault: it has no schema; `what` begins the sentence that says so.
    """
    try:
        return TypeAdapter(annotation)
    except Exception as error:
        raise CodeFault(f"{what} has no schema: {_first_line(error)}") from error


def arguments_model(function: str, parameters: Iterable[tuple[str, Any, Any]]) -> type[BaseModel]:
    """A model with the fields `field_0`, `field_1`, … for parameters of a name, an annotation and a default.

    The names are neutral because a parameter may be called 'json', 'copy' or '_x', which a field cannot be.

    Raises:
        CodeFault: a parameter has no schema; the message names it.
    """
    given = list(parameters)
    try:
        fields: dict[str, Any] = {f"field_{index}": _field(*parameter) for index, parameter in enumerate(given)}
        return create_model(f"{function}_arguments", __config__=_ARGUMENTS, **fields)
    except Exception as error:
        for parameter in given:
            _try_alone(function, parameter)
        raise CodeFault(f"The parameters of '{function}' have no schema: {_first_line(error)}") from error


def _field(name: str, annotation: Any, default: Any) -> tuple[Any, Any]:
    said = [FieldInfo.from_annotation(annotation), default]
    if not any(isinstance(info, FieldInfo) and (info.alias or info.validation_alias) for info in said):
        annotation = Annotated[annotation, Field(alias=name)]
    return annotation, default


def _try_alone(function: str, parameter: tuple[str, Any, Any]) -> None:
    try:
        create_model("trial", trial=_field(*parameter))
    except Exception as error:
        raise CodeFault(
            f"The parameter '{parameter[0]}' of '{function}' has no schema: {_first_line(error)}"
        ) from error


def schema(adapted: TypeAdapter[Any], mode: JsonSchemaMode, what: str) -> dict[str, Any]:
    """The JSON Schema of a type, the same in every process.

    Raises:
        CodeFault: it has none; `what` begins the sentence that says so.
    """
    try:
        found = adapted.json_schema(by_alias=True, mode=mode, schema_generator=_Schemas)
    except Exception as error:
        raise CodeFault(f"{what} no JSON Schema: {_first_line(error)}") from error
    return _inlined(found)


class _Schemas(GenerateJsonSchema):
    """Pydantic's own schemas without generated module names and without warnings."""

    ignored_warning_kinds: ClassVar[set[JsonSchemaWarningKind]] = {  # type: ignore[misc]  # not declared so upstream
        "skipped-choice",
        "non-serializable-default",
        "skipped-discriminator",
    }

    def normalize_name(self, name: str) -> str:
        return super().normalize_name(re.sub(rf"\b{MODULE_PREFIX}[0-9a-f]+\.", "", name))


def _inlined(found: dict[str, Any]) -> dict[str, Any]:
    """The same schema with its top level written out, which a model that contains itself has only by reference."""
    reference, definitions = found.get("$ref"), found.get("$defs")
    if not isinstance(reference, str) or not isinstance(definitions, dict):
        return found
    target = definitions[reference.removeprefix("#/$defs/")]
    return {**target, "$defs": definitions} if isinstance(target, dict) else found


def promised(value: object, adapted: TypeAdapter[Any]) -> object:
    """The value checked and written as its type says, as plain data.

    Raises:
        ValidationError: it does not fit the type.
        ValueError, TypeError, RecursionError: something in it has no JSON form.
    """
    fitting = adapted.validate_python(value)
    return adapted.dump_python(fitting, mode="json", by_alias=True, warnings="none", fallback=_unknown)


def jsonable(value: object) -> object:
    """Any value that has a JSON form as plain data; NaN and infinity stay what they are.

    Raises:
        ValueError, TypeError, RecursionError: something in it has none.
    """
    return pydantic_core.to_jsonable_python(value, by_alias=True, fallback=_unknown)


def _unknown(value: object) -> NoReturn:
    raise TypeError(f"{type(value).__module__}.{type(value).__qualname__} has no JSON form")


def _first_line(error: BaseException) -> str:
    lines = faults.message_of(error).splitlines()
    return lines[0] if lines else faults.name_of(error)


def warm_up() -> None:
    """Go once through everything above, so that whatever pydantic imports late is imported."""
    model = arguments_model("warm", [("number", Annotated[int, Field(ge=0)], 0), ("names", list[str] | None, None)])
    adapted = adapter(model, "The model")
    for mode in ("validation", "serialization"):
        schema(adapted, mode, "The model has")
    promised({"number": 1}, adapted)
    try:
        adapted.validate_python({"number": -1})
    except pydantic_core.ValidationError as error:
        faults.validation_message(error)
    jsonable({1})
