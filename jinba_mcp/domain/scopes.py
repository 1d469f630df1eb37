"""What a key may do (scopes) and what a member may do (roles)."""

from collections.abc import Iterable
from enum import StrEnum


class Scope(StrEnum):
    """The four scopes of a key; `ADMIN` implies the other three."""

    READ = "read"
    WRITE = "write"
    EXECUTE = "execute"
    ADMIN = "admin"


class Role(StrEnum):
    """What a user is in an organization. There is one owner."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"

    def outranks(self, other: "Role") -> bool:
        """Whether it stands above the other."""
        order = list(Role)
        return order.index(self) < order.index(other)


ALL_SCOPES = frozenset(Scope)
DEFAULT_SCOPES = (Scope.READ, Scope.EXECUTE)

_ROLE_SCOPES = {
    Role.OWNER: ALL_SCOPES,
    Role.ADMIN: ALL_SCOPES,
    Role.MEMBER: frozenset({Scope.READ, Scope.WRITE, Scope.EXECUTE}),
}


def effective(scopes: Iterable[Scope]) -> frozenset[Scope]:
    """The scopes with what they imply."""
    held = frozenset(scopes)
    return ALL_SCOPES if Scope.ADMIN in held else held


def within_role(scopes: Iterable[Scope], role: Role) -> frozenset[Scope]:
    """What a personal key may do in an organization: never beyond its user's role there."""
    return effective(scopes) & _ROLE_SCOPES[role]
