"""Variables through the client."""

from tests.client.conftest import Open
from tests.faces.rest.conftest import Rest


async def test_variables_are_set_listed_and_unset(rest: Rest, opened: Open) -> None:
    await rest.push()
    async with opened("read", "write") as jinba:
        assert (await jinba.env.put("greeting-tools", "TOKEN", "hidden", secret=True))["value"] is None
        await jinba.env.put("greeting-tools", "PLACE", "here")
        listed = [(each["key"], each["value"]) async for each in jinba.env.list("greeting-tools")]
        assert listed == [("PLACE", "here"), ("TOKEN", None)]
        await jinba.env.delete("greeting-tools", "PLACE")
        assert [each["key"] async for each in jinba.env.list("greeting-tools")] == ["TOKEN"]
