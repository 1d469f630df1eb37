"""Letters: what is written to people, and whether it could be sent."""

import logging

from jinba_mcp.domain.errors import Unavailable
from jinba_mcp.domain.invitations import Invitation
from jinba_mcp.domain.organizations import Organization
from jinba_mcp.domain.users import User
from jinba_mcp.outbound.mail import Letter, Sender

logger = logging.getLogger(__name__)


def invitation_link(base_url: str, token: str) -> str:
    """Where an invitation is looked at."""
    return f"{base_url}/v1/invitations/{token}"


class Letters:
    """Without a sender nothing is sent, and whoever asked for it hands the token over by other means."""

    def __init__(self, sender: Sender | None, base_url: str) -> None:
        """`base_url` is where clients reach this server; what a request says of it is never believed in a mail."""
        self._sender = sender
        self._base_url = base_url

    @property
    def can_be_sent(self) -> bool:
        return self._sender is not None

    async def invite(self, invitation: Invitation, organization: Organization, token: str) -> str | None:
        """System's own: mail an invitation; why it could not be sent, None if it was."""
        link = invitation_link(self._base_url, token)
        return await self._send(
            Letter(
                to=invitation.email,
                subject="You are invited to an organization on Jinba MCP",
                text=(
                    f"You are invited to join the organization '{organization.name}' ({organization.slug}) as "
                    f"{invitation.role.value}.\n\nThe invitation: {link}\n\nTo accept it, "
                    f"send a POST to {link}/accept, "
                    "signed in, or with a name and a password for a new account. It is good once, until "
                    f"{invitation.expires_at:%Y-%m-%d %H:%M} UTC.\n\nIf you did not expect it, do nothing.\n"
                ),
            )
        )

    async def confirm(self, email: str, token: str) -> str | None:
        """System's own: mail the token that makes an account; why it could not be sent, None if it was."""
        return await self._send(
            Letter(
                to=email,
                subject="Your new account for Jinba MCP",
                text=(
                    f"Someone, most likely you, signed up with this address at {self._base_url}.\n\n"
                    f"The token: {token}\n\nSend it with the password that you chose to "
                    f"{self._base_url}/v1/auth/sign-up/confirm. It is good once, for 24 hours; until then there is no "
                    "account.\n\nIf it was not you, do nothing.\n"
                ),
            )
        )

    async def known(self, user: User) -> str | None:
        """System's own: tell a user that someone signed up with their address; why it could not be sent."""
        return await self._send(
            Letter(
                to=user.email,
                subject="You have an account for Jinba MCP",
                text=(
                    f"Someone, most likely you, signed up with this address at {self._base_url}, where it has an "
                    "account already. Nothing was changed. Sign in, or ask for a new password at "
                    f"{self._base_url}/v1/auth/password/reset-token.\n\nIf it was not you, do nothing.\n"
                ),
            )
        )

    async def reset(self, user: User, token: str) -> str | None:
        """System's own: mail the token that sets a new password; why it could not be sent, None if it was."""
        return await self._send(
            Letter(
                to=user.email,
                subject="A new password for Jinba MCP",
                text=(
                    f"Someone, most likely you, asked to set a new password for this address at {self._base_url}.\n\n"
                    f"The token: {token}\n\nSend it with the new password to {self._base_url}/v1/auth/password/reset. "
                    "It is good once, for an hour, and setting a password ends all of your sessions.\n\n"
                    "If it was not you, do nothing.\n"
                ),
            )
        )

    async def _send(self, letter: Letter) -> str | None:
        if self._sender is None:
            return "This server sends no mail."
        try:
            await self._sender.send(letter)
        except Unavailable as error:
            logger.warning("mail was not sent: %s", error.message, extra={"event": "mail.failed"})
            return error.message
        return None
