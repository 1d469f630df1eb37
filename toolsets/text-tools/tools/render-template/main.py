"""Fills a Jinja template; whatever the template says, work, memory and output stay bounded.

Jinja's own sandbox stops a template from reaching Python, not from filling the machine. So only nodes that are known to
be harmless are let through, every loop, call, filter and joining of text goes through a function below, and each of
those pays for what it makes out of one budget.
"""

import html
import itertools
import json
import re
import time
import urllib.parse
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Literal

import jinja2  # the template language that every model writes
from jinja2 import nodes, sandbox, tests
from jinja2.runtime import LoopContext, Undefined
from jinja2.visitor import NodeTransformer
from pydantic import BaseModel, ConfigDict, Field, JsonValue

_MAX_NODES = 2_000
_MAX_VALUES_CHARACTERS = 500_000
_MAX_OUTPUT_CHARACTERS = 200_000
_MAX_LOOP_STEPS = 50_000
_MAX_MADE = 5_000_000
_MAX_NUMBER_BITS = 256
_MAX_INDENT = 40
_MAX_CPU_S = 1.0


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    template: str = Field(
        max_length=20_000,
        description="The Jinja template.",
        examples=["Dear {{ name }},\n{% for item in items %}- {{ item }}\n{% endfor %}"],
    )
    values: dict[str, JsonValue] = Field(
        default_factory=dict, description="The values by name.", examples=[{"name": "Alice", "items": ["one", "two"]}]
    )
    missing: Literal["error", "blank"] = Field(
        default="error", description="What a name without a value does: fail with its name, or leave a blank."
    )
    trim_blocks: bool = Field(
        default=True, description="Remove the line end after a {% %} tag and the blanks before it; no gaps stay."
    )


class Output(BaseModel):
    text: str = Field(description="The filled template.")


class _Budget:
    """What is left to spend; everything a template does pays here."""

    def __init__(self) -> None:
        self.deadline = time.thread_time() + _MAX_CPU_S
        self.made = 0
        self.steps = 0

    def check_time(self) -> None:
        if time.thread_time() > self.deadline:
            raise ValueError(f"The template needs more than {_MAX_CPU_S:g} s of work. Make it or its values smaller.")

    def loop(self, count: int) -> None:
        self.check_time()
        self.steps += count
        if self.steps > _MAX_LOOP_STEPS:
            raise ValueError(f"The loops take more than {_MAX_LOOP_STEPS} steps together. Loop over less.")

    def pay(self, size: int) -> None:
        self.check_time()
        self.made += size
        if self.made > _MAX_MADE:
            raise ValueError("The template makes too much text or too long lists. Make it or its values smaller.")


class _Steps(list[Any]):
    """A list that pays for its length and looks at the clock before each step."""

    def __init__(self, items: Iterable[Any], budget: _Budget) -> None:
        super().__init__(items)
        budget.loop(len(self))
        self.budget = budget

    def __iter__(self) -> Iterator[Any]:
        for item in super().__iter__():
            self.budget.check_time()
            yield item


def run(input: Input) -> Output:
    if len(json.dumps(input.values)) > _MAX_VALUES_CHARACTERS:
        raise ValueError(f"The values are over {_MAX_VALUES_CHARACTERS} characters as JSON. Pass only what is used.")
    environment = _Environment(_Budget(), blank=input.missing == "blank", trim=input.trim_blocks)
    try:
        return Output(text="".join(_pieces(environment.prepared(input.template), input.values)))
    except jinja2.TemplateSyntaxError as error:
        raise ValueError(f"Line {error.lineno} of the template: {error.message}") from None
    except jinja2.UndefinedError as error:
        raise ValueError(f"{error.message}. Give it in 'values', or use the filter default('…').") from None
    except (RecursionError, SyntaxError, MemoryError):
        raise ValueError("The template is nested too deeply. Write it flatter.") from None
    except (TypeError, ArithmeticError, LookupError, AttributeError) as error:
        raise ValueError(f"The template does not work with these values: {error!s:.300}") from None


def _pieces(template: jinja2.Template, values: dict[str, JsonValue]) -> Iterator[str]:
    length = 0
    for piece in template.generate(dict(values)):
        length += len(piece)
        if length > _MAX_OUTPUT_CHARACTERS:
            raise ValueError(f"The text is longer than {_MAX_OUTPUT_CHARACTERS} characters. Loop over less.")
        yield piece


class _Environment(sandbox.SandboxedEnvironment):
    intercepted_binops = frozenset({"+", "-", "*", "/", "//", "%"})

    def __init__(self, budget: _Budget, *, blank: bool, trim: bool) -> None:
        super().__init__(
            undefined=jinja2.ChainableUndefined if blank else jinja2.StrictUndefined,
            finalize=self._printed,
            optimized=False,
            trim_blocks=trim,
            lstrip_blocks=trim,
            keep_trailing_newline=True,
            cache_size=0,
        )
        self.budget = budget
        self.globals.clear()
        self.filters: dict[str, Callable[..., Any]] = {
            name: self._paid(name, function) for name, function in _FILTERS.items()
        }
        self.filters |= {"each": self._each, "concat": self._concat, "string": self._printed, "tojson": self._tojson}
        self.tests = {name: test for name, test in tests.TESTS.items() if name not in ("filter", "test", "callable")}

    def prepared(self, source: str) -> jinja2.Template:
        tree = self.parse(source)
        if sum(1 for _ in tree.find_all(nodes.Node)) > _MAX_NODES:
            raise ValueError(f"The template has more than {_MAX_NODES} parts. Split it.")
        return self.from_string(_Guard(self).visit(tree))

    def getattr(self, obj: Any, attribute: str) -> Any:
        """Keys of JSON objects only: `order.items` is the key 'items', and no attribute of Python is in reach."""
        if isinstance(obj, dict):
            return obj[attribute] if attribute in obj else self.undefined(obj=obj, name=attribute)
        if isinstance(obj, LoopContext | Undefined):
            return super().getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        if isinstance(obj, dict | list | tuple | str) and isinstance(argument, str | int):
            try:
                return obj[argument]  # type: ignore[index]  # a mismatch is the LookupError or TypeError caught here
            except (LookupError, TypeError):
                return self.undefined(obj=obj, name=str(argument))
        return super().getitem(obj, argument) if isinstance(obj, Undefined) else self.undefined(obj=obj)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        if operator == "+" and isinstance(left, str) and isinstance(right, str):
            return self._concat(left, right)
        if not (isinstance(left, int | float) and isinstance(right, int | float)):
            for side in (left, right):
                if isinstance(side, Undefined):
                    str(side)
            raise TypeError(f"'{operator}' works on numbers only; join text with ~ and lists with a loop.")
        self.budget.check_time()
        result = super().call_binop(context, operator, left, right)
        if isinstance(result, int) and result.bit_length() > _MAX_NUMBER_BITS:
            raise ValueError("A number became too large.")
        return result

    def _printed(self, value: Any) -> str:
        if isinstance(value, str):
            return value
        if isinstance(value, dict | list | tuple):
            text = json.dumps(value, ensure_ascii=False)
            self.budget.pay(len(text))
            return text
        if value is None or isinstance(value, bool | int | float | Undefined):
            return str(value)
        raise ValueError(f"A {type(value).__name__} cannot be printed; print one of its parts.")

    def _concat(self, *parts: Any) -> str:
        texts = [self._printed(part) for part in parts]
        self.budget.pay(sum(map(len, texts)))
        return "".join(texts)

    def _tojson(self, value: Any, indent: int | None = None) -> str:
        chunks = []
        encoder = json.JSONEncoder(ensure_ascii=False, indent=indent and max(0, min(indent, 8)))
        for chunk in encoder.iterencode(value):
            self.budget.pay(len(chunk))
            chunks.append(chunk)
        return "".join(chunks)

    def _each(self, value: Any) -> "_Steps":
        if isinstance(value, Undefined):
            value = str(value)
        if not isinstance(value, dict | list | tuple | str):
            raise TypeError(f"'for' and list filters need a list, not {type(value).__name__}")
        return _Steps(value, self.budget)

    def _paid(self, name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def filtered(value: Any, *arguments: Any, **options: Any) -> Any:
            if isinstance(value, Undefined) and name not in ("default", "d"):
                value = str(value)
            if name in _LIST_FILTERS:
                value = self._each(value)
            # Growth without limit is paid for before it happens.
            self.budget.pay(_COSTS[name](value, *arguments, **options) if name in _COSTS else 1)
            result = function(value, *arguments, **options)
            self.budget.pay(len(result) if isinstance(result, str | list | dict) else 1)
            return result

        return filtered


_NODES = """
    Template Output TemplateData Name Const Getattr Getitem Slice For If CondExpr Filter Test Compare Operand And Or Not
    Neg Pos Add Sub Mul Div FloorDiv Mod Concat List Tuple Assign Call Keyword
"""
_ALLOWED = frozenset(_NODES.split())


class _Guard(NodeTransformer):
    """Refuses what is not allowed, and turns loops, joins and calls into filters, which pay."""

    def __init__(self, environment: _Environment) -> None:
        self.environment = environment

    def visit(self, node: nodes.Node, *args: Any, **kwargs: Any) -> Any:
        if type(node).__name__ not in _ALLOWED:
            self._refuse(node, f"'{type(node).__name__.lower()}' is not available in these templates")
        if getattr(node, "dyn_args", None) or getattr(node, "dyn_kwargs", None):
            self._refuse(node, "arguments with * and ** are not available")
        # A list that repeats a variable, nested a few times, would print as more text than any machine holds.
        is_list = isinstance(node, nodes.List) or (isinstance(node, nodes.Tuple) and node.ctx == "load")
        if is_list and not all(isinstance(item, nodes.Const | nodes.Neg) for item in node.iter_child_nodes()):
            self._refuse(node, "lists in a template hold plain text and numbers only; pass others in 'values'")
        return super().visit(node, *args, **kwargs)

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802  the visitor's naming
        if node.recursive:
            self._refuse(node, "recursive loops are not available")
        self.generic_visit(node)
        node.iter = self._filter(node, "each", node.iter, [])
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        if not isinstance(cut := node.arg, nodes.Slice):
            return node
        bounds = [bound or nodes.Const(None) for bound in (cut.start, cut.stop, cut.step)]
        return self._filter(node, "slice", node.node, bounds)

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return self._filter(node, "concat", node.nodes[0], list(node.nodes[1:]))

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        target = node.node
        if isinstance(target, nodes.Name) and target.name == "range" and node.args:
            return self._filter(node, "range", node.args[0], node.args[1:])
        if isinstance(target, nodes.Getattr) and target.attr == "items" and not node.args:
            return self._filter(node, "items", target.node, [])
        self._refuse(node, "only range() and .items() can be called; else use a filter, such as x|upper")
        return node

    def visit_Filter(self, node: nodes.Filter) -> nodes.Node:  # noqa: N802
        if node.node is None or node.name not in _NAMES:
            self._refuse(node, f"there is no filter '{node.name}'; there are: {', '.join(_NAMES)}")
        return self.generic_visit(node)

    def _filter(self, at: nodes.Node, name: str, value: nodes.Node, args: list[nodes.Expr]) -> nodes.Filter:
        node = nodes.Filter(value, name, args, [], None, None, lineno=at.lineno)
        return node.set_environment(self.environment)  # type: ignore[return-value]  # it answers itself

    def _refuse(self, node: nodes.Node, reason: str) -> None:
        raise jinja2.TemplateSyntaxError(f"{reason}.", node.lineno)


def _text(value: Any) -> str:
    if isinstance(value, str | int | float):
        return str(value)
    raise TypeError(f"this filter needs text, not {type(value).__name__}")


def _number(value: Any) -> int | float:
    if isinstance(value, int | float):
        return value
    raise TypeError(f"this filter needs a number, not {type(value).__name__}")


def _scalar(value: Any) -> Any:
    if isinstance(value, str | int | float) or value is None:
        return value
    raise TypeError("this needs text or numbers; for a list of objects name one with attribute='…'")


def _part(item: Any, attribute: str | int | None) -> Any:
    for step in str(attribute).split(".") if attribute is not None else ():
        if isinstance(item, dict):
            item = item.get(step)
        elif isinstance(item, list | tuple) and step.isdecimal() and int(step) < len(item):
            item = item[int(step)]
        else:
            return None
    return item


def _order(value: Any) -> Any:
    value = _scalar(value)
    if isinstance(value, str):
        return (2, value.casefold())
    return (0, 0) if value is None else (1, value)


def _sort(items: list[Any], reverse: bool = False, attribute: Any = None) -> list[Any]:  # noqa: FBT001, FBT002  Jinja's signature
    return sorted(items, key=lambda item: _order(_part(item, attribute)), reverse=reverse)


def _sorted_end(items: list[Any], attribute: Any, index: int) -> Any:
    if not items:
        raise TypeError("min and max need a list that is not empty")
    return _sort(items, attribute=attribute)[index]


def _sum(items: list[Any], attribute: Any = None, start: float = 0) -> int | float:
    return sum((_number(_part(item, attribute)) for item in items), start)


def _join(items: list[Any], d: str = "", attribute: Any = None) -> str:
    return d.join(str(_scalar(_part(item, attribute))) for item in items)


def _map(items: list[Any], name: str | None = None, *, attribute: Any = None) -> list[Any]:
    if name is None:
        return [_part(item, attribute) for item in items]
    if name not in _MAPPABLE:
        raise ValueError(f"map() takes attribute='…' or one of: {', '.join(sorted(_MAPPABLE))}.")
    return [_FILTERS[name](item) for item in items]


_PLACE = re.compile(r"%(?:%|[-+ 0]{0,4}\d{0,3}(?:\.\d{1,2})?[sdfeg])")


def _format(pattern: str, *arguments: Any) -> str:
    if "%" in _PLACE.sub("", pattern):
        raise ValueError("format() takes %s, %d, %f, %e and %g with a width of at most 999, for example '%.2f'.")
    return pattern % tuple(_scalar(argument) for argument in arguments)


_FILTERS: dict[str, Callable[..., Any]] = {
    **dict.fromkeys(("default", "d"), lambda value, fallback="": fallback if isinstance(value, Undefined) else value),
    **dict.fromkeys(("escape", "e"), lambda text: html.escape(_text(text))),
    **dict.fromkeys(("length", "count"), len),
    "capitalize": lambda text: _text(text).capitalize(),
    "dictsort": lambda value: _sort(list(value.items()), attribute=0),
    "first": lambda items: items[0] if items else "",
    "float": float,
    "format": _format,
    "indent": lambda text, width=4: _text(text).replace("\n", "\n" + " " * min(width, _MAX_INDENT)),
    "int": int,
    "items": lambda value: list(value.items()),
    "join": _join,
    "last": lambda items: items[-1] if items else "",
    "list": lambda items: items,
    "lower": lambda text: _text(text).lower(),
    "map": _map,
    "max": lambda items, attribute=None: _sorted_end(items, attribute, -1),
    "min": lambda items, attribute=None: _sorted_end(items, attribute, 0),
    "range": lambda first, *others: list(itertools.islice(range(first, *others), _MAX_LOOP_STEPS + 1)),
    "replace": lambda text, old, new: _text(text).replace(old, _text(new)),
    "reverse": lambda value: value[::-1],
    "round": lambda value, precision=0: round(float(_number(value)), max(-12, min(precision, 12))),
    "slice": lambda value, start, stop, step: value[start:stop:step],
    "sort": _sort,
    "sum": _sum,
    "title": lambda text: _text(text).title(),
    "trim": lambda text: _text(text).strip(),
    "truncate": lambda text, length=255: text if len(_text(text)) <= length else text[: max(length - 1, 0)] + "…",
    "upper": lambda text: _text(text).upper(),
    "urlencode": lambda text: urllib.parse.quote(_text(text), safe=""),
}
_NAMES = sorted(_FILTERS.keys() - {"range", "slice"} | {"string", "tojson"})
_LIST_FILTERS = frozenset(("join", "list", "map", "max", "min", "sort", "sum"))
_MAPPABLE = frozenset(("upper", "lower", "title", "capitalize", "trim", "length", "first", "last", "int", "float"))
_COSTS: dict[str, Callable[..., int]] = {
    "join": lambda items, d="", **_: len(items) * len(d),
    "format": lambda pattern, *_: pattern.count("%") * 1000,
    "indent": lambda text, *_, **__: _text(text).count("\n") * _MAX_INDENT,
    "replace": lambda text, old, new: _text(text).count(_text(old)) * len(_text(new)),
}
