"""Loads one tool and calls it: JSON text in, JSON text out, whatever the tool does meanwhile."""

import contextlib
import importlib
import json
import marshal
import sys
from collections.abc import Callable, Coroutine
from types import FunctionType, GeneratorType, ModuleType
from typing import Any, NamedTuple, TypeAlias

from . import describe, faults, plain, results
from .faults import CodeFault, Fault
from .source import Source

__all__ = ["Answer", "CodeFault", "Tool", "compiled", "load", "loaded", "preload", "reporting"]

_PROGRESS = "jinba_mcp.domain.progress"
_UNTOLD = Fault(name="Unreadable", message="The tool ended with an error that cannot be told.", traceback=None)

# Python rewrites what it runs often, and memory that was rewritten before a fork is shared after it.
_WARM_UPS = 20
_WARM_UP = "def run(n: int, *, name: str = '') -> list[int]: return [n]"
_WARM_UP_BYTES = 100

_COROUTINE, _ITERABLE_COROUTINE = 0x80, 0x100  # flags of code objects

RunAsync: TypeAlias = Callable[[Coroutine[Any, Any, Any]], Any]
Send: TypeAlias = Callable[[float, float | None, str | None], None]


class Answer(NamedTuple):
    """How a call ended: `output` and perhaps `content` as UTF-8 JSON, or an error."""

    output: bytes = b"null"
    content: bytes | None = None
    error: Fault | None = None

    def encoded(self) -> bytes:
        if self.error is not None:
            return b'{"ok":false,"error":' + _encode(self.error).encode() + b"}"
        return b'{"ok":true,"output":' + self.output + b',"content":' + (self.content or b"null") + b"}"


class Tool:
    """A tool's module after it ran."""

    def __init__(self, source: Source, entrypoint: describe.Entrypoint) -> None:
        self.source = source
        self.entrypoint = entrypoint

    def describe(self) -> describe.Described:
        """The schemas and the docstring.

        Raises:
            CodeFault: a type has no JSON Schema, or the arguments are not an object.
        """
        try:
            return self.entrypoint.describe()
        except BaseException as error:  # noqa: BLE001  the types of the tool write their own schemas
            raise self.source.fault(error) from None

    def call(self, arguments: bytes, max_bytes: int) -> bytes:
        """Call with a JSON object; never raises.

        Gives `{"ok":true,"output":…,"content":[…]|null}`, output and content of at most `max_bytes` each, or
        `{"ok":false,"error":{"name":…,"message":…,"traceback":…}}`, both as UTF-8 JSON.
        """
        try:
            return self.answer(arguments, max_bytes, _run).encoded()
        except MemoryError:
            return _NO_MEMORY_ANSWER
        except BaseException:  # noqa: BLE001  there may be no memory left to say more
            return _UNTOLD_ANSWER

    def answer(self, arguments: bytes, max_bytes: int, run_async: RunAsync) -> Answer:
        """The same with the parts apart, and as little ever raised; `run_async` runs a coroutine to its end."""
        try:
            args, kwargs = self.entrypoint.binding.bind(_decode(arguments.decode(), 0)[0])
        except BaseException as error:  # noqa: BLE001  a validator of the tool may raise anything
            return Answer(error=self._refusal(error))
        try:
            value = self.entrypoint.function(*args, **kwargs)
            if type(value) not in plain.KINDS and _is_awaitable(value):
                value = run_async(_awaited(value))
            output, content = results.converted(value, self.entrypoint.promise, max_bytes)
        except BaseException as error:  # noqa: BLE001  SystemExit must not end the process either
            return Answer(error=self._told(error))
        return Answer(output, content)

    def _refusal(self, error: BaseException) -> Fault:
        if not faults.is_validation_error(error):
            return self._told(error)
        message = f"The arguments do not fit: {faults.message_of(error)}"
        return Fault(name=faults.name_of(error), message=message, traceback=None)

    def _told(self, error: BaseException) -> Fault:
        source = self.source
        try:
            if issubclass(type(error), results.Unusable):
                return Fault(name=error.name, message=error.message, traceback=None)  # type: ignore[attr-defined]  # by the line above
            return faults.described(error, filename=source.filename, shown=source.shown, lines=source.lines())
        except BaseException:  # noqa: BLE001  the error is of the tool's making, and so is what it says
            return _NO_MEMORY if issubclass(type(error), MemoryError) else _UNTOLD


def compiled(code: str, shown: str) -> bytes:
    """The code, compiled: to be kept by whoever cannot read it and given to `load` in another process.

    Raises:
        CodeFault: it is not Python.
    """
    source = Source(code, shown, filename=shown)
    try:
        return marshal.dumps(source.compiled())
    except Exception as error:  # noqa: BLE001  compile has many ways to refuse
        raise source.fault(error) from None


def load(code: str, *, shown: str, entrypoint: str, compiled: bytes | None = None) -> Tool:
    """Run the module of a tool that has this process for itself, and read its entrypoint.

    `compiled` is what `compiled` gave for the same code; its maker is trusted as much as the code.

    Raises:
        CodeFault: it does not load; the message names the line.
    """
    return loaded(Source(code, shown, filename=shown), entrypoint, compiled)


def loaded(source: Source, entrypoint: str, compiled: bytes | None = None) -> Tool:
    """Run the module of a source, under its names, and read its entrypoint.

    Raises:
        CodeFault: it does not load; the message names the line.
    """
    module = ModuleType(source.module)
    module.__file__ = source.filename
    # In sys.modules, because pydantic and dataclasses look there for the names in annotations that are strings.
    sys.modules[source.module] = module
    # linecache asks it for the lines, should anybody import that later.
    module.__dict__["__loader__"] = source
    if "linecache" in sys.modules:
        source.register()
    try:
        code = source.compiled() if compiled is None else marshal.loads(compiled)  # noqa: S302  the tool's own, in its own sandbox
        exec(code, module.__dict__)  # noqa: S102  our purpose
        tool = Tool(source, describe.entrypoint(module.__dict__, entrypoint))
    except BaseException as error:  # a module may raise anything, SystemExit too
        source.forget()
        raise source.fault(error) from error
    if _is_async(tool.entrypoint.function):
        # Now, while there is time, and not when the call has come.
        importlib.import_module("asyncio")
    return tool


def preload() -> None:
    """Import all that `load` and `call` may need, so that a process forked from this one imports nothing more."""
    with contextlib.suppress(ImportError):
        # Absent where the sandbox offers no pydantic; plain tools run without.
        importlib.import_module(".models", __package__).warm_up()
    with contextlib.suppress(ImportError):
        importlib.import_module(_PROGRESS)
    for _ in range(_WARM_UPS):
        tool = load(_WARM_UP, shown="warm.py", entrypoint="run")
        tool.call(b'{"n":1}', _WARM_UP_BYTES)
        tool.source.forget()


def reporting(send: Send) -> None:
    """Let `jinba_mcp.authoring.progress` of this context reach `send`; nothing happens where it is not offered."""
    with contextlib.suppress(ImportError):
        # Looked up first, because importing what is imported touches more memory than a fork should.
        (sys.modules.get(_PROGRESS) or importlib.import_module(_PROGRESS)).reporter.set(send)


def _is_async(function: Any) -> bool:
    return type(function) is FunctionType and bool(function.__code__.co_flags & _COROUTINE)


def _is_awaitable(value: Any) -> bool:
    # `inspect` would say the same, and every fork of the zygote would pay for its memory.
    if type(value) is GeneratorType:
        return bool(value.gi_code.co_flags & _ITERABLE_COROUTINE)
    return hasattr(type(value), "__await__")


def _run(work: Coroutine[Any, Any, Any]) -> Any:
    import asyncio  # noqa: PLC0415  most tools have no need of it, and its memory makes every fork dearer

    return asyncio.run(work)


async def _awaited(value: Any) -> Any:
    return await value


# Taken now: a tool may replace what json offers, and use up the memory. The host writes no spaces, for which `decode`
# would look with a regular expression.
_decode = json.JSONDecoder().scan_once  # type: ignore[attr-defined]  # typeshed does not know it
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_UNTOLD_ANSWER = Answer(error=_UNTOLD).encoded()
_NO_MEMORY = Fault(name="MemoryError", message="", traceback=None)
_NO_MEMORY_ANSWER = Answer(error=_NO_MEMORY).encoded()
"""Made beforehand: when memory is out there is none to say so with."""
