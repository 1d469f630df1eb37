"""The page that the `type` of every problem points to: each error code, its status and what it means."""

from collections.abc import Iterator
from html import escape
from http import HTTPStatus

from jinba_mcp.domain.errors import JinbaError
from jinba_mcp.faces.web.problems import status_of, type_url


def page() -> str:
    """The page as HTML, without anything to load."""
    sections = "\n".join(_section(error) for error in documented_errors())
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'><title>Jinba MCP: errors</title></head><body>\n"
        f"<h1>Errors</h1>\n{sections}\n</body></html>\n"
    )


def documented_errors() -> Iterator[type[JinbaError]]:
    """Every error of the domain, the first of each code."""
    seen: set[str] = set()
    for error in _below(JinbaError):
        if error.code not in seen:
            seen.add(error.code)
            yield error


def _below(parent: type[JinbaError]) -> Iterator[type[JinbaError]]:
    for error in parent.__subclasses__():
        if error.__module__.startswith("jinba_mcp."):
            yield error
            yield from _below(error)


def _section(error: type[JinbaError]) -> str:
    anchor = type_url(error.code).partition("#")[2]
    status = HTTPStatus(status_of(error))
    meaning = escape(" ".join((error.__doc__ or "").split()))
    return f"<h2 id='{anchor}'>{escape(error.code)}</h2>\n<p>{status.value} {status.phrase}. {meaning}</p>"
