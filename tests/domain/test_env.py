"""Env: what one run is handed."""

import pytest
from pydantic import TypeAdapter, ValidationError

from jinba_mcp.domain.env import NO_ENV, Env, EnvKey, EnvValue


def test_an_env_shows_nothing_of_what_it_holds() -> None:
    env = Env({"TOKEN": "hunter2"}, ["TOKEN"])
    assert "hunter2" not in f"{env!r} {env} {hash(env)} {env.digest}"
    assert "TOKEN" not in repr(env)


def test_equal_variables_are_equal_envs_and_a_change_shows_in_the_digest() -> None:
    one, same = Env({"A": "1", "B": "2"}, ["B"]), Env({"B": "2", "A": "1"}, ["B"])
    assert (one, hash(one)) == (same, hash(same))
    assert one != Env({"A": "1", "B": "3"}, ["B"])
    assert one != Env({"A": "1", "B": "2"})
    assert one != "env"
    assert Env() == NO_ENV


def test_secrets_are_the_values_to_mask_and_empty_ones_are_none() -> None:
    assert Env({"A": "1", "B": "2", "C": ""}, ["B", "C", "MISSING"]).secrets == ("2",)


@pytest.mark.parametrize("key", ["", "lower", "1ST", "A-B", "A=B", "A" * 129, "A\n"])
def test_what_no_variable_can_be_called_is_refused(key: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(EnvKey).validate_python(key)


@pytest.mark.parametrize("value", ["a\0b", "\ud800", "x" * 32_769])
def test_what_no_variable_can_hold_is_refused(value: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(EnvValue).validate_python(value)
