"""The wire form of an entry."""

from jinba_mcp.domain.audit import NO_ENTRY, AuditEntry, AuditFilter, chained
from jinba_mcp.faces.rest.audit_schemas import AuditEntryOut, AuditQuery, audit_entry_out
from tests.domain.test_audit import a_fact


def test_an_entry_goes_out_with_all_but_the_organization_whose_path_it_is_on() -> None:
    out = audit_entry_out(chained(a_fact(), 1, NO_ENTRY)).model_dump(by_alias=True)
    assert AuditEntry.model_fields.keys() - AuditEntryOut.model_fields.keys() == {"organization_id"}
    assert (out["sequence"], out["previousDigest"], out["before"]) == (1, NO_ENTRY, {"name": "Laptop", "rate": 0.1})


def test_a_query_is_the_filter_and_the_page() -> None:
    query = AuditQuery.read({"action": "key.issued", "since": "2026-11-21T12:00:00Z", "limit": 2, "format": "jsonl"})
    assert query.filter() == AuditFilter(action="key.issued", since=query.since)
    assert AuditQuery.model_fields.keys() - AuditFilter.model_fields.keys() == {"limit", "cursor", "format"}
