"""Real sandboxes for what the guest does inside."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jinba_mcp.sandbox.engine import Bundle
from jinba_mcp.sandbox.local import zygotes
from jinba_mcp.sandbox.local.mounts import Python
from jinba_mcp.sandbox.local.plans import Planner
from jinba_mcp.sandbox.local.tiers import Tier
from jinba_mcp.sandbox.local.zygotes import Blueprint
from tests.sandbox.local.conftest import Running, cache_dir, running, setup
from tests.sandbox.packages.conftest import python, workshop

__all__ = ["blueprint", "cache_dir", "python", "running", "setup", "workshop"]

MakeBlueprint = Callable[..., Blueprint]


@pytest.fixture
async def blueprint(running: Running, cache_dir: Path, measured: str, monkeypatch: pytest.MonkeyPatch) -> MakeBlueprint:
    """What zygotes are made of, for a tier and a bundle; those that are started are measured."""
    async with running():
        pass
    monkeypatch.setattr(zygotes, "_BOOT", measured + zygotes._BOOT)

    def make(tier: Tier = Tier.NAMESPACES, modules: tuple[str, ...] = (), **bundle: Any) -> Blueprint:
        fields = {"digest": "sha256:1", "toolset": "greeting-tools", "language": "python"} | bundle
        planner = Planner(cache_dir, tier, Python.own(), typescript=None, has_egress=True)
        return planner.blueprint(Bundle.model_validate(fields), None, modules)

    return make
