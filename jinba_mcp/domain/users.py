"""Users: the people who sign in, and whom personal keys act as."""

from datetime import timedelta
from typing import Annotated

from pydantic import StringConstraints

from jinba_mcp.domain.ids import UserId
from jinba_mcp.domain.records import Record, UtcDateTime

MAX_NAME_LENGTH = 100
CONFIRMABLE_FOR = timedelta(hours=24)
MAX_EMAIL_LENGTH = 254

_BESIDES = r'[^\s@\x00-\x1f\x7f-\x9f\ufeff<>,;:"()\[\]\\?]'
Email = Annotated[
    str,
    StringConstraints(max_length=MAX_EMAIL_LENGTH, pattern=rf"^{_BESIDES}{{1,64}}@{_BESIDES}{{1,189}}$"),
]
"""An address as a person types it: one `@` and nothing that a mail header would read otherwise (RFC 5321, 4.5.3.1).

That is: no lists, comments and quotes (RFC 5322, 3.4), and no encoded words, which there are none of without `?`
(RFC 2047, 2). With them one mailbox would have any number of addresses.
"""

PersonName = Annotated[str, StringConstraints(min_length=1, max_length=MAX_NAME_LENGTH, pattern=r"^[^\x00-\x1f\x7f]+$")]


class User(Record):
    """A person. `verified_at` is when the address proved to be this person's; until then anyone may have typed it."""

    id: UserId
    email: str
    name: str
    created_at: UtcDateTime
    verified_at: UtcDateTime | None = None


class PendingAccount(Record):
    """An account that someone asked for, until whoever reads mail at its address confirms it."""

    email: str
    name: str
    password_hash: str
    expires_at: UtcDateTime


def folded(email: str) -> str:
    """What makes two spellings of an address the same."""
    return email.casefold()
