"""`jinba-mcp credits`: what organizations may spend on tools that carry a price."""

from typing import TYPE_CHECKING, Annotated

import typer

from jinba_mcp.cli import answers, local, output, reach
from jinba_mcp.cli.options import DEFAULT_ORGANIZATION, AsJson, OnMachine, Org, group
from jinba_mcp.client import AsyncJinba
from jinba_mcp.client.documents import Balance, CreditTransaction
from jinba_mcp.domain import credits as domain
from jinba_mcp.domain.caller import Caller
from jinba_mcp.domain.credits import CreditKind

if TYPE_CHECKING:
    from jinba_mcp.core.core import Core

app = group("Show, grant, set and unset the credits of an organization.", reaches=True)

Amount = Annotated[int, typer.Argument(metavar="AMOUNT", help="How many credits.")]
Reference = Annotated[
    str | None,
    typer.Option("--reference", metavar="TEXT", help="What to call it; said twice, it happens once all the same."),
]


@app.command()
def show(*, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """Show the balance of an organization."""

    async def look(jinba: AsyncJinba) -> Balance:
        return await jinba.credits.show()

    found = reach.on_server(org, look)
    if as_json:
        output.document(found)
    else:
        output.line(_told(org, found["balance"]))


@app.command(cls=OnMachine)
def grant(
    amount: Amount, *, reference: Reference = None, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False
) -> None:
    """Add to the balance; an organization that had none is metered from then on."""
    _change(CreditKind.GRANT, amount, reference, org, as_json=as_json)


@app.command("set", cls=OnMachine)
def set_balance(
    amount: Amount, *, reference: Reference = None, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False
) -> None:
    """Bring the balance to a value; the organization is metered from then on."""
    _change(CreditKind.SET, amount, reference, org, as_json=as_json)


@app.command(cls=OnMachine)
def unset(*, reference: Reference = None, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """Give up the balance: the organization is not metered any more, and runs what it likes."""
    _change(CreditKind.UNSET, 0, reference, org, as_json=as_json)


@app.command()
def transactions(*, org: Org = DEFAULT_ORGANIZATION, as_json: AsJson = False) -> None:
    """List what moved the balance, newest first."""

    async def gather(jinba: AsyncJinba) -> list[CreditTransaction]:
        return [line async for line in jinba.credits.transactions()]

    found = reach.on_server(org, gather)
    if as_json:
        answers.listed(found)
        return
    output.table(["AT", "KIND", "AMOUNT", "BALANCE", "RUN OR REFERENCE"], [_row(line) for line in found])


def _change(kind: CreditKind, amount: int, reference: str | None, org: str, *, as_json: bool) -> None:
    from jinba_mcp.core.credits import CreditChange  # noqa: PLC0415  as in `local.with_app`
    from jinba_mcp.faces.rest.credit_schemas import credit_transaction_out  # noqa: PLC0415  as above

    change = local.record(CreditChange, {"kind": kind, "amount": amount, "reference": reference}, {"amount": "AMOUNT"})

    async def make(core: "Core", caller: Caller) -> domain.CreditTransaction:
        return await core.credits.change(caller, org, change)

    line = local.as_operator(org, make)
    if as_json:
        answers.one(credit_transaction_out(line))
    else:
        output.line(_told(org, line.balance))


def _row(line: CreditTransaction) -> tuple[object, ...]:
    at = answers.instant(line["createdAt"])
    return at, line["kind"], line["amount"], line["balance"], line["runId"] or line["reference"]


def _told(org: str, balance: int | None) -> str:
    return f"{org} is not metered." if balance is None else f"{org} has {balance} credits."
