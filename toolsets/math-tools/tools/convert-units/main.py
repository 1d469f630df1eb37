"""Converts a quantity from one unit to another."""

import ast
import re

import pint  # knows the units and their definitions
from pydantic import BaseModel, ConfigDict, Field

_MAX_EXPONENT = 9
_MAX_PARTS = 60
_MAX_LISTED = 12
# Built while the process waits for its call: reading the definitions takes a while.
_UNITS = pint.UnitRegistry()
_SIGNS = str.maketrans({"^": "**", "·": "*", "×": "*", "²": "**2", "³": "**3", "÷": "/"})  # noqa: RUF001  signs that people type
_WORDS = (
    (r"°\s*C\b", "degC"),
    (r"°\s*F\b", "degF"),
    (r"°", " degree "),
    (r"%", " percent "),
    (r"\bper\b", "/"),
    (r"\b(?:square|sq)[ _]([^\W\d]\w*)", r"\1**2"),
    (r"\bcubic[ _]([^\W\d]\w*)", r"\1**3"),
)


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    value: float = Field(ge=-1e300, le=1e300, description="How many of the first unit.", examples=[100])
    from_unit: str = Field(
        min_length=1, max_length=100, description="The unit it is in: name or symbol.", examples=["km/h", "kg*m/s^2"]
    )
    to_unit: str = Field(
        min_length=1, max_length=100, description="The unit to convert to.", examples=["miles per hour", "newton"]
    )


class Output(BaseModel):
    value: float = Field(description="How many of the second unit.")
    text: str = Field(
        description="The quantity with twelve digits and the unit's symbol.", examples=["62.1371192237 mi/h"]
    )
    from_unit: str = Field(description="The first unit as it was understood.")
    to_unit: str = Field(description="The second unit as it was understood.")
    dimension: str = Field(description="What is measured, such as [length] / [time].")


def run(input: Input) -> Output:
    source, target = _unit(input.from_unit), _unit(input.to_unit)
    try:
        result = _UNITS.Quantity(input.value, source).to(target)
    except pint.DimensionalityError:
        raise ValueError(
            f"{source} ({source.dimensionality}) and {target} ({target.dimensionality}) do not measure the same. "
            f"{source} can become for example: {_others(source)}."
        ) from None
    except pint.OffsetUnitCalculusError:
        raise ValueError("Degrees of temperature stand alone. Within other units use delta_degC or kelvin.") from None
    except ArithmeticError:
        raise ValueError("The result is no finite number. Use a smaller value.") from None
    return Output(
        value=result.magnitude,
        text=f"{result.magnitude:.12g} {result.units:~C}".strip(),
        from_unit=str(source),
        to_unit=str(target),
        dimension=str(source.dimensionality),
    )


def _unit(text: str) -> pint.Unit:
    plain = text.strip().translate(_SIGNS)
    for pattern, word in _WORDS:
        plain = re.sub(pattern, word, plain)
    try:
        tree = ast.parse(plain.strip(), mode="eval")
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError(f"'{text}' is no unit. Write it like km/h, kg*m/s^2 or square meter.") from None
    if sum(1 for _ in ast.walk(tree)) > _MAX_PARTS:
        raise ValueError(f"'{text}' has too many parts for a unit.")
    return _built(tree.body, text)


def _built(node: ast.expr, text: str) -> pint.Unit:
    """The unit that a tree stands for. Pint's own reader also works out powers of numbers, of any size."""
    match node:
        case ast.Name(id=name):
            return _named(name)
        case ast.Constant(value=1):
            return _UNITS.Unit("")
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _built(left, text) * _built(right, text)
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _built(left, text) / _built(right, text)
        case ast.BinOp(left=base, op=ast.Pow(), right=exponent):
            return _built(base, text) ** _exponent(exponent, text)
    raise ValueError(f"'{text}' is no unit. Write names with * / ^ between them, and numbers only as powers.")


def _exponent(node: ast.expr, text: str) -> int:
    sign, number = (-1, node.operand) if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub) else (1, node)
    if isinstance(number, ast.Constant) and type(number.value) is int and number.value <= _MAX_EXPONENT:
        return sign * number.value
    raise ValueError(f"A power in '{text}' is no whole number of at most {_MAX_EXPONENT}.")


def _named(name: str) -> pint.Unit:
    try:
        return _UNITS.Unit(name)
    except (pint.UndefinedUnitError, pint.DefinitionSyntaxError, ValueError, AttributeError):
        raise ValueError(f"There is no unit '{name}'. Use its English name or symbol, such as meter or m.") from None


def _others(unit: pint.Unit) -> str:
    names = sorted(
        (str(other) for other in _UNITS.get_compatible_units(unit.dimensionality)), key=lambda n: (len(n), n)
    )
    return ", ".join(names[:_MAX_LISTED]) or "nothing else"
