"""Webhooks: what is sent to a receiver, the seam through which it is, and HTTP."""

from dataclasses import dataclass
from typing import Protocol

from jinba_mcp import __version__
from jinba_mcp.domain.errors import FieldsInvalid, Invalid, Unavailable
from jinba_mcp.domain.webhooks import signature
from jinba_mcp.outbound.targets import Targets


@dataclass(frozen=True)
class Parcel:
    """One delivery as it is sent."""

    url: str
    delivery_id: str
    event: str
    body: bytes
    secret: str


@dataclass(frozen=True)
class Receipt:
    """What the receiver answered, the beginning of it; or why there is no answer."""

    status: int | None = None
    body: str | None = None
    error: str | None = None


class Courier(Protocol):
    """Takes parcels to their receivers."""

    def check(self, url: str) -> None:
        """Refuse a URL that parcels are not taken to, as far as can be told from it alone.

        Raises:
            FieldsInvalid: with the reason.
        """

    async def send(self, parcel: Parcel) -> Receipt:
        """Try once, for some seconds; never raises for what the receiver does."""


class NoCourier:
    """Where nothing may be sent."""

    def check(self, url: str) -> None:
        """Any will do."""

    async def send(self, parcel: Parcel) -> Receipt:
        """Sends nothing."""
        return Receipt(error=f"{parcel.event} was not sent: nothing is sent from here")


class HttpCourier:
    """Sends each parcel as a POST that is signed (REFERENCE §7)."""

    def __init__(self, targets: Targets) -> None:
        self._targets = targets

    def check(self, url: str) -> None:
        """As the seam has it: https and public, unless the operator named the host."""
        try:
            self._targets.check(url)
        except Invalid as error:
            raise FieldsInvalid([{"pointer": "/url", "detail": error.message}]) from error

    async def send(self, parcel: Parcel) -> Receipt:
        """One request; what refuses the URL or the connection is in the receipt."""
        from jinba_mcp.outbound.http import post  # noqa: PLC0415  its library takes long to import, for senders only

        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"jinba-mcp/{__version__}",
            "X-Webhook-Event": parcel.event,
            "X-Webhook-Id": parcel.delivery_id,
            "X-Webhook-Signature": signature(parcel.body, parcel.secret),
        }
        try:
            answer = await post(self._targets, parcel.url, parcel.body, headers)
        except (Invalid, Unavailable) as error:
            return Receipt(error=error.message)
        return Receipt(status=answer.status, body=answer.body.decode(errors="replace"))
