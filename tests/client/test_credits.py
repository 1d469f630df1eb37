"""Credits through the client."""

from jinba_mcp.core.credits import CreditChange
from jinba_mcp.domain.credits import CreditKind
from tests.client.conftest import Open
from tests.faces.rest.conftest import Rest


async def test_the_balance_and_what_moved_it_are_read(rest: Rest, opened: Open) -> None:
    operator = await rest.core.organizations.operator("default")
    async with opened("read") as jinba:
        assert await jinba.credits.show() == {"balance": None}
        for amount in (5, 7):
            rest.clock.advance(seconds=1)
            await rest.core.credits.change(operator, "default", CreditChange(kind=CreditKind.GRANT, amount=amount))
        assert await jinba.credits.show() == {"balance": 12}
        lines = [line async for line in jinba.credits.transactions(limit=1)]
    assert [(line["kind"], line["amount"], line["balance"]) for line in lines] == [("grant", 7, 12), ("grant", 5, 5)]
