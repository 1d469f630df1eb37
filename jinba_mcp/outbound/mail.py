"""Mail: what is sent, the seam through which it is, and SMTP."""

from dataclasses import dataclass
from email.message import EmailMessage
from enum import StrEnum
from typing import Protocol

from pydantic import SecretStr

from jinba_mcp.domain.errors import Unavailable

TIMEOUT_S = 20.0
"""For all of the conversation with the server."""


class Security(StrEnum):
    """How the way to the mail server is protected."""

    STARTTLS = "starttls"
    """Plain at first, then TLS or nothing (port 587)."""
    TLS = "tls"
    """TLS from the first byte (port 465)."""
    NONE = "none"
    """Not at all, as to a relay on the same machine."""


@dataclass(frozen=True)
class Letter:
    """A mail to one address, in plain text."""

    to: str
    subject: str
    text: str


class Sender(Protocol):
    """Takes letters on their way."""

    async def send(self, letter: Letter) -> None:
        """Hand the letter over.

        Raises:
            Unavailable: nobody took it.
        """


@dataclass(frozen=True)
class SmtpServer:
    """Where to hand mail in, and as whom."""

    host: str
    port: int
    sender: str
    """The address that mail comes from, such as `Jinba <jinba@example.com>`."""
    security: Security = Security.STARTTLS
    user: str | None = None
    password: SecretStr | None = None


class SmtpSender:
    """Hands each letter to an SMTP server, over a connection of its own."""

    def __init__(self, server: SmtpServer, *, timeout_s: float = TIMEOUT_S) -> None:
        self._server = server
        self._timeout_s = timeout_s

    async def send(self, letter: Letter) -> None:
        """Hand the letter over, once.

        Raises:
            Unavailable: the server cannot be reached, or refuses it.
        """
        import aiosmtplib  # noqa: PLC0415  takes long to import, for the few who send mail

        server = self._server
        try:
            await aiosmtplib.send(
                _message(letter, server.sender),
                hostname=server.host,
                port=server.port,
                username=server.user,
                password=None if server.password is None else server.password.get_secret_value(),
                use_tls=server.security is Security.TLS,
                # None would mean "if the server offers it", which whoever is in between could say it does not.
                start_tls=server.security is Security.STARTTLS,
                timeout=self._timeout_s,
            )
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            raise Unavailable(f"The mail server did not take the mail ({type(error).__name__}).") from error


def _message(letter: Letter, sender: str) -> EmailMessage:
    message = EmailMessage()
    message["From"] = sender
    try:
        message["To"] = letter.to
    except (AttributeError, IndexError, TypeError) as error:
        # That is what the parser of the standard library comes to with some of what is no address.
        raise ValueError("no address") from error
    message["Subject"] = letter.subject
    message.set_content(letter.text)
    return message
