"""A run to start a test from."""

from datetime import UTC, datetime

from jinba_mcp.domain.runs import Run

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def a_run(**fields: object) -> Run:
    """A running run of `text-tools/slugify`, begun at noon, with these fields instead."""
    return Run.model_validate(
        {
            "id": "run_1",
            "organization_id": "org_1",
            "toolset_slug": "text-tools",
            "tool_slug": "slugify",
            "version_id": "ver_1",
            "version": "1.0.0",
            "version_digest": "sha256:00",
            "source": "rest",
            "status": "running",
            "input": {"text": "Hello"},
            "created_at": NOON,
            "started_at": NOON,
            **fields,
        }
    )
