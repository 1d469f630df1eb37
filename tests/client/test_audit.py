"""The audit log through the client."""

import json

from tests.client.conftest import Open


async def test_changes_are_listed_newest_first(opened: Open) -> None:
    async with opened("admin") as jinba:
        made = [(await jinba.keys.issue(name))["id"] for name in ("one", "two", "three")]
        listed = [
            entry["target"] async for entry in jinba.audit.list(action="key.created", actor="organization", limit=1)
        ]
        first = await jinba.audit.page(action="key.created", actor="organization", limit=2)
        second = await jinba.audit.page(action="key.created", actor="organization", cursor=first["nextCursor"])
    assert listed == made[::-1] == [entry["target"] for page in (first, second) for entry in page["data"]]


async def test_changes_are_exported_as_lines(opened: Open) -> None:
    async with opened("admin") as jinba:
        await jinba.keys.issue("one")
        lines = (await jinba.audit.export(action="key.created")).decode().splitlines()
        assert [json.loads(line) for line in lines] == [each async for each in jinba.audit.list(action="key.created")]
        assert (await jinba.audit.export(action="key.forgotten")) == b""
