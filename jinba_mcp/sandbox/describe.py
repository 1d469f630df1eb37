"""Reads a tool's signature: how arguments are bound to its function, what it returns, and the schemas of both."""

import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, TypeAlias, Union, get_args, get_origin, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, create_model
from pydantic.fields import FieldInfo
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaWarningKind

from jinba_mcp.domain import content
from jinba_mcp.domain.errors import ToolCodeInvalid
from jinba_mcp.domain.records import JsonObject
from jinba_mcp.sandbox import faults
from jinba_mcp.sandbox.engine import Signature

MODULE_PREFIX = "jinba_tool_"
MAX_DESCRIPTION_CHARS = 20_000

Bound: TypeAlias = tuple[tuple[Any, ...], dict[str, Any]]

_BLOCKS = (content.Text, content.Image, content.Audio, content.ResourceLink, content.EmbeddedResource, content.Content)
_ANYTHING = (Any, object, NoneType, dict, inspect.Signature.empty)
_ARGUMENTS = ConfigDict(extra="forbid", json_schema_extra=lambda schema: schema.pop("title", None) and None)
_REFUSED: dict[object, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


@dataclass(frozen=True, slots=True)
class Entrypoint:
    """A tool's function, ready to be called and described."""

    function: Callable[..., Any]
    bind: Callable[[JsonObject], Bound]
    """Raises pydantic's ValidationError for arguments that do not fit."""
    accepts: TypeAdapter[Any]
    returns: TypeAdapter[Any] | None
    """None when the annotation promises nothing that a schema could say."""

    def signature(self) -> Signature:
        """The schemas and the docstring.

        Raises:
            ToolCodeInvalid: a type has no JSON Schema, or the arguments are not an object.
        """
        accepted = _schema(self.accepts, "validation", "The parameters have")
        if accepted.get("type") != "object":
            raise ToolCodeInvalid("The type of 'input' must be an object with named fields, such as a pydantic model.")
        returned = None if self.returns is None else _schema(self.returns, "serialization", "The return type has")
        described = inspect.getdoc(self.function) or ""
        return Signature(input_schema=accepted, output_schema=returned, description=described[:MAX_DESCRIPTION_CHARS])


def entrypoint(namespace: Mapping[str, Any], name: str) -> Entrypoint:
    """Find the function `name` in a tool's namespace and read its signature.

    Raises:
        ToolCodeInvalid: it is missing, is no function, or has a parameter or type that cannot be described.
    """
    function = namespace.get(name)
    if function is None:
        raise ToolCodeInvalid(f"There is no function '{name}'; define 'def {name}(…)' or set the entrypoint.")
    plain = inspect.unwrap(function)
    if not inspect.isfunction(plain):
        raise ToolCodeInvalid(f"'{name}' is not a function but {type(function).__name__}.")
    hints = _hints(plain, name)
    parameters = list(inspect.signature(function).parameters.values())
    whole = _whole_input(parameters, hints, namespace)
    returned = hints.get("return", inspect.Signature.empty)
    returns = _returned(namespace.get("Output") if returned in _ANYTHING and whole is not None else None, returned)
    if whole is not None:
        adapter = _whole_adapter(whole)
        return Entrypoint(function, _bind_whole(adapter, parameters[0]), adapter, returns)
    model, safe_names = _arguments_model(name, parameters, hints)
    return Entrypoint(function, _bind_fields(model, safe_names, parameters), TypeAdapter(model), returns)


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    try:
        return get_type_hints(function, include_extras=True)
    except Exception as error:
        raise ToolCodeInvalid(
            f"An annotation of '{name}' cannot be read: {type(error).__name__}: {faults.message_of(error)}."
        ) from error


def _whole_input(parameters: list[inspect.Parameter], hints: dict[str, Any], namespace: Mapping[str, Any]) -> Any:
    """The type that takes all arguments at once, for `def run(input: Input)`; None for a plain function."""
    if len(parameters) != 1 or parameters[0].kind in _REFUSED:
        return None
    declared = namespace.get("Input")
    given = hints.get(parameters[0].name, declared if parameters[0].name == "input" else None)
    if given is not None and given == declared:
        return given
    is_model = isinstance(given, type) and issubclass(given, BaseModel)
    return given if is_model and parameters[0].name == "input" else None


def _whole_adapter(whole: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(whole)
    except Exception as error:
        raise ToolCodeInvalid(f"The type of 'input' has no schema: {_first_line(error)}") from error


def _bind_whole(adapter: TypeAdapter[Any], parameter: inspect.Parameter) -> Callable[[JsonObject], Bound]:
    validate = adapter.validator.validate_python
    if parameter.kind is inspect.Parameter.KEYWORD_ONLY:
        return lambda arguments: ((), {parameter.name: validate(arguments)})
    return lambda arguments: ((validate(arguments),), {})


def _arguments_model(
    function: str, parameters: list[inspect.Parameter], hints: dict[str, Any]
) -> tuple[type[BaseModel], list[str]]:
    fields: dict[str, Any] = {}
    for index, parameter in enumerate(parameters):
        if star := _REFUSED.get(parameter.kind):
            raise ToolCodeInvalid(f"'{function}' takes {star}{parameter.name}; a tool's parameters must be named.")
        if parameter.name not in hints:
            raise ToolCodeInvalid(
                f"The parameter '{parameter.name}' of '{function}' has no annotation; write '{parameter.name}: str'."
            )
        # Fields get neutral names because a parameter may be called 'json', 'copy' or '_x', which a model cannot have.
        fields[f"field_{index}"] = _field(parameter, hints[parameter.name], function)
    return create_model(f"{function}_arguments", __config__=_ARGUMENTS, **fields), list(fields)


def _field(parameter: inspect.Parameter, annotation: Any, function: str) -> tuple[Any, Any]:
    default = ... if parameter.default is inspect.Parameter.empty else parameter.default
    try:
        said = [FieldInfo.from_annotation(annotation), default]
        if not any(isinstance(info, FieldInfo) and (info.alias or info.validation_alias) for info in said):
            annotation = Annotated[annotation, Field(alias=parameter.name)]
        # Tried alone first, so that a type without a schema is told with its parameter's name.
        create_model("trial", trial=(annotation, default))
    except Exception as error:
        raise ToolCodeInvalid(
            f"The parameter '{parameter.name}' of '{function}' has no schema: {_first_line(error)}"
        ) from error
    return annotation, default


def _bind_fields(
    model: type[BaseModel], names: list[str], parameters: list[inspect.Parameter]
) -> Callable[[JsonObject], Bound]:
    validate = model.__pydantic_validator__.validate_python
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    positional = [name for name, item in zip(names, parameters, strict=True) if item.kind is not keyword_only]
    named = [(name, item.name) for name, item in zip(names, parameters, strict=True) if item.kind is keyword_only]

    def bind(arguments: JsonObject) -> Bound:
        values = validate(arguments).__dict__
        return tuple(values[name] for name in positional), {to: values[name] for name, to in named}

    return bind


def _returned(output: Any, annotation: Any) -> TypeAdapter[Any] | None:
    promised = annotation if output is None else output
    if promised in _ANYTHING or _is_rich(promised):
        return None
    if get_origin(promised) is dict and get_args(promised)[1] in (Any, object):
        return None
    try:
        return TypeAdapter(promised)
    except Exception as error:
        raise ToolCodeInvalid(f"The return type has no schema: {_first_line(error)}") from error


def _is_rich(annotation: Any) -> bool:
    origin = get_origin(annotation)
    if origin in (Union, UnionType, Annotated, list, tuple):
        return any(_is_rich(argument) for argument in get_args(annotation))
    return isinstance(annotation, type) and issubclass(annotation, _BLOCKS)


class _Schemas(GenerateJsonSchema):
    """Pydantic's own schemas, the same in every process: no generated module name, no warnings."""

    ignored_warning_kinds: ClassVar[set[JsonSchemaWarningKind]] = {  # type: ignore[misc]  # not declared so upstream
        "skipped-choice",
        "non-serializable-default",
        "skipped-discriminator",
    }

    def normalize_name(self, name: str) -> str:
        return super().normalize_name(re.sub(rf"\b{MODULE_PREFIX}[0-9a-f]+\.", "", name))


def _schema(adapter: TypeAdapter[Any], mode: JsonSchemaMode, what: str) -> JsonObject:
    try:
        schema: JsonObject = adapter.json_schema(by_alias=True, mode=mode, schema_generator=_Schemas)
    except Exception as error:
        raise ToolCodeInvalid(f"{what} no JSON Schema: {_first_line(error)}") from error
    return _inlined(schema)


def _inlined(schema: JsonObject) -> JsonObject:
    """The same schema with its top level written out, which a model that contains itself has only by reference."""
    reference, definitions = schema.get("$ref"), schema.get("$defs")
    if not isinstance(reference, str) or not isinstance(definitions, dict):
        return schema
    target = definitions[reference.removeprefix("#/$defs/")]
    return {**target, "$defs": definitions} if isinstance(target, dict) else schema


def _first_line(error: BaseException) -> str:
    lines = faults.message_of(error).splitlines()
    return lines[0] if lines else type(error).__name__
