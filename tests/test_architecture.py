"""What no import linter sees: rules of the house, read off the source with `ast`."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from jinba_mcp.domain.errors import JinbaError

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "jinba_mcp"
MIGRATIONS = PACKAGE / "storage" / "migrations" / "versions"

MAX_LINES = 400
MAX_TEST_LINES = 600
NEEDS_A_TEST_FROM = 40
WITHOUT_A_TEST = {"sandbox/engine.py": "a Protocol and its records: every engine's test is its test"}

BROAD_HANDLERS = {
    "jinba_mcp/faces/web/edge.py": "the outermost middleware",
    "jinba_mcp/faces/worker/beat.py": "the worker's guard around each beat",
    "jinba_mcp/sandbox/inprocess.py": "where the guest's function is entered",
    "jinba_mcp/sandbox/loading.py": "where the guest's module is entered",
    "jinba_mcp/sandbox/describe.py": "where the guest's annotations are entered",
    "jinba_mcp/sandbox/faults.py": "where the guest's own __str__ is entered",
}


def _sources(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*.py") if MIGRATIONS not in path.parents)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


def _services() -> Iterator[tuple[str, ast.AsyncFunctionDef | ast.FunctionDef]]:
    """Every public method of a class in core that has a store, a catalog or other services: of a service."""
    for path in _sources(PACKAGE / "core"):
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.ClassDef) and any(_is_init(item) for item in node.body):
                for item in node.body:
                    if isinstance(item, ast.AsyncFunctionDef) and not item.name.startswith("_"):
                        yield f"{_name(path)}:{node.name}.{item.name}", item


def _is_init(item: ast.stmt) -> bool:
    return isinstance(item, ast.FunctionDef) and item.name == "__init__"


def _is_systems_own(method: ast.AsyncFunctionDef | ast.FunctionDef) -> bool:
    return "System's own" in (ast.get_docstring(method) or "")


def _asks_first(method: ast.AsyncFunctionDef | ast.FunctionDef) -> bool:
    body = [item for item in method.body if not _is_docstring(item)]
    return bool(body) and any(
        isinstance(node, ast.Call) and ast.unparse(node.func).startswith("caller.require") for node in ast.walk(body[0])
    )


def _is_docstring(item: ast.stmt) -> bool:
    return isinstance(item, ast.Expr) and isinstance(item.value, ast.Constant)


EXEMPT = {
    "jinba_mcp/core/engines.py:Engines.close": "ends engines at shutdown, serves no caller",
    "jinba_mcp/core/cache.py:GenerationCache.get": "a mechanism, not a service",
    "jinba_mcp/core/catalog.py:Catalog.offers": "asks per organization, in the look-up behind the cache",
    "jinba_mcp/core/runs.py:Runs.call": "asks in the look-up, since a public ToolSet is nobody's own",
    "jinba_mcp/core/keys.py:Keys.me": "anyone may ask who they are",
    "jinba_mcp/core/keys.py:Keys.page_personal": "asks in _whose: one's own keys, or the operator",
    "jinba_mcp/core/keys.py:Keys.issue_personal": "asks in _whose: one's own keys, or the operator",
    "jinba_mcp/core/keys.py:Keys.revoke_personal": "asks in _whose: one's own keys, or the operator",
    "jinba_mcp/core/organizations.py:Organizations.page": "the operator, who needs no scope, is told apart first",
}


def _silent() -> set[str]:
    return {
        name
        for name, method in _services()
        if not _is_systems_own(method)
        and not (method.args.args[1:2] and method.args.args[1].arg == "caller" and _asks_first(method))
    }


def test_every_core_operation_asks_its_caller_first() -> None:
    assert _silent() - EXEMPT.keys() == set()


def test_every_exemption_is_still_needed() -> None:
    assert EXEMPT.keys() - _silent() == set()


def test_inside_a_transaction_every_wait_is_on_it() -> None:
    strangers = []
    for path in _sources(PACKAGE / "core"):
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.AsyncWith) and _opens_write(node):
                strangers += [
                    f"{_name(path)}:{inner.lineno} {ast.unparse(inner)}"
                    for inner in ast.walk(node)
                    if isinstance(inner, ast.Await) and not ast.unparse(inner.value).startswith("tx.")
                ]
    assert strangers == []


def _opens_write(node: ast.AsyncWith) -> bool:
    return any(ast.unparse(item.context_expr).endswith("store.begin()") for item in node.items)


def test_only_one_file_commits() -> None:
    committing = {_name(path) for path in _sources(PACKAGE) if ".commit(" in path.read_text()}
    assert len(committing) <= 1, committing


@pytest.mark.parametrize("path", _sources(PACKAGE), ids=_name)
def test_no_module_is_too_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_LINES


@pytest.mark.parametrize("path", _sources(ROOT / "tests"), ids=_name)
def test_no_test_file_is_too_long(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= MAX_TEST_LINES


def test_every_module_of_some_size_has_its_mirrored_test() -> None:
    missing = []
    for path in _sources(PACKAGE):
        inside = path.relative_to(PACKAGE)
        if path.name == "__init__.py" or len(path.read_text().splitlines()) <= NEEDS_A_TEST_FROM:
            continue
        if "migrations" in inside.parts or inside.as_posix() in WITHOUT_A_TEST:
            continue
        if not (ROOT / "tests" / inside.parent / f"test_{path.name}").exists():
            missing.append(inside.as_posix())
    assert missing == []


@pytest.mark.parametrize(
    ("record", "row"),
    [
        ("organizations.Organization", "organizations.OrganizationRow"),
        ("organizations.User", "users.UserRow"),
        ("keys.Key", "keys.KeyRow"),
        ("versions.Version", "versions.VersionRow"),
        ("runs.Run", "runs.RunRow"),
    ],
)
def test_each_field_of_a_record_is_on_its_row(record: str, row: str) -> None:
    import importlib  # noqa: PLC0415  the names are data here

    module, name = record.split(".")
    fields = getattr(importlib.import_module(f"jinba_mcp.domain.{module}"), name).model_fields
    row_module, row_name = row.split(".")
    columns = getattr(importlib.import_module(f"jinba_mcp.storage.{row_module}"), row_name).model_fields
    assert fields.keys() - columns.keys() == set()


def test_nobody_imports_the_shipped_toolsets() -> None:
    importing = [
        _name(path)
        for path in _sources(PACKAGE)
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Import | ast.ImportFrom) and "toolsets" in ast.unparse(node).split()[1].split(".")[:1]
    ]
    assert importing == []


def test_broad_handlers_stand_in_named_places_only() -> None:
    broad = set()
    for path in _sources(PACKAGE):
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.ExceptHandler):
                caught = "BaseException" if node.type is None else ast.unparse(node.type)
                if caught in ("Exception", "BaseException"):
                    broad.add(_name(path))
    assert broad <= BROAD_HANDLERS.keys()


def test_every_error_has_a_code_of_its_own_and_a_family() -> None:
    errors = _subclasses(JinbaError)
    families = [error for error in errors if error.__base__ is JinbaError]
    assert all(error.code for error in errors)
    assert all(any(issubclass(error, family) for family in families) for error in errors)
    leaves = [error for error in errors if error not in families]
    codes = [error.code for error in leaves if "code" in vars(error)]
    shared = {code for code in codes if codes.count(code) > 1} - {"request.invalid"}
    assert shared == set()


def _subclasses(parent: type[JinbaError]) -> list[type[JinbaError]]:
    children = [child for child in parent.__subclasses__() if child.__module__ == JinbaError.__module__]
    return children + [grandchild for child in children for grandchild in _subclasses(child)]


@pytest.mark.parametrize("room", sorted(p.parent for p in PACKAGE.rglob("__init__.py")), ids=_name)
def test_every_room_says_what_belongs_there(room: Path) -> None:
    if MIGRATIONS in [room, *room.parents]:
        return
    assert len(ast.get_docstring(_tree(room / "__init__.py")) or "") > 60
