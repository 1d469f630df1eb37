"""Entries of the audit log."""

from typing import Any

import pytest

from jinba_mcp.domain import ids
from jinba_mcp.domain.audit import (
    NO_ENTRY,
    ActorKind,
    AuditEntry,
    AuditFact,
    Link,
    chained,
    entry_fault,
    head_fault,
)
from jinba_mcp.domain.caller import CallerKind
from tests.storage.records import NOW


def a_fact(**changes: Any) -> AuditFact:
    said = AuditFact(
        id=ids.audit_id(NOW),
        organization_id=None,
        created_at=NOW,
        actor=ActorKind.OPERATOR,
        action="key.revoked",
        target="key_1",
        before={"name": "Laptop", "rate": 0.1},
    )
    return said.model_copy(update=changes)


def test_an_entry_is_intact_until_anything_in_it_changes() -> None:
    entry = chained(a_fact(), 1, NO_ENTRY)
    assert entry.is_intact()
    changed: dict[str, Any] = {
        "id": "aud_0",
        "organization_id": "org_1",
        "created_at": NOW.replace(microsecond=1),
        "actor": ActorKind.SYSTEM,
        "user_id": "user_1",
        "key_id": "key_1",
        "key_name": "x",
        "key_prefix": "jtb_abcd",
        "address": "10.0.0.1",
        "request_id": "r",
        "action": "key.issued",
        "target": "key_2",
        "before": {"name": "Laptop", "rate": 0.2},
        "after": {},
        "sequence": 2,
        "previous_digest": "sha256:1",
        "digest": NO_ENTRY,
    }
    assert set(changed) == set(AuditEntry.model_fields)
    for name, value in changed.items():
        assert not entry.model_copy(update={name: value}).is_intact(), name


def test_every_kind_of_caller_is_a_kind_of_actor() -> None:
    assert {kind.value for kind in CallerKind} <= {kind.value for kind in ActorKind}


@pytest.mark.parametrize("action", ["revoked", "key.", "Key.revoked", "key.revoked.twice"])
def test_an_action_is_a_noun_and_what_happened_to_it(action: str) -> None:
    with pytest.raises(ValueError, match="action"):
        AuditFact.model_validate({**a_fact().model_dump(), "action": action})


def said(entry: AuditEntry | None, sequence: int, before: Link) -> str | None:
    fault = entry_fault(before, None, sequence, entry)
    return None if fault is None else f"{fault.sequence}: {fault.detail}"


def test_what_is_found_after_an_entry_is_the_next_or_a_fault() -> None:
    before = Link(sequence=1, digest="sha256:1")
    good = chained(a_fact(), 2, "sha256:1")
    assert said(good, 2, before) is None
    assert said(None, 2, before) == "2: the entry was changed"
    assert said(good.model_copy(update={"target": "key_2"}), 2, before) == "2: the entry was changed"
    assert said(good, 1, before) == "1: the entry was inserted"
    assert said(chained(a_fact(), 3, "sha256:2"), 3, before) == "2: entry 2 is missing"
    assert said(chained(a_fact(), 5, "sha256:4"), 5, before) == "2: entries 2 to 4 are missing"
    assert said(chained(a_fact(), 2, "sha256:0"), 2, before) == "2: the entry does not follow the one before it"
    assert said(chained(a_fact(), 2, "sha256:0"), 2, Link(sequence=1, digest="")) is None
    foreign = chained(a_fact(organization_id="org_1"), 2, "sha256:1")
    assert said(foreign, 2, before) == "2: the entry belongs to another chain"


@pytest.mark.parametrize(
    ("last", "found"),
    [
        (Link(sequence=2, digest="d"), None),
        (Link(sequence=2, digest=""), None),
        (Link(sequence=1, digest="c"), "2: entries 2 to 2 are missing at the end"),
        (Link(sequence=3, digest="e"), "3: what follows was added past the head"),
        (Link(sequence=2, digest="x"), "2: the entry is not the one that the head names"),
    ],
)
def test_a_chain_ends_where_its_head_says(last: Link, found: str | None) -> None:
    fault = head_fault(last, Link(sequence=2, digest="d"))
    assert found == (None if fault is None else f"{fault.sequence}: {fault.detail}")
