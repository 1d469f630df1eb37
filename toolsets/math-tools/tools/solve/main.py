"""Solves equations."""

import ast
import re
from typing import Annotated, Any, Literal

import sympy  # the computer algebra system
from pydantic import BaseModel, ConfigDict, Field

_MAX_NODES = 400
_MAX_DEPTH = 60
_MAX_DIGITS = 200
_MAX_POWER_BITS = 400_000
_MAX_COUNTED = 2_000
_MAX_RESULT_CHARACTERS = 20_000
_MAX_SOLUTIONS = 100
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

    equations: list[Annotated[str, Field(min_length=1, max_length=500)]] = Field(
        min_length=1,
        max_length=8,
        description="The equations, such as x^2 = 2; without = the formula is set to zero.",
        examples=[["x + y = 10", "x - y = 2"]],
    )
    unknowns: list[Annotated[str, Field(pattern=r"^[A-Za-z][A-Za-z0-9_]{0,19}$")]] = Field(
        default=[], max_length=8, description="What to solve for; empty for all names that there are."
    )
    domain: Literal["real", "complex"] = Field(default="real", description="Which solutions to give.")
    near: float | None = Field(
        default=None,
        ge=-1e15,
        le=1e15,
        description="Look for one solution near this number by iteration; for one equation that has no closed form.",
    )


class Solution(BaseModel):
    exact: dict[str, str] = Field(description="Each unknown with its value in closed form; empty after iteration.")
    decimal: dict[str, str] = Field(description="The same with 15 digits, where it is a number.")


class Output(BaseModel):
    kind: Literal["solutions", "none", "every"] = Field(
        description="solutions: they are listed; none: there is none in the domain; every: all numbers solve it."
    )
    solutions: list[Solution] = Field(description="The solutions; of periodic ones those of one period.")


def run(input: Input) -> Output:
    reader = _Reader()
    formulas = [_equation(reader, text) for text in input.equations]
    found = sorted(set().union(*(formula.free_symbols for formula in formulas)), key=str)
    unknowns = [_symbol(reader, name) for name in input.unknowns] or found
    if all(sympy.simplify(formula) == 0 for formula in formulas):
        return Output(kind="every", solutions=[])
    if not unknowns:
        return Output(kind="none", solutions=[])
    if input.near is not None:
        return _iterated(formulas, unknowns, input.near)
    try:
        solved = sympy.solve(formulas, unknowns, dict=True)
    except (NotImplementedError, ValueError, TypeError):
        raise ValueError("No closed form was found. Give 'near' to look for one solution by iteration.") from None
    wanted = [one for one in solved if input.domain == "complex" or _may_be_real(one)]
    return Output(kind="solutions" if wanted else "none", solutions=[_solution(one) for one in wanted[:_MAX_SOLUTIONS]])


def _equation(reader: "_Reader", text: str) -> sympy.Expr:
    sides = re.split(r"={1,2}", text)
    if len(sides) > 2 or re.search(r"[<>!]", text):  # noqa: PLR2004  both sides
        raise ValueError(f"'{text[:100]}' is no equation. Write one '=' between two formulas.")
    left, *right = [reader.read(side) for side in sides]
    return left - right[0] if right else left


def _iterated(formulas: list[sympy.Expr], unknowns: list[sympy.Symbol], near: float) -> Output:
    if len(formulas) != 1 or len(unknowns) != 1 or formulas[0].free_symbols != set(unknowns):
        raise ValueError("'near' works for one equation with one unknown and no other names.")
    try:
        value = sympy.nsolve(formulas[0], unknowns[0], near)
    except (ValueError, ZeroDivisionError, TypeError):
        raise ValueError(f"No solution was found from {near:g} on. Try another 'near'.") from None
    return Output(kind="solutions", solutions=[Solution(exact={}, decimal={str(unknowns[0]): _shown(value)})])


def _may_be_real(solution: dict[sympy.Symbol, sympy.Expr]) -> bool:
    for value in solution.values():
        if value.is_real is False:
            return False
        # Cubic roots are real behind complex terms that cancel; only numbers tell.
        if value.is_number and abs(sympy.im(value.evalf(30))) > sympy.Float("1e-20"):
            return False
    return True


def _solution(values: dict[sympy.Symbol, sympy.Expr]) -> Solution:
    return Solution(
        exact={str(name): _shown(value) for name, value in values.items()},
        decimal={str(name): _decimal(value) for name, value in values.items() if not value.free_symbols},
    )


def _decimal(value: sympy.Expr) -> str:
    return _shown(value.evalf(15, chop=True))


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
