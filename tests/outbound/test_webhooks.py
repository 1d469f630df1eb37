"""Parcels by HTTP: headers, signature, and receipts for whatever the receiver does."""

import pytest

from jinba_mcp.client.webhooks import verify_signature
from jinba_mcp.domain.errors import FieldsInvalid
from jinba_mcp.outbound.targets import Targets
from jinba_mcp.outbound.webhooks import HttpCourier, NoCourier, Parcel, Receipt
from tests.outbound import receivers
from tests.outbound.receivers import answering, receiving

SECRET = "whsec_of_this_test"
BODY = '{"event":"member.added","data":{"name":"Ünïcode"}}'.encode()


def parcel(url: str) -> Parcel:
    return Parcel(url=url, delivery_id="dlv_1", event="member.added", body=BODY, secret=SECRET)


async def test_a_parcel_arrives_signed_and_named() -> None:
    async with receiving(answering("200 OK", body=b"th\xffnks")) as receiver:
        receipt = await HttpCourier(Targets([receiver.host])).send(parcel(receiver.url))
    assert receipt == Receipt(status=200, body="th\N{REPLACEMENT CHARACTER}nks")
    head = receiver.heads[0]
    assert (head["x-webhook-event"], head["x-webhook-id"]) == ("member.added", "dlv_1")
    assert head["content-type"] == "application/json"
    assert receiver.bodies == [BODY]
    assert verify_signature(receiver.bodies[0], head["x-webhook-signature"], SECRET)
    assert not verify_signature(receiver.bodies[0] + b" ", head["x-webhook-signature"], SECRET)


async def test_whatever_goes_wrong_is_in_the_receipt() -> None:
    async with receiving(receivers.resetting) as receiver:
        receipt = await HttpCourier(Targets([receiver.host])).send(parcel(receiver.url))
        refused = await HttpCourier(Targets()).send(parcel(receiver.url))
    assert (receipt.status, refused.status) == (None, None)
    assert "ProtocolError" in str(receipt.error)
    assert refused.error == "must be https"


def test_a_url_is_refused_as_a_field() -> None:
    HttpCourier(Targets()).check("https://example.com/")
    with pytest.raises(FieldsInvalid) as refused:
        HttpCourier(Targets()).check("https://127.0.0.1/")
    assert refused.value.details["errors"] == [
        {"pointer": "/url", "detail": "127.0.0.1:443 leads into a private network; the operator can allow it"}
    ]


async def test_without_a_courier_nothing_is_sent() -> None:
    NoCourier().check("anything")
    receipt = await NoCourier().send(parcel("https://example.com/"))
    assert receipt.status is None
    assert receipt.error is not None
