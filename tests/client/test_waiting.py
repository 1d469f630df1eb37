"""Both clients have the same methods, and each keeps the words of the call that it makes."""

import inspect
from typing import Any

import pytest

from jinba_mcp.client import AsyncJinba, Jinba
from jinba_mcp.client.waiting import AsyncNoun, EachLater, EachNow, Later, Noun, Now

BLOCKING, ASYNCHRONOUS = Jinba(), AsyncJinba()
NOUNS = sorted(name for name, value in vars(BLOCKING).items() if isinstance(value, Noun))
PARTNERS = {Now: Later, EachNow: EachLater}


def _methods(kind: type[Any]) -> dict[str, Any]:
    return {name: value for name, value in vars(kind).items() if isinstance(value, Now | Later | EachNow | EachLater)}


@pytest.mark.parametrize("noun", ["", *NOUNS])
def test_the_two_clients_have_the_same_methods(noun: str) -> None:
    here: Any = getattr(BLOCKING, noun) if noun else BLOCKING
    there: Any = getattr(ASYNCHRONOUS, noun) if noun else ASYNCHRONOUS
    now, later = _methods(type(here)), _methods(type(there))
    assert now
    assert now.keys() == later.keys()
    for name, method in now.items():
        assert isinstance(later[name], PARTNERS[type(method)])
        assert later[name]._describe is method._describe
        bound = getattr(here, name)
        assert (bound.__doc__ or "").strip()
        assert inspect.signature(bound).parameters == inspect.signature(getattr(there, name)).parameters


def test_every_noun_is_in_both() -> None:
    assert sorted(name for name, value in vars(ASYNCHRONOUS).items() if isinstance(value, AsyncNoun)) == NOUNS
    assert len(NOUNS) >= 7
