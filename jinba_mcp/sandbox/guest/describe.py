"""Reads a tool's signature: how arguments are bound to its function, what it returns, and the schemas of both."""

import sys
from collections.abc import Callable, Mapping, Sequence
from types import FunctionType, NoneType, UnionType
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    NamedTuple,
    Protocol,
    TypeAlias,
    TypedDict,
    Union,
    get_args,
    get_origin,
)
from typing import get_type_hints as type_hints

from . import faults, plain
from .faults import CodeFault
from .plain import Odd, Reader

if TYPE_CHECKING:
    import inspect

    from pydantic import BaseModel, TypeAdapter

MAX_DESCRIPTION_CHARS = 20_000

Bound: TypeAlias = tuple[Sequence[Any], dict[str, Any]]

_EMPTY: Any = object()
"""No default, and no annotation."""
_STARS = 0x04 | 0x08  # CO_VARARGS and CO_VARKEYWORDS of a code object
_ANYTHING = (Any, object, None, NoneType, dict, _EMPTY)
_BLOCKS = ("Text", "Image", "Audio", "ResourceLink", "EmbeddedResource", "Content")
_FIXED = (NoneType, bool, int, float, str)
_COPIED = (list, dict)


class Described(TypedDict):
    """What code says of itself: two JSON Schemas and its docstring."""

    input_schema: dict[str, Any]
    output_schema: dict[str, Any] | None
    description: str


class Parameter(NamedTuple):
    """One parameter of a tool's function."""

    name: str
    annotation: Any
    default: Any
    is_keyword: bool


class Binding(Protocol):
    """Turns the arguments of a call into those of the function."""

    def bind(self, arguments: dict[str, Any]) -> Bound:
        """Raises pydantic's ValidationError for arguments that do not fit."""
        ...

    def adapter(self) -> "TypeAdapter[Any]": ...


class Entrypoint(NamedTuple):
    """A tool's function, ready to be called and described."""

    function: Callable[..., Any]
    binding: Binding
    promise: "Promise | None"
    """None when the annotation promises nothing that a schema could say."""

    def describe(self) -> Described:
        """The schemas and the docstring.

        Raises:
            CodeFault: a type has no JSON Schema, or the arguments are not an object.
        """
        import inspect  # noqa: PLC0415  much memory, which every fork of the zygote would pay for

        from . import models  # noqa: PLC0415  imports pydantic, which a call may do without

        accepted = models.schema(self.binding.adapter(), "validation", "The parameters have")
        if accepted.get("type") != "object":
            raise CodeFault("The type of 'input' must be an object with named fields, such as a pydantic model.")
        returned = None
        if self.promise is not None:
            returned = models.schema(self.promise.adapter(), "serialization", "The return type has")
        said = (inspect.getdoc(self.function) or "")[:MAX_DESCRIPTION_CHARS]
        return Described(input_schema=accepted, output_schema=returned, description=said)


def entrypoint(namespace: Mapping[str, Any], name: str) -> Entrypoint:
    """Find the function `name` in a tool's namespace and read its signature.

    Raises:
        CodeFault: it is missing, is no function, or has a parameter or type that cannot be described.
    """
    function = namespace.get(name)
    if function is None:
        raise CodeFault(f"There is no function '{name}'; define 'def {name}(…)' or set the entrypoint.")
    if type(function) is FunctionType:
        try:
            return _plain_entrypoint(function, name, namespace)
        except Odd:
            pass
    import inspect  # noqa: PLC0415  much memory, which every fork of the zygote would pay for

    defined = inspect.unwrap(function)
    if not inspect.isfunction(defined):
        raise CodeFault(f"'{name}' is not a function but {type(function).__name__}.")
    try:
        signature = list(inspect.signature(function).parameters.values())
        return _any_entrypoint(function, signature, _hints(defined, name), namespace, name)
    except CodeFault as fault:
        if fault.line is None:
            fault.line = defined.__code__.co_firstlineno
        raise


def _plain_entrypoint(function: FunctionType, name: str, namespace: Mapping[str, Any]) -> Entrypoint:
    """The entrypoint of a function that has only plain types, read straight off its code object.

    `inspect` and `typing` would say the same, and touch a quarter of a megabyte on the way.

    Raises:
        Odd: read it the long way.
    """
    code, hints = function.__code__, function.__annotations__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    is_wrapped, has_stars = bool(function.__dict__), code.co_flags & _STARS
    if is_wrapped or has_stars or "Input" in namespace:
        raise Odd
    defaults = function.__defaults__ or ()
    given = dict(zip(names[code.co_argcount - len(defaults) : code.co_argcount], defaults, strict=True))
    given |= function.__kwdefaults__ or {}
    parameters = []
    for index, each in enumerate(names):
        if each not in hints:
            raise Odd
        parameters.append(Parameter(each, hints[each], given.get(each, _EMPTY), index >= code.co_argcount))
    readers = list(map(_reader, parameters))
    returned = hints.get("return", _EMPTY)
    promise = None if _promises_nothing(returned) else Promise(returned, plain.reader(returned))
    return Entrypoint(function, Fields(name, parameters, readers), promise)


def _any_entrypoint(
    function: Callable[..., Any],
    signature: "list[inspect.Parameter]",
    hints: dict[str, Any],
    namespace: Mapping[str, Any],
    name: str,
) -> Entrypoint:
    whole = _whole_input(signature, hints, namespace)
    returned = hints.get("return", _EMPTY)
    promise = _promise(namespace.get("Output") if _promises_nothing(returned) and whole is not None else None, returned)
    if whole is not None:
        return Entrypoint(function, Whole(whole, signature[0]), promise)
    parameters = [_parameter(name, parameter, hints) for parameter in signature]
    try:
        return Entrypoint(function, Fields(name, parameters, [_reader(parameter) for parameter in parameters]), promise)
    except Odd:
        return Entrypoint(function, Fields(name, parameters, None), promise)


def _parameter(function: str, parameter: "inspect.Parameter", hints: dict[str, Any]) -> Parameter:
    if star := _star(parameter):
        raise CodeFault(f"'{function}' takes {star}{parameter.name}; a tool's parameters must be named.")
    if parameter.name not in hints:
        raise CodeFault(
            f"The parameter '{parameter.name}' of '{function}' has no annotation; write '{parameter.name}: str'."
        )
    is_keyword = parameter.kind is parameter.KEYWORD_ONLY
    default = _EMPTY if parameter.default is parameter.empty else parameter.default
    return Parameter(parameter.name, hints[parameter.name], default, is_keyword)


def _star(parameter: "inspect.Parameter") -> str:
    if parameter.kind is parameter.VAR_POSITIONAL:
        return "*"
    return "**" if parameter.kind is parameter.VAR_KEYWORD else ""


def _hints(function: Callable[..., Any], name: str) -> dict[str, Any]:
    try:
        return type_hints(function, include_extras=True)
    except Exception as error:
        raise CodeFault(
            f"An annotation of '{name}' cannot be read: {faults.name_of(error)}: {faults.message_of(error)}."
        ) from error


def _whole_input(parameters: "list[inspect.Parameter]", hints: dict[str, Any], namespace: Mapping[str, Any]) -> Any:
    """The type that takes all arguments at once, for `def run(input: Input)`; None for a plain function."""
    if len(parameters) != 1 or _star(parameters[0]):
        return None
    declared = namespace.get("Input")
    given = hints.get(parameters[0].name, declared if parameters[0].name == "input" else None)
    if given is not None and given == declared:
        return given
    # A tool that never imported pydantic has no model.
    model = getattr(sys.modules.get("pydantic"), "BaseModel", None)
    is_model = model is not None and isinstance(given, type) and issubclass(given, model)
    return given if is_model and parameters[0].name == "input" else None


class Whole:
    """All arguments as one value of one type."""

    def __init__(self, annotation: Any, parameter: "inspect.Parameter") -> None:
        from . import models  # noqa: PLC0415  imports pydantic, which other tools may do without

        self._adapter = models.adapter(annotation, "The type of 'input'")
        self._name = parameter.name if parameter.kind is parameter.KEYWORD_ONLY else None

    def bind(self, arguments: dict[str, Any]) -> Bound:
        value = self._adapter.validate_python(arguments)
        return ((value,), {}) if self._name is None else ((), {self._name: value})

    def adapter(self) -> "TypeAdapter[Any]":
        return self._adapter


class Fields:
    """Each argument for the parameter of its name."""

    __slots__ = ("_function", "_model", "_parameters", "_readers")

    def __init__(self, function: str, parameters: list[Parameter], readers: list[Reader | None] | None) -> None:
        self._function = function
        self._parameters = parameters
        self._readers = readers
        self._model: type[BaseModel] | None = None
        if readers is None:
            # Built now, while there is time, and not at the first call.
            self._built()

    def bind(self, arguments: dict[str, Any]) -> Bound:
        if self._readers is not None:
            try:
                return self._read(arguments, self._readers)
            except Odd:
                pass  # pydantic says what is wrong, or converts it
        values = self._built().__pydantic_validator__.validate_python(arguments).__dict__
        return self._arranged([values[f"field_{index}"] for index in range(len(self._parameters))])

    def adapter(self) -> "TypeAdapter[Any]":
        from . import models  # noqa: PLC0415  as below

        return models.adapter(self._built(), "The arguments")

    def _read(self, arguments: dict[str, Any], readers: list[Reader | None]) -> Bound:
        # In one piece: each function that a call goes through costs a fresh process some pages of memory.
        positional: list[Any] = []
        named: dict[str, Any] = {}
        missing = 0
        for (name, _annotation, default, is_keyword), reader in zip(self._parameters, readers, strict=True):
            if name in arguments:
                value = plain.read(reader, arguments[name])
            elif default is _EMPTY:
                raise Odd
            else:
                value = _own(default)
                missing += 1
            if is_keyword:
                named[name] = value
            else:
                positional.append(value)
        if len(self._parameters) - missing != len(arguments):
            raise Odd
        return positional, named

    def _arranged(self, values: list[Any]) -> Bound:
        positional, named = [], {}
        for parameter, value in zip(self._parameters, values, strict=True):
            if parameter.is_keyword:
                named[parameter.name] = value
            else:
                positional.append(value)
        return positional, named

    def _built(self) -> "type[BaseModel]":
        if self._model is None:
            from . import models  # noqa: PLC0415  imports pydantic, which most calls do without

            fields = [
                (item.name, item.annotation, ... if item.default is _EMPTY else item.default)
                for item in self._parameters
            ]
            self._model = models.arguments_model(self._function, fields)
        return self._model


def _own(default: Any) -> Any:
    """As pydantic does: what one call does to a list must not be there in the next."""
    if type(default) not in _COPIED:
        return default
    import copy  # noqa: PLC0415  hardly any tool has such a default

    return copy.deepcopy(default)


def _reader(parameter: Parameter) -> Reader | None:
    kind = type(parameter.default)
    # Another default may mean something to pydantic: a Field(…), for one.
    if parameter.default is not _EMPTY and kind not in _FIXED and kind not in _COPIED:
        raise Odd
    return plain.reader(parameter.annotation)


class Promise:
    """What a tool says that it returns; data that does not fit is refused, since clients check it too."""

    __slots__ = ("_adapter", "_annotation", "_reader")

    def __init__(self, annotation: Any, reader: Reader | None) -> None:
        self._annotation = annotation
        self._adapter: TypeAdapter[Any] | None = None
        self._reader = reader
        if reader is None:
            # Built now, while there is time, and not when the first result is there.
            self.adapter()

    def read(self, value: object) -> Any:
        """The value, if it is plain and fits exactly.

        Raises:
            Odd: ask the adapter.
        """
        if self._reader is None:
            raise Odd
        return plain.read(self._reader, value)

    def adapter(self) -> "TypeAdapter[Any]":
        if self._adapter is None:
            from . import models  # noqa: PLC0415  imports pydantic, which most calls do without

            self._adapter = models.adapter(self._annotation, "The return type")
        return self._adapter


def _promise(output: Any, annotation: Any) -> Promise | None:
    promised = annotation if output is None else output
    if _promises_nothing(promised) or _is_rich(promised):
        return None
    try:
        return Promise(promised, plain.reader(promised))
    except Odd:
        return Promise(promised, None)


def _promises_nothing(annotation: Any) -> bool:
    # By identity: an annotation may be anything, and compare as it likes.
    for nothing in _ANYTHING:
        if annotation is nothing:
            return True
    return get_origin(annotation) is dict and get_args(annotation)[1:] in ((Any,), (object,))


def _is_rich(annotation: Any) -> bool:
    # A tool that never imported the content blocks cannot promise one.
    content = sys.modules.get("jinba_mcp.domain.content")
    blocks = tuple(getattr(content, name) for name in _BLOCKS) if content is not None else ()
    return bool(blocks) and _holds(annotation, blocks)


def _holds(annotation: Any, blocks: tuple[type, ...]) -> bool:
    origin = get_origin(annotation)
    if origin in (Union, UnionType, Annotated, list, tuple):
        return any(_holds(argument, blocks) for argument in get_args(annotation))
    return isinstance(annotation, type) and issubclass(annotation, blocks)
