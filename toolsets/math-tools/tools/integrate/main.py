"""Integrates a formula, with or without limits."""

import ast
import re
from typing import Any, Literal

import mpmath  # numbers of any precision, underneath SymPy
import sympy  # the computer algebra system
from pydantic import BaseModel, ConfigDict, Field

_MAX_NODES = 400
_MAX_DEPTH = 60
_MAX_DIGITS = 200
_MAX_POWER_BITS = 400_000
_MAX_COUNTED = 2_000
_MAX_RESULT_CHARACTERS = 20_000
_MAX_ERROR = 1e-9
_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "²": "^2", "³": "^3", "π": "pi", "∞": "oo"})  # noqa: RUF001  typed so
_CONSTANTS = {"pi": sympy.pi, "e": sympy.E, "E": sympy.E, "i": sympy.I, "I": sympy.I, "oo": sympy.oo, "inf": sympy.oo}
_ELEMENTARY = "sqrt cbrt exp log sin cos tan cot sec csc asin acos atan atan2 sinh cosh tanh asinh acosh atanh"
_OTHERS = "sign floor gamma erf erfc re im conjugate"
_FUNCTIONS: dict[str, Any] = {
    **{name: getattr(sympy, name) for name in f"{_ELEMENTARY} {_OTHERS}".split()},
    "abs": sympy.Abs,
    "ln": sympy.log,
    "log2": lambda x: sympy.log(x, 2),
    "log10": lambda x: sympy.log(x, 10),
    "ceil": sympy.ceiling,
    "min": sympy.Min,
    "max": sympy.Max,
}
_COUNTING: dict[str, Any] = {
    "factorial": sympy.factorial,
    "binomial": sympy.binomial,
    "gcd": sympy.gcd,
    "lcm": sympy.lcm,
    "mod": sympy.Mod,
}


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    expression: str = Field(
        min_length=1,
        max_length=1_000,
        description="The formula. Written with + - * / ^, names and functions; e, pi, i and oo are constants.",
        examples=["x*exp(-x)"],
    )
    variable: str = Field(
        default="x", pattern=r"^[A-Za-z][A-Za-z0-9_]{0,19}$", description="By which name to integrate."
    )
    lower: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="The lower limit, a formula; with `upper`.",
        examples=["0"],
    )
    upper: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="The upper limit, a formula; with `lower`.",
        examples=["oo"],
    )
    assume: Literal["real", "positive", "complex"] = Field(
        default="real", description="What all names stand for: real, positive or complex numbers."
    )


class Output(BaseModel):
    result: str = Field(description="The integral; without limits an antiderivative, its constant left out.")
    latex: str = Field(description="The same in LaTeX.")
    decimal: str | None = Field(description="The value with up to 15 digits, if it is a number; null otherwise.")
    is_closed: bool = Field(description="False when no closed form was found; then only the decimal is of use.")


def run(input: Input) -> Output:
    reader = _Reader() if input.assume == "complex" else _Reader(**{input.assume: True})
    formula, variable = reader.read(input.expression), _symbol(reader, input.variable)
    if (input.lower is None) != (input.upper is None):
        raise ValueError("Give both limits, or neither for an antiderivative.")
    limits = [variable]
    if input.lower is not None and input.upper is not None:
        limits += [reader.read(input.lower), reader.read(input.upper)]
    result = _integrated(formula, limits)
    if result.has(sympy.nan, sympy.zoo):
        raise ValueError("The integral has no value: the formula is not bounded between the limits.")
    is_closed = not result.has(sympy.Integral)
    decimal = _decimal(result, formula, limits) if len(limits) > 1 else None
    if not is_closed and decimal is None:
        raise ValueError("No closed form was found. Give both limits to get the value as a decimal number.")
    if is_closed and len(limits) == 1 and not _holds(result, formula, variable):
        raise ValueError("No closed form was found that holds. Try another 'assume', or give limits.")
    return Output(result=_shown(result), latex=sympy.latex(result), decimal=decimal, is_closed=is_closed)


def _integrated(formula: sympy.Expr, limits: list[sympy.Expr]) -> sympy.Expr:
    try:
        return sympy.integrate(formula, tuple(limits))
    except (NotImplementedError, ValueError) as error:
        raise ValueError(f"This cannot be integrated: {error!s:.200}.") from None


def _holds(integral: sympy.Expr, formula: sympy.Expr, variable: sympy.Symbol) -> bool:
    """Whether the derivative is the formula again, tried with numbers: SymPy's integrals are not always right."""
    gap = sympy.diff(integral, variable) - formula
    for first in (sympy.Rational(37, 29), sympy.Rational(5, 31)):
        places = {symbol: first + index for index, symbol in enumerate(sorted(gap.free_symbols, key=str))}
        value = gap.subs(places).evalf(20, chop=True)
        if value.is_number and value.is_finite and abs(value) > sympy.Float("1e-9"):
            return False
    return True


def _decimal(value: sympy.Expr, formula: sympy.Expr, limits: list[sympy.Expr]) -> str | None:
    if value.free_symbols:
        return None
    number = value.evalf(15)
    if number.has(sympy.Integral):
        # SymPy's own quadrature gives up where the formula has no value at a limit; this one never asks for it there.
        variable, *ends = limits
        number, error = mpmath.quad(lambda x: formula.evalf(20, subs={variable: x}), ends, error=True)
        if not mpmath.isfinite(number) or error > _MAX_ERROR:
            return None
        return mpmath.nstr(number, 8)
    return _shown(number) if number.is_number and not number.has(sympy.nan) else None


def _symbol(reader: "_Reader", name: str) -> sympy.Symbol:
    symbol = reader.read(name)
    if not symbol.is_Symbol:
        raise ValueError(f"'{name}' is a constant. Give the name of a variable.")
    return symbol


class _Reader(ast.NodeVisitor):
    """Builds a formula node by node. SymPy's own parser evaluates text as Python, so it is not used."""

    def __init__(self, values: dict[str, sympy.Expr] | None = None, **assumptions: bool) -> None:
        self.values = values or {}
        self.assumptions = assumptions
        self.depth = 0

    def read(self, text: str) -> sympy.Expr:
        try:
            tree = ast.parse(_python(text), mode="eval")
            if sum(1 for _ in ast.walk(tree)) > _MAX_NODES:
                raise ValueError(f"The formula has more than {_MAX_NODES} parts. Split it.")
            return self.visit(tree.body)
        except (SyntaxError, RecursionError, MemoryError):
            raise ValueError(f"'{text[:100]}' is no formula. Write for example 2*x^2 + sin(x)/3.") from None
        except (TypeError, AttributeError, ArithmeticError) as error:
            raise ValueError(f"'{text[:100]}' cannot be worked out: {error!s:.200}.") from None

    def visit(self, node: ast.AST) -> Any:
        self.depth += 1
        if self.depth > _MAX_DEPTH:
            raise ValueError("The formula is nested too deeply. Split it.")
        result = super().visit(node)
        self.depth -= 1
        return result

    def generic_visit(self, node: ast.AST) -> Any:
        raise ValueError(
            f"A formula may not contain {type(node).__name__}. Use numbers, names, + - * / ^ and functions."
        )

    def visit_Constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, bool) or not isinstance(node.value, int | str):
            return self.generic_visit(node)
        # Decimal numbers come as text, so that 0.1 is one tenth and nothing else.
        return sympy.Rational(node.value) if isinstance(node.value, str) else sympy.Integer(node.value)

    def visit_Name(self, node: ast.Name) -> Any:
        if node.id in _FUNCTIONS or node.id in _COUNTING:
            raise ValueError(f"'{node.id}' is a function; give it arguments: {node.id}(x).")
        if node.id in self.values:
            return self.values[node.id]
        return _CONSTANTS.get(node.id) or sympy.Symbol(node.id, **self.assumptions)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        value = self.visit(node.operand)
        if isinstance(node.op, ast.USub):
            return -value
        return value if isinstance(node.op, ast.UAdd) else self.generic_visit(node.op)

    def visit_BinOp(self, node: ast.BinOp) -> Any:
        left, right = self.visit(node.left), self.visit(node.right)
        match node.op:
            case ast.Add():
                return left + right
            case ast.Sub():
                return left - right
            case ast.Mult():
                return left * right
            case ast.Div():
                return left / right
            case ast.Pow():
                return _power(left, right)
        return self.generic_visit(node.op)

    def visit_Call(self, node: ast.Call) -> Any:
        name = node.func.id if isinstance(node.func, ast.Name) else ""
        if name not in _FUNCTIONS and name not in _COUNTING:
            known = ", ".join(sorted([*_FUNCTIONS, *_COUNTING]))
            raise ValueError(
                f"There is no function '{name or '?'}'; there are: {known}. Write products with *: a*(b+1)."
            )
        if node.keywords or not 1 <= len(node.args) <= 8:  # noqa: PLR2004  more than anybody writes
            raise ValueError(f"'{name}' takes one to eight plain arguments.")
        arguments = [self.visit(argument) for argument in node.args]
        if name in ("factorial", "binomial", "gamma") and any(_is_over(argument) for argument in arguments):
            raise ValueError(f"'{name}' takes numbers of at most {_MAX_COUNTED}.")
        return (_FUNCTIONS.get(name) or _COUNTING[name])(*arguments)


def _python(text: str) -> str:
    """The formula in Python's grammar: ^ for powers, decimal numbers as text, and 2x for 2*x."""
    plain = text.translate(_SIGNS).replace("^", "**").strip()
    if re.search(r"[\"'\\\n;#]|__|\d_", plain):
        raise ValueError(f"'{text[:100]}' holds signs that no formula has.")
    if any(len(digits) > _MAX_DIGITS for digits in re.findall(r"\d+", plain)):
        raise ValueError(f"A number has more than {_MAX_DIGITS} digits.")
    # Whole names are matched first, so that the digits of x2 are no number.
    pattern = r"[^\W\d]\w*|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?P<next>\s*(?=[^\W\d]|\())?"
    return re.sub(pattern, _number, plain)


def _number(found: re.Match[str]) -> str:
    word = found[0].rstrip()
    if word[0].isalpha() or word[0] == "_":
        return found[0]
    if abs(int(word.lower().partition("e")[2] or 0)) > _MAX_DIGITS:
        raise ValueError(f"The number {word[:40]} has more than {_MAX_DIGITS} digits.")
    shown = word if word.isdigit() else f"'{word}'"
    return f"{shown}*" if found["next"] is not None else shown


def _power(base: Any, exponent: Any) -> Any:
    if base.is_Rational and exponent.is_Rational:
        bits = max(int(base.p).bit_length(), int(base.q).bit_length()) * abs(exponent)
        if bits > _MAX_POWER_BITS:
            raise ValueError("A power is too large to be written out. Use smaller numbers.")
    elif exponent.is_Integer and abs(exponent) > _MAX_COUNTED:
        raise ValueError(f"An exponent may be {_MAX_COUNTED} at most.")
    return base**exponent


def _is_over(value: Any) -> bool:
    return bool(value.is_number and (value.is_infinite or abs(sympy.N(value, 5)) > _MAX_COUNTED))


def _shown(value: Any) -> str:
    try:
        text = str(value)
    except (ValueError, RecursionError):
        text = ""
    if not text or len(text) > _MAX_RESULT_CHARACTERS:
        raise ValueError("The result is too long to be written out. Ask for a smaller part of it.")
    return text
