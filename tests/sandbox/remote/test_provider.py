"""What all providers promise in the same way."""

import pytest

from jinba_mcp.domain.isolation import Level
from jinba_mcp.domain.sandboxes import Network
from jinba_mcp.sandbox.remote.daytona import DaytonaProvider
from jinba_mcp.sandbox.remote.docker import DockerProvider
from jinba_mcp.sandbox.remote.e2b import E2bProvider
from jinba_mcp.sandbox.remote.provider import Provider

PROVIDERS: list[Provider] = [
    DockerProvider("me"),
    DockerProvider("me", network="public"),
    E2bProvider("me"),
    DaytonaProvider("me"),
]
SAMPLES: dict[str, Network] = {"off": "off", "hosts": ("api.example.com",), "on": "on"}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_network_is_announced_exactly_when_it_is_kept_to(provider: Provider) -> None:
    kept = tuple(name for name, network in SAMPLES.items() if provider.refusal(network) is None)
    assert kept == provider.networks


@pytest.mark.parametrize("provider", PROVIDERS)
def test_isolation_names_the_provider_and_its_weaknesses_in_one_word_each(provider: Provider) -> None:
    assert provider.isolation.provider == provider.name
    assert provider.isolation.level is Level.STRONG
    assert all(" " not in word for word in provider.isolation.weaker)
    assert ("shared-files" in provider.isolation.weaker) is not provider.is_single_use
