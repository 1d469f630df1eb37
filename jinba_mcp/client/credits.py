"""Credits: what an organization may spend, and what moved that. Prices are a field of ToolSets."""

from jinba_mcp.client.calls import Call, Page, document, page, query_of
from jinba_mcp.client.documents import Balance, CreditTransaction
from jinba_mcp.client.waiting import AsyncNoun, EachLater, EachNow, Later, Noun, Now


def _show(*, organization: str | None = None) -> Call[Balance]:
    """What is left."""
    return Call("GET", "/credits", document, organization=organization)


def _transactions(*, limit: int | None = None, organization: str | None = None) -> Call[Page[CreditTransaction]]:
    """What moved the balance, newest first; `limit` is per request, 200 at most."""
    return Call("GET", "/credits/transactions", page, organization=organization, query=query_of(limit=limit))


class Credits(Noun):
    """The credits of an organization."""

    show = Now(_show)
    transactions = EachNow(_transactions)


class AsyncCredits(AsyncNoun):
    """The credits of an organization."""

    show = Later(_show)
    transactions = EachLater(_transactions)
