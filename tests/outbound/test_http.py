"""The HTTP client against real servers on loopback: bounded in time and size, and only to judged addresses."""

import gc
import ssl
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from jinba_mcp.domain.errors import Invalid, Unavailable
from jinba_mcp.outbound.http import MAX_ANSWER_BYTES, Answer, post
from jinba_mcp.outbound.targets import Targets
from tests.outbound import receivers
from tests.outbound.receivers import Behaviour, Receiver, answering, receiving


async def sent_to(receiver: Receiver, *, timeout_s: float = 60, url: str | None = None) -> Answer:
    with anyio.fail_after(60):
        targets = Targets([receiver.host])
        return await post(targets, url or receiver.url, b"\x00{}\xff", {"X-Here": "1"}, timeout_s=timeout_s)


async def test_the_body_arrives_as_it_is_and_the_answer_comes_back() -> None:
    async with receiving(answering("201 Created", body=b"thanks")) as receiver:
        assert await sent_to(receiver) == Answer(status=201, body=b"thanks")
    assert receiver.bodies == [b"\x00{}\xff"]
    assert receiver.heads[0][""] == "POST /hook HTTP/1.1"
    assert (receiver.heads[0]["host"], receiver.heads[0]["x-here"]) == (receiver.host, "1")


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async with receiving(answering("200 OK")) as private:
        location = f"Location: {private.url}\r\n"
        async with receiving(answering("307 Temporary Redirect", headers=location)) as receiver:
            assert (await sent_to(receiver)).status == 307
    assert (receiver.connections, private.connections) == (1, 0)


@pytest.mark.parametrize("behaviour", [receivers.silent, receivers.dripping])
async def test_no_receiver_takes_longer_than_the_deadline(behaviour: Behaviour) -> None:
    async with receiving(behaviour) as receiver:
        with pytest.raises(Unavailable, match=r"no answer within 0\.2 s"):
            await sent_to(receiver, timeout_s=0.2)


@pytest.mark.parametrize("behaviour", [receivers.resetting, receivers.babbling])
async def test_what_is_no_answer_is_told_as_none(behaviour: Behaviour) -> None:
    async with receiving(behaviour) as receiver:
        with pytest.raises(Unavailable, match=r"ProtocolError|ReadError"):
            await sent_to(receiver)


async def test_nobody_there_is_told() -> None:
    async with receiving(answering("200 OK")) as receiver:
        pass
    with pytest.raises(Unavailable, match="ConnectError"):
        await sent_to(receiver)


async def test_only_the_beginning_of_an_answer_is_read() -> None:
    async with receiving(receivers.flooding) as receiver:
        answer = await sent_to(receiver)
    assert answer == Answer(status=200, body=b"x" * MAX_ANSWER_BYTES)


async def test_a_private_address_is_refused_before_a_byte_is_sent() -> None:
    async with receiving(answering("200 OK")) as receiver:
        with pytest.raises(Invalid, match="private network"):
            await post(Targets(), f"https://{receiver.host}/", b"", {})
    assert receiver.connections == 0


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "fd00::1", "::ffff:127.0.0.1"])
async def test_a_name_that_leads_into_a_private_network_is_refused_at_the_connection(address: str) -> None:
    async def lookup(host: str) -> list[str]:
        return ["93.184.215.14", address]

    targets = Targets(lookup=lookup)
    targets.check("https://rebinding.example/")
    with pytest.raises(Invalid, match=r"private network|reserved"):
        await post(targets, "https://rebinding.example/", b"", {})


async def test_the_connection_goes_to_the_address_that_was_judged_whatever_the_name_says_later() -> None:
    async with receiving(answering("200 OK")) as receiver:
        asked = []

        async def lookup(host: str) -> list[str]:
            asked.append(host)
            return ["127.0.0.1"] if len(asked) == 1 else ["127.0.0.2"]

        named = f"rebinding.example:{receiver.port}"
        answer = await post(Targets([named], lookup=lookup), f"http://{named}/", b"", {})
    assert (answer.status, asked, receiver.heads[0]["host"]) == (200, ["rebinding.example"], named)


async def test_a_look_up_that_fails_or_hangs_or_finds_nothing_is_told() -> None:
    async def fails(host: str) -> list[str]:
        raise OSError("no such name")

    async def hangs(host: str) -> list[str]:
        await anyio.sleep_forever()
        return []

    async def finds_nothing(host: str) -> list[str]:
        return []

    expected: dict[Callable[..., object], tuple[float, str]] = {
        fails: (60, "no such name"),
        hangs: (0.1, "no answer"),
        finds_nothing: (60, "no address"),
    }
    for lookup, (timeout_s, message) in expected.items():
        targets = Targets(lookup=lookup)  # type: ignore[arg-type]  # each is one
        with pytest.raises(Unavailable, match=message):
            await post(targets, "https://example.com/", b"", {}, timeout_s=timeout_s)


async def test_a_handshake_that_hangs_is_over_at_the_deadline_and_leaves_nothing_open() -> None:
    async with receiving(receivers.silent) as receiver:
        with pytest.raises(Unavailable, match="no answer"):
            await sent_to(receiver, timeout_s=0.2, url=f"https://{receiver.host}/")
    gc.collect()


def a_certificate(folder: Path, name: str) -> Path:
    """A certificate for `name` that signs itself, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject, now = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]), datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, SHA256())
    )
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + certificate.public_bytes(Encoding.PEM)
    path = folder / "certificate.pem"
    path.write_bytes(pem)
    return path


async def test_the_certificate_must_be_of_the_name_that_was_asked_for(tmp_path: Path) -> None:
    async def lookup(host: str) -> list[str]:
        return ["127.0.0.1"]

    pem = a_certificate(tmp_path, "hooks.example")
    theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    theirs.load_cert_chain(pem)
    ours = ssl.create_default_context(cafile=str(pem))
    async with receiving(answering("200 OK"), tls=theirs) as receiver:
        names = [f"{name}:{receiver.port}" for name in ("hooks.example", "other.example")]
        targets = Targets(names, lookup=lookup)
        assert (await post(targets, f"https://{names[0]}/", b"", {}, tls=ours)).status == 200
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await post(targets, f"https://{names[1]}/", b"", {}, tls=ours)
        with pytest.raises(Unavailable, match="CERTIFICATE_VERIFY_FAILED"):
            await post(targets, f"https://{names[0]}/", b"", {})
    assert len(receiver.bodies) == 1
