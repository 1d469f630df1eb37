"""Credits over REST: the balance, the ledger, and what a run that cannot be paid is answered."""

import pytest

from jinba_mcp.core.credits import CreditChange
from jinba_mcp.domain.credits import CreditKind
from tests.faces.rest.conftest import Rest

RUN = "/v1/orgs/default/toolsets/greeting-tools/tools/greet/run"
CREDITS = "/v1/orgs/default/credits"


async def priced(rest: Rest, balance: int, price: int) -> None:
    await rest.push()
    owner = await rest.core.organizations.operator("default")
    await rest.core.drafts.change(owner, "default", "greeting-tools", {"prices": {"greet": price}})
    wanted = CreditChange(kind=CreditKind.SET, amount=balance, reference="start")
    await rest.core.credits.change(owner, "default", wanted)


async def test_an_organization_that_is_not_metered_has_no_balance(rest: Rest) -> None:
    assert (await rest.ask("GET", CREDITS, "read")).json() == {"balance": None}
    assert (await rest.ask("GET", CREDITS + "/transactions", "read")).json() == {"data": [], "nextCursor": None}


async def test_a_run_is_paid_for_and_stands_in_the_ledger(rest: Rest) -> None:
    await priced(rest, 10, 4)
    run = (await rest.ask("POST", RUN, "execute", json={"name": "Ada"})).json()
    assert (await rest.ask("GET", CREDITS, "read")).json() == {"balance": 6}
    first = (await rest.ask("GET", CREDITS + "/transactions?limit=1", "read")).json()
    line = first["data"][0]
    assert (line["kind"], line["amount"], line["balance"], line["runId"]) == ("charge", -4, 6, run["runId"])
    rest_of_it = await rest.ask("GET", CREDITS + f"/transactions?cursor={first['nextCursor']}", "read")
    assert [line["reference"] for line in rest_of_it.json()["data"]] == ["start"]


async def test_a_run_that_cannot_be_paid_is_402_with_balance_and_price(rest: Rest) -> None:
    await priced(rest, 3, 4)
    refused = await rest.ask("POST", RUN, "execute", json={"name": "Ada"})
    assert refused.status_code == 402
    body = refused.json()
    assert (body["code"], body["balance"], body["price"]) == ("credits.insufficient", 3, 4)
    assert (await rest.ask("GET", "/v1/orgs/default/runs", "read")).json()["data"] == []


async def test_keys_do_not_change_a_balance_whatever_their_scopes(rest: Rest) -> None:
    refused = await rest.ask("POST", CREDITS, "admin", json={"kind": "grant", "amount": 5})
    assert (refused.status_code, refused.json()["code"]) == (403, "operator.needed")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"kind": "charge"}, "/kind"),
        ({"kind": "grant", "amount": -1}, "/amount"),
        ({"kind": "grant", "amount": 1.5}, "/amount"),
        ({"kind": "grant", "reference": "ü"}, "/reference"),
    ],
)
async def test_what_is_no_change_of_a_balance_is_refused(rest: Rest, body: dict[str, object], pointer: str) -> None:
    answer = await rest.ask("POST", CREDITS, "admin", json=body)
    assert answer.json()["errors"][0]["pointer"] == pointer


async def test_prices_are_edited_and_shown_with_the_toolset(rest: Rest) -> None:
    await priced(rest, 3, 4)
    shown = await rest.ask("GET", "/v1/orgs/default/toolsets/greeting-tools", "read")
    assert shown.json()["prices"] == {"greet": 4}
    refused = await rest.ask(
        "PATCH", "/v1/orgs/default/toolsets/greeting-tools", "write", json={"prices": {"greet": -1}}
    )
    assert refused.status_code == 400
