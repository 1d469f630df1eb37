"""Faces are tested on the embedded database: what differs between databases is tested below them."""

import pytest


@pytest.fixture
def database_url(sqlite_url: str) -> str:
    return sqlite_url
