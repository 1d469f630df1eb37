"""What no import linter sees: rules of the house, read off the source with `ast`."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from jinba_mcp.domain.errors import JinbaError

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "jinba_mcp"
MIGRATIONS = PACKAGE / "storage" / "migrations" / "versions"

MAX_LINES = 400
MAX_TEST_LINES = 600
NEEDS_A_TEST_FROM = 40
WITHOUT_A_TEST = {
    "sandbox/engine.py": "a Protocol and its records: every engine's test is its test",
    "storage/transaction.py": "a list of repositories, each with a test of its own",
    "domain/errors/failures.py": "tests/domain/test_errors.py walks the whole tree",
    "domain/errors/objects.py": "tests/domain/test_errors.py walks the whole tree",
    "domain/errors/refusals.py": "tests/domain/test_errors.py walks the whole tree",
    "domain/errors/requests.py": "tests/domain/test_errors.py walks the whole tree",
}

BROAD_HANDLERS = {
    "jinba_mcp/faces/web/edge.py": "the outermost middleware",
    "jinba_mcp/faces/mcp/lane.py": "where the SDK's own last resort stands for what it serves",
    "jinba_mcp/faces/worker/beat.py": "the worker's guard around each beat",
    "jinba_mcp/faces/worker/deliveries.py": "the worker's guard around each look and each delivery",
    "jinba_mcp/faces/worker/rounds.py": "the worker's guard around each round",
    "jinba_mcp/sandbox/guest/boot.py": "where packages of strangers are imported",
    "jinba_mcp/sandbox/guest/worker.py": "the end of a worker, which must not go back up into its zygote",
    "jinba_mcp/sandbox/guest/source.py": "where the guest's module is entered",
    "jinba_mcp/sandbox/guest/tools.py": "where the guest's function is entered",
    "jinba_mcp/sandbox/guest/describe.py": "where the guest's annotations are entered",
    "jinba_mcp/sandbox/guest/models.py": "where the guest's validators are entered",
    "jinba_mcp/sandbox/guest/faults.py": "where the guest's own __str__ is entered",
    "jinba_mcp/sandbox/remote/daytona.py": "where the SDK is entered, which raises what its libraries do",
    "jinba_mcp/sandbox/remote/e2b.py": "where the SDK is entered, which raises what its libraries do",
    "jinba_mcp/storage/writer_thread.py": "a thread's door: what it catches is raised where it is waited for",
}


def _sources(root: Path) -> list[Path]:
    return sorted(path for path in root.rglob("*.py") if MIGRATIONS not in path.parents)


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
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
    "jinba_mcp/core/runs.py:Runs.call_once": "asks in the look-up, as `call` does",
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


UNAUDITED = {
    "jinba_mcp/core/deliveries.py:Deliveries.claim": "who delivers next, which the delivery itself tells",
    "jinba_mcp/core/deliveries.py:Deliveries._sweep_webhook": "retention of deliveries, which nobody asks for",
    "jinba_mcp/core/env.py:Variables._add_key": "a part of `rotate`, which is audited as a whole",
    "jinba_mcp/core/env.py:Variables._reseal": "a batch of `rotate`, which is audited as a whole",
    "jinba_mcp/core/execution.py:Execution._start": "a run, which is a record itself",
    "jinba_mcp/core/execution.py:Execution._record": "the end of a run, which is a record itself",
    "jinba_mcp/core/health.py:Health.beat": "the ends of runs that nobody would end any more",
    "jinba_mcp/core/invitations.py:Invitations._mail": "what became of a mail, which the invitation tells",
    "jinba_mcp/core/keys.py:Keys._note_use": "when a key was last used",
    "jinba_mcp/core/organizations.py:Organizations._remove_some": "a batch of `delete`, which is audited",
    "jinba_mcp/core/repeats.py:Repeats.start": "a run, which is a record itself",
    "jinba_mcp/core/repeats.py:Repeats.release": "a claim that stands for no run",
    "jinba_mcp/core/retention.py:Retentions._sweep_rest": "what nobody can see any more",
    "jinba_mcp/core/sessions.py:Sessions._note_use": "when a session was last used",
    "jinba_mcp/core/totp.py:SecondFactors.begin": "a second factor counts from `confirm` on, which is audited",
    "jinba_mcp/core/totp.py:SecondFactors.reseal": "a part of `rotate`, which is audited as a whole",
    "jinba_mcp/core/users.py:Users._ask_to_confirm": "an account counts from `confirm` on, which is audited",
    "jinba_mcp/core/webhooks.py:Webhooks.reseal": "a part of `rotate`, which is audited as a whole",
}


def _writing() -> dict[str, bool]:
    """Every method of the core that writes, and whether each of its transactions adds to the audit log."""
    found: dict[str, bool] = {}
    for path in _sources(PACKAGE / "core"):
        for kind in (node for node in ast.walk(_tree(path)) if isinstance(node, ast.ClassDef)):
            for method in (item for item in kind.body if isinstance(item, ast.AsyncFunctionDef)):
                blocks = [node for node in ast.walk(method) if isinstance(node, ast.AsyncWith) and _opens_write(node)]
                if blocks:
                    name = f"{_name(path)}:{kind.name}.{method.name}"
                    found[name] = all("tx.audit.add(" in ast.unparse(block) for block in blocks)
    return found


def test_every_change_is_told_to_the_audit_log() -> None:
    assert {name for name, is_audited in _writing().items() if not is_audited} - UNAUDITED.keys() == set()


def test_every_change_that_is_not_told_is_still_there() -> None:
    assert UNAUDITED.keys() - {name for name, is_audited in _writing().items() if not is_audited} == set()


def test_only_one_file_commits() -> None:
    committing = {_name(path) for path in _sources(PACKAGE) if ".commit(" in path.read_text()}
    assert len(committing) <= 1, committing


def _longer_than(lines: int, root: Path) -> list[str]:
    return [_name(path) for path in _sources(root) if len(path.read_text().splitlines()) > lines]


def test_no_module_is_too_long() -> None:
    assert _longer_than(MAX_LINES, PACKAGE) == []


def test_no_test_file_is_too_long() -> None:
    assert _longer_than(MAX_TEST_LINES, ROOT / "tests") == []


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
        ("users.User", "users.UserRow"),
        ("members.Membership", "members.MembershipRow"),
        ("invitations.Invitation", "invitations.InvitationRow"),
        ("passwords.StoredPassword", "passwords.PasswordRow"),
        ("sessions.Session", "sessions.SessionRow"),
        ("totp.Totp", "totp.TotpRow"),
        ("keys.Key", "keys.KeyRow"),
        ("versions.Version", "versions.VersionRow"),
        ("runs.Run", "runs.RunRow"),
        ("endings.Ending", "runs.RunRow"),
        ("repeats.Claim", "repeats.ClaimRow"),
        ("retention.Retention", "retention.RetentionRow"),
        ("webhooks.Webhook", "webhooks.WebhookRow"),
        ("deliveries.Delivery", "deliveries.DeliveryRow"),
    ],
)
def test_each_field_of_a_record_is_on_its_row(record: str, row: str) -> None:
    import importlib  # noqa: PLC0415  the names are data here

    module, name = record.split(".")
    kind = getattr(importlib.import_module(f"jinba_mcp.domain.{module}"), name)
    fields = set(kind.model_fields if hasattr(kind, "model_fields") else kind._fields)
    row_module, row_name = row.split(".")
    columns = getattr(importlib.import_module(f"jinba_mcp.storage.{row_module}"), row_name).model_fields
    assert fields - columns.keys() == set()


def _roots(node: ast.AST) -> set[str]:
    """The packages at the top of what it imports."""
    if isinstance(node, ast.ImportFrom):
        return set() if node.level or node.module is None else {node.module.partition(".")[0]}
    return {each.name.partition(".")[0] for each in node.names} if isinstance(node, ast.Import) else set()


def test_nobody_imports_the_shipped_toolsets() -> None:
    importing = [
        _name(path) for path in _sources(PACKAGE) for node in ast.walk(_tree(path)) if "toolsets" in _roots(node)
    ]
    assert importing == []


def test_broad_handlers_stand_in_named_places_only() -> None:
    broad = set()
    for path in _sources(PACKAGE):
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.ExceptHandler) and not _is_passed_on(node):
                caught = "BaseException" if node.type is None else ast.unparse(node.type)
                if caught in ("Exception", "BaseException"):
                    broad.add(_name(path))
    assert broad <= BROAD_HANDLERS.keys()


def _is_passed_on(handler: ast.ExceptHandler) -> bool:
    """Whether it cleans up and raises the same again, which swallows nothing."""
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and last.exc is None


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
    children = [child for child in parent.__subclasses__() if child.__module__.startswith("jinba_mcp.")]
    return children + [grandchild for child in children for grandchild in _subclasses(child)]


def test_every_room_says_what_belongs_there() -> None:
    rooms = [path for path in _sources(PACKAGE) if path.name == "__init__.py"]
    assert [_name(room) for room in rooms if len(ast.get_docstring(_tree(room)) or "") <= 60] == []
