"""Credits: the balance of an organization, its ledger, and the operator's changes."""

from jinba_mcp.faces.rest.credit_schemas import (
    CreditChangeIn,
    CreditsOut,
    CreditTransactionOut,
    CreditTransactionPage,
    credit_transaction_out,
)
from jinba_mcp.faces.rest.operations import Asked
from jinba_mcp.faces.rest.wire import NoQuery, PageQuery, page_out


async def show(asked: Asked[NoQuery, None]) -> CreditsOut:
    return CreditsOut(balance=await asked.core.credits.balance(asked.caller, asked.path["org"]))


async def page(asked: Asked[PageQuery, None]) -> CreditTransactionPage:
    found = await asked.core.credits.page(asked.caller, asked.path["org"], asked.query.request())
    return page_out(CreditTransactionPage, found, credit_transaction_out)


async def change(asked: Asked[NoQuery, CreditChangeIn]) -> CreditTransactionOut:
    line = await asked.core.credits.change(asked.caller, asked.path["org"], asked.body.change())
    return credit_transaction_out(line)
