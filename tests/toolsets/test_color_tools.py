"""color-tools in Deno, with their packages from npm, against values of the standards."""

import hashlib
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from jinba_mcp.domain.json_schema import Validator
from jinba_mcp.sandbox.local import deno
from tests.clients.nodejs import CACHE
from tests.toolsets import packaged
from tests.toolsets.running import TOOLSETS

pytestmark = pytest.mark.slow

SLUG = "color-tools"
DRIVER = Path(__file__).parent / "calling.js"
Ask: TypeAlias = Any


@pytest.fixture(scope="module")
def workspace() -> Path:
    """The tools beside their packages, which are fetched once and kept in a folder that git ignores."""
    wanted = {package.name: package.version for package in packaged.folder(SLUG).packages}
    manifest = json.dumps({"dependencies": wanted}, sort_keys=True)
    root: Path = CACHE / f"deno-{hashlib.sha256(manifest.encode()).hexdigest()[:16]}"
    root.mkdir(parents=True, exist_ok=True)
    (root / "package.json").write_text(manifest)
    if not (root / "node_modules" / ".deno").exists():
        command = [str(deno.installed().path), "install", "--quiet", "--node-modules-dir=manual"]
        fetched = subprocess.run(command, cwd=root, capture_output=True, timeout=120, check=False)
        if fetched.returncode:
            pytest.skip(f"the npm registry cannot be reached: {fetched.stderr.decode()[-200:]}")
    shutil.copytree(TOOLSETS / SLUG, root / SLUG, dirs_exist_ok=True)
    shutil.copy(DRIVER, root)
    return root


def asked(workspace: Path, *questions: tuple[str, Any]) -> list[Any]:
    """What the tools answer, all of them in one process without any permission."""
    lines = [json.dumps([f"./{SLUG}/tools/{tool}/main.ts", given]) for tool, given in questions]
    options = ["--quiet", "--no-prompt", "--cached-only", "--no-remote", "--node-modules-dir=manual"]
    done = subprocess.run(
        [str(deno.installed().path), "run", *options, "--allow-read=.", DRIVER.name],
        cwd=workspace,
        input="\n".join(lines).encode(),
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def outputs(workspace: Path, tool: str, *given: dict[str, Any]) -> list[Any]:
    answers = asked(workspace, *((tool, arguments) for arguments in given))
    stated = next(found for found in packaged.folder(SLUG).tools if found.slug == tool)
    assert stated.input_schema is not None
    assert stated.output_schema is not None
    for arguments, answer in zip(given, answers, strict=True):
        assert "error" not in answer, answer
        assert Validator(stated.input_schema).faults(arguments) == []
        assert Validator(stated.output_schema).faults(answer["output"]) == []
    return [answer["output"] for answer in answers]


def test_the_stated_schemas_are_those_of_the_code(workspace: Path) -> None:
    tools = packaged.folder(SLUG).tools
    answers = asked(workspace, *((tool.slug, None) for tool in tools))
    for tool, answer in zip(tools, answers, strict=True):
        assert (tool.input_schema, tool.output_schema) == (answer["input"], answer["output"])


def test_a_color_is_converted_to_every_notation(workspace: Path) -> None:
    tomato, clear, wide, gray = outputs(
        workspace,
        "convert-color",
        {"color": "#ff6347"},
        {"color": " rgb(0 0 0 / 50%) "},
        {"color": "color(display-p3 0 1 0)"},
        {"color": "hsl(120 0% 50%)"},
    )
    assert tomato == {
        "hex": "#ff6347",
        "rgb": "rgb(255 99 71)",
        "hsl": "hsl(9.13 100% 63.92%)",
        "hwb": "hwb(9.13 27.84% 0%)",
        "lab": "lab(62.991 59.365 47.881)",
        "oklch": "oklch(0.6962 0.1955 32.32)",
        "alpha": 1,
        "luminance": 0.3064,
        "in_srgb": True,
        "name": "tomato",
        "name_difference": 0,
    }
    assert (clear["hex"], clear["rgb"], clear["alpha"]) == ("#00000080", "rgb(0 0 0 / 0.5)", 0.5)
    assert (wide["in_srgb"], wide["name"]) == (False, "lime")
    assert (gray["hex"], gray["name"], gray["hsl"]) == ("#808080", "gray", "hsl(0 0% 50%)")


def test_contrast_is_that_of_wcag_and_never_passes_by_rounding(workspace: Path) -> None:
    black, almost, enough, veil, none = outputs(
        workspace,
        "check-contrast",
        {"foreground": "black", "background": "white"},
        {"foreground": "#777777", "background": "#ffffff"},
        {"foreground": "#767676", "background": "#ffffff"},
        {"foreground": "rgb(0 0 0 / 50%)", "background": "white", "target": 3},
        {"foreground": "#777777", "background": "#777777", "target": 21},
    )
    assert (black["ratio"], black["aaa_text"], black["suggestion"]) == (21, True, None)
    assert (almost["ratio"], almost["aa_text"], almost["aa_large_text"]) == (4.47, False, True)
    assert almost["suggestion"] == "#767676"
    assert (enough["ratio"], enough["aa_text"], enough["aaa_text"]) == (4.54, True, False)
    assert (veil["foreground"], veil["passes_target"]) == ("#808080", True)
    assert (none["passes_target"], none["suggestion"]) == (False, None)


def test_a_suggested_color_keeps_its_hue_and_passes(workspace: Path) -> None:
    first = outputs(workspace, "check-contrast", {"foreground": "#ff8888", "background": "#ffffff"})[0]
    again = outputs(workspace, "check-contrast", {"foreground": first["suggestion"], "background": "#ffffff"})[0]
    assert first["passes_target"] is False
    assert again["passes_target"] is True
    red, green, blue = (int(first["suggestion"][at : at + 2], 16) for at in (1, 3, 5))
    assert red > max(green, blue)


def test_palettes(workspace: Path) -> None:
    shades, triad, gradient, gray = outputs(
        workspace,
        "make-palette",
        {"color": "#3366cc"},
        {"color": "#3366cc", "kind": "triadic"},
        {"color": "white", "kind": "gradient", "to": "black", "steps": 3},
        {"color": "gray", "kind": "analogous"},
    )
    assert [color["name"] for color in shades["colors"]][::5] == ["50", "500", "950"]
    assert (shades["colors"][0]["text"], shades["colors"][-1]["text"]) == ("black", "white")
    assert [color["name"] for color in triad["colors"]] == ["base", "+120°", "+240°"]
    assert triad["colors"][0]["hex"] == "#3366cc"
    assert [color["hex"] for color in gradient["colors"]] == ["#ffffff", "#636363", "#000000"]
    assert {color["hex"] for color in gray["colors"]} == {"#808080"}


@pytest.mark.parametrize(
    ("tool", "given", "message"),
    [
        ("convert-color", {"color": "nocolor"}, "'nocolor' is no color of CSS"),
        ("convert-color", {"color": "url(javascript:x)"}, "is no color of CSS"),
        ("convert-color", {"color": "x" * 101}, "color: Too big"),
        ("convert-color", {"color": "red", "surprise": 1}, "surprise"),
        ("check-contrast", {"foreground": "red", "background": "rgb(0 0 0 / 10%)"}, "must be opaque"),
        ("check-contrast", {"foreground": "red", "background": "?"}, r"'\?' \(background\) is no color"),
        ("make-palette", {"color": "red", "kind": "gradient"}, "A gradient needs 'to'"),
        ("make-palette", {"color": "red", "to": "blue"}, "'to' is for gradients only"),
        ("make-palette", {"color": "red", "kind": "gradient", "to": "blue", "steps": 51}, "steps: Too big"),
    ],
)
def test_what_cannot_work_is_said(workspace: Path, tool: str, given: dict[str, Any], message: str) -> None:
    answer = asked(workspace, (tool, given))[0]
    with pytest.raises(ValueError, match=message):
        raise ValueError(answer["error"])
