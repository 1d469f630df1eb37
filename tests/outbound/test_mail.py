"""Mail over SMTP, handed to a server of the test's own."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

import anyio
import pytest
from anyio.abc import SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream
from pydantic import SecretStr

from jinba_mcp.domain.errors import Unavailable
from jinba_mcp.outbound.mail import Letter, Security, SmtpSender, SmtpServer
from tests.listening import listening

LETTER = Letter(to="ada@example.com", subject="Ünïcode", text="Hello, «Ada».\n.\nA line with a dot above.\n")


@dataclass
class Postmaster:
    """A mail server in plain text; answers `refuses` to that command."""

    port: int = 0
    refuses: dict[str, str] = field(default_factory=dict)
    is_silent: bool = False
    commands: list[str] = field(default_factory=list)
    mail: list[str] = field(default_factory=list)

    async def serve(self, stream: SocketStream) -> None:
        # Who has said QUIT may leave without waiting for the answer.
        with suppress(anyio.IncompleteRead, anyio.BrokenResourceError):
            async with stream:
                await self._talk(stream)

    async def _talk(self, stream: SocketStream) -> None:
        lines = BufferedByteReceiveStream(stream)
        if self.is_silent:
            await anyio.sleep_forever()
        await stream.send(b"220 here\r\n")
        while True:
            line = (await lines.receive_until(b"\r\n", 10_000)).decode()
            self.commands.append(line)
            verb = line.partition(" ")[0].upper()
            if verb in self.refuses:
                await stream.send(f"{self.refuses[verb]}\r\n".encode())
            elif verb == "EHLO":
                await stream.send(b"250-here\r\n250 AUTH PLAIN\r\n")
            elif verb == "AUTH":
                await stream.send(b"235 welcome\r\n")
            elif verb == "DATA":
                await stream.send(b"354 go on\r\n")
                self.mail.append((await lines.receive_until(b"\r\n.\r\n", 100_000)).decode())
                await stream.send(b"250 taken\r\n")
            else:
                await stream.send(b"221 bye\r\n" if verb == "QUIT" else b"250 fine\r\n")


Run = Callable[[Postmaster], AbstractAsyncContextManager[Postmaster]]


@pytest.fixture
def running() -> Run:
    @asynccontextmanager
    async def run(master: Postmaster) -> AsyncIterator[Postmaster]:
        async with listening(master.serve) as master.port:
            yield master

    return run


def sender(
    master: Postmaster, *, timeout_s: float = 60, security: Security = Security.NONE, user: str | None = None
) -> SmtpSender:
    server = SmtpServer(
        host="127.0.0.1",
        port=master.port,
        sender="Jinba <jinba@example.com>",
        security=security,
        user=user,
        password=None if user is None else SecretStr("secret"),
    )
    return SmtpSender(server, timeout_s=timeout_s)


async def test_a_letter_arrives_whole(running: Run) -> None:
    async with running(Postmaster()) as master:
        await sender(master).send(LETTER)
    assert any(command.startswith("MAIL FROM:<jinba@example.com>") for command in master.commands)
    assert any(command.startswith("RCPT TO:<ada@example.com>") for command in master.commands)
    head, _, body = master.mail[0].partition("\r\n\r\n")
    assert "To: ada@example.com" in head
    assert "From: Jinba <jinba@example.com>" in head
    assert "A line with a dot above." in body or "base64" in head


async def test_it_logs_in_when_it_is_told_to(running: Run) -> None:
    async with running(Postmaster()) as master:
        await sender(master, user="jinba").send(LETTER)
    assert any(command.startswith("AUTH PLAIN") for command in master.commands)


@pytest.mark.parametrize("command", ["EHLO", "AUTH", "MAIL", "RCPT", "DATA"])
async def test_a_server_that_refuses_is_unavailable_and_its_words_stay_here(running: Run, command: str) -> None:
    async with running(Postmaster(refuses={command: "554 secret words", "HELO": "554 secret words"})) as master:
        with pytest.raises(Unavailable) as refused:
            await sender(master, user="jinba").send(LETTER)
    assert "secret" not in refused.value.message
    assert master.mail == []


async def test_nothing_goes_in_plain_text_where_tls_is_asked_for(running: Run) -> None:
    for security in (Security.STARTTLS, Security.TLS):
        async with running(Postmaster()) as master:
            with pytest.raises(Unavailable):
                await sender(master, security=security, user="jinba", timeout_s=0.5).send(LETTER)
        assert master.mail == []
        assert not any(command.startswith("AUTH") for command in master.commands)


async def test_a_server_that_says_nothing_or_is_not_there_is_unavailable(running: Run) -> None:
    async with running(Postmaster(is_silent=True)) as master:
        with pytest.raises(Unavailable):
            await sender(master, timeout_s=0.05).send(LETTER)
    with pytest.raises(Unavailable):
        await sender(master, timeout_s=1).send(LETTER)


async def test_an_address_or_a_subject_of_two_lines_is_not_sent(running: Run) -> None:
    async with running(Postmaster()) as master:
        for letter in (
            Letter(to="ada@example.com\nBcc: eve@example.com", subject="s", text="t"),
            Letter(to="ada@example.com", subject="s\nBcc: eve@example.com", text="t"),
        ):
            with pytest.raises(Unavailable):
                await sender(master).send(letter)
    assert master.mail == []


@pytest.mark.parametrize("address", ["a@[", "(a).@b", "=?utf-8?q?=2C?=a@b", "=?utf-8?q?=0A?=@b"])
async def test_what_cannot_be_written_into_a_header_is_not_taken_like_any_other_mail(address: str) -> None:
    with pytest.raises(Unavailable):
        await sender(Postmaster()).send(replace(LETTER, to=address))
