"""What a new ToolSet begins as."""

import re
from pathlib import Path

import pytest

from jinba_mcp.authoring.folder import CODE_FILES, read_folder
from jinba_mcp.cli import scaffold


def written(root: Path, language: scaffold.Language, slug: str = "weather-tools") -> Path:
    folder = root / slug
    for name, text in scaffold.new_toolset(slug, language).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize("language", ["python", "typescript"])
def test_the_folder_can_be_read_and_has_one_tool(tmp_path: Path, language: scaffold.Language) -> None:
    folder = read_folder(written(tmp_path, language))
    assert (folder.slug, folder.name, folder.language) == ("weather-tools", "Weather tools", language)
    assert [tool.slug for tool in folder.tools] == ["greet"]
    assert folder.listing.mcp_enabled


@pytest.mark.parametrize(
    ("slug", "name"),
    [("404", "404"), ("true", "True"), ("null", "Null"), ("12e03", "12e03"), ("2030-01-31", "2030 01 31")],
)
def test_a_slug_that_yaml_takes_for_something_else_is_a_name_all_the_same(tmp_path: Path, slug: str, name: str) -> None:
    folder = read_folder(written(tmp_path, "python", slug))
    assert (folder.slug, folder.name) == (slug, name)


@pytest.mark.parametrize("language", ["python", "typescript"])
def test_what_is_commented_out_may_be_switched_on(tmp_path: Path, language: scaffold.Language) -> None:
    path = written(tmp_path, language)
    text = (path / "toolset.yml").read_text()
    (path / "toolset.yml").write_text(re.sub(r"^# (packages:|  - |    version|env:)", r"\1", text, flags=re.MULTILINE))
    folder = read_folder(path)
    assert [package.name for package in folder.packages] == ["httpx" if language == "python" else "zod"]
    assert [each.key for each in folder.listing.env] == ["API_TOKEN", "REGION"]


def test_the_code_is_in_the_file_of_its_language() -> None:
    for language, file in CODE_FILES.items():
        assert f"tools/greet/{file}" in scaffold.new_toolset("my-tools", language)
