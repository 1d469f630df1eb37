"""One running server for each test module, two versions of its ToolSet, and the npm packages."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jinba_mcp.domain import mcp_config
from tests.clients import nodejs, serving

TOOLSET = "client-tools"
REQUIRE_NODE = "JINBA_TEST_REQUIRE_NODE"


@dataclass(frozen=True)
class Served:
    """A running server and a key for it that may do everything but administer."""

    registry: serving.Registry
    key: str
    path: str
    """Of the ToolSet, below /v1."""

    @property
    def endpoint(self) -> str:
        return f"{self.registry.url}/v1{self.path}/mcp"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key}"}

    @property
    def runs(self) -> str:
        """Where the organization's runs are, below /v1."""
        return self.path.partition("/toolsets/")[0] + "/runs"

    def configuration(self, client: str) -> dict[str, Any]:
        """The one server in the JSON that `mcp-config` gives for a client, with the key in its place."""
        config = self.registry.ask(self.key, f"{self.path}/mcp-config?client={client}")
        written: dict[str, Any] = json.loads(json.dumps(config).replace(mcp_config.KEY_PLACEHOLDER, self.key))
        (servers,) = written.values()
        (server,) = servers.values()
        return dict(server)

    def switch_version(self) -> None:
        """Make the version active that is not."""
        active = self.registry.ask(self.key, self.path)["publishedVersion"]
        other = {"1.0.0": "1.0.1", "1.0.1": "1.0.0"}[active]
        self.registry.ask(self.key, f"{self.path}/published-version", method="PUT", body={"version": other})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("registry")
    toolsets = folder / "toolsets"
    shutil.copytree(Path(__file__).parent / "toolsets", toolsets, ignore=shutil.ignore_patterns("__pycache__"))
    with serving.served(folder / "data", toolsets) as registry:
        key = registry.issue_key("read", "write", "execute")
        described = toolsets / TOOLSET / "tools" / "add" / "tool.yml"
        described.write_text("name: Add\ndescription: Adds two whole numbers.\n", encoding="utf-8")
        registry.run("toolsets", "push", str(toolsets / TOOLSET))
        yield Served(registry, key, f"/orgs/{registry.organization(key)}/toolsets/{TOOLSET}")


@pytest.fixture(scope="session")
def node() -> nodejs.Node:
    try:
        return nodejs.installed()
    except nodejs.NodeMissing as error:
        if os.environ.get(REQUIRE_NODE):
            raise
        pytest.skip(str(error))
