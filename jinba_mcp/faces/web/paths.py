"""Names in a path, checked for what no name can be, before anyone looks for them."""

from collections.abc import Mapping

from jinba_mcp.domain.errors import NotFound

MAX_NAME_LENGTH = 200


def checked_names(names: Mapping[str, str]) -> dict[str, str]:
    """The same names: short, and without NUL, which not every database can even be asked for.

    Raises:
        NotFound: nothing can have such a name.
    """
    for name in names.values():
        if len(name) > MAX_NAME_LENGTH or not name.isprintable():
            shown = "".join(letter if letter.isprintable() else "�" for letter in name)
            raise NotFound(shown, f"Names in a path have at most {MAX_NAME_LENGTH} printable characters.")
    return dict(names)
