"""Profiles: servers that `jinba-mcp login` was given a key for, kept in a file that only its owner can read."""

import os
import stat
import tempfile
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jinba_mcp.cli.output import Failed

_TOO_OPEN = stat.S_IRWXG | stat.S_IRWXO


class Profile(BaseModel):
    """A server, and the key to it."""

    model_config = ConfigDict(frozen=True)

    url: str
    key: str = Field(repr=False)


class Profiles(BaseModel):
    """All of them by name, and the one that commands use if nothing else is said."""

    model_config = ConfigDict(frozen=True)

    current: str | None = None
    profiles: dict[str, Profile] = Field(default_factory=dict)

    def get(self, name: str) -> Profile:
        """The profile of this name.

        Raises:
            Failed: there is none.
        """
        if name not in self.profiles:
            known = ", ".join(sorted(self.profiles)) or "none yet"
            raise Failed(f"There is no profile '{name}' (there are: {known}). Make it: jinba-mcp login URL")
        return self.profiles[name]

    def key_of(self, url: str) -> str | None:
        """The key to the server at this URL, the current profile's before others'."""
        names = sorted(self.profiles, key=lambda name: name != self.current)
        return next((self.profiles[name].key for name in names if self.profiles[name].url == url), None)

    def having(self, name: str, profile: Profile) -> "Profiles":
        """With this one, as the current."""
        return Profiles(current=name, profiles={**self.profiles, name: profile})

    def without(self, name: str) -> "Profiles":
        """Without this one; if it was current, none is.

        Raises:
            Failed: there is none of this name.
        """
        self.get(name)
        left = {other: profile for other, profile in self.profiles.items() if other != name}
        return Profiles(current=None if name == self.current else self.current, profiles=left)

    def using(self, name: str) -> "Profiles":
        """With this one as the current.

        Raises:
            Failed: there is none of this name.
        """
        self.get(name)
        return Profiles(current=name, profiles=self.profiles)

    def leaving(self) -> "Profiles":
        """With none as the current."""
        return Profiles(profiles=self.profiles)


def plain(url: str) -> str:
    """The URL of a server as it is kept and compared."""
    return url.rstrip("/").removesuffix("/v1")


def file() -> Path:
    """Where they are kept: below `$XDG_CONFIG_HOME`, or `~/.config`."""
    given = os.environ.get("XDG_CONFIG_HOME", "")
    # A relative one is to be ignored (XDG Base Directory Specification).
    root = Path(given) if Path(given).is_absolute() else Path.home() / ".config"
    return root / "jinba-mcp" / "profiles.json"


def read() -> Profiles:
    """What is kept; nothing if nobody ever logged in.

    Raises:
        Failed: the file is open to others, or cannot be read.
    """
    path = file()
    try:
        with path.open("rb") as opened:
            if stat.S_IMODE(os.fstat(opened.fileno()).st_mode) & _TOO_OPEN:
                raise Failed(f"{path} holds keys and is open to others. Close it: chmod 600 '{path}'")
            return Profiles.model_validate_json(opened.read())
    except FileNotFoundError:
        return Profiles()
    except OSError as error:
        raise Failed(f"{path} cannot be read: {error.strerror}.") from error
    except ValidationError as error:
        # Not told why, since what it says may be a key.
        raise Failed(f"{path} is damaged. Delete it, and log in again: jinba-mcp login URL") from error.__cause__


def write(kept: Profiles) -> None:
    """Keep these, all or nothing.

    Raises:
        Failed: the file cannot be written.
    """
    path = file()
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, fresh = tempfile.mkstemp(dir=path.parent, prefix=".profiles-")
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as opened:
                opened.write(kept.model_dump_json(indent=2) + "\n")
                opened.flush()
                os.fsync(opened.fileno())
            Path(fresh).replace(path)
        except BaseException:
            Path(fresh).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise Failed(f"{path} cannot be written: {error.strerror}.") from error
