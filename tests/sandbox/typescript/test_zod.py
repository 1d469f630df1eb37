"""The real Zod, from the registry, in a real environment."""

from pathlib import Path

import anyio
import pytest

from jinba_mcp.domain.errors import EnvironmentFailed
from jinba_mcp.sandbox.engine import Bundle
from jinba_mcp.sandbox.packages.facade import Packages
from tests.sandbox.typescript.conftest import DESCRIBE, Talk

CODE = """
import { z } from "zod";
export const Input = z.object({ name: z.string().min(2).describe("Whom"), loud: z.boolean().default(false) });
export const Output = z.object({ greeting: z.string() });
export async function run(input: z.infer<typeof Input>): Promise<z.infer<typeof Output>> {
  return { greeting: input.loud ? input.name.toUpperCase() : input.name };
}
"""


@pytest.fixture
def zod(tmp_path: Path) -> Path:
    async def built() -> Path | None:
        packages = Packages(tmp_path)
        try:
            lock = await packages.resolve("typescript", ())
            bundle = Bundle(digest="sha256:1", toolset="greeting-tools", language="typescript", lock=lock)
            return await packages.environment_for(bundle)
        finally:
            await packages.close()

    try:
        environment = anyio.run(built)
    except EnvironmentFailed as error:
        pytest.skip(f"the npm registry cannot be reached: {error.message}")
    assert environment is not None
    return environment / "node_modules"


@pytest.mark.slow
def test_a_tool_with_zod_is_described_checked_and_run(talk: Talk, zod: Path) -> None:
    told = talk(CODE, DESCRIBE, {"name": "Ann", "loud": True}, {"name": "A"}, packages=zod)

    signature, answer, refusal = told.results
    assert signature["signature"]["input_schema"] == {
        "type": "object",
        "properties": {
            "name": {"type": "string", "minLength": 2, "description": "Whom"},
            "loud": {"type": "boolean", "default": False},
        },
        "required": ["name"],
    }
    assert signature["signature"]["output_schema"]["properties"] == {"greeting": {"type": "string"}}
    assert answer["output"] == {"greeting": "ANN"}
    assert refusal["error"]["message"].startswith("The arguments do not fit: name: Too small")
