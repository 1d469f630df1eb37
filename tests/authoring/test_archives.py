"""Archives: what comes out goes in again byte for byte, and nothing else goes in at all."""

import io
import random
import stat
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jinba_mcp.authoring import archives, folder
from jinba_mcp.authoring.archives import read_archive, write_archive
from jinba_mcp.domain.errors import ArchiveInvalid, FolderInvalid
from jinba_mcp.domain.json_values import holds_nul
from jinba_mcp.domain.packages import Lock, Package
from jinba_mcp.domain.sources import Source, SourceTool
from tests.domain.generated import JSON

FILES = {
    "my-tools/toolset.yml": b"name: My tools\n",
    "my-tools/tools/greet/tool.yml": b"name: Greet\n",
    "my-tools/tools/greet/main.py": b"def run(): ...\n",
}


def packed(files: dict[str, bytes], change: Callable[[zipfile.ZipInfo], None] = lambda _: None) -> bytes:
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            entry = zipfile.ZipInfo(name)
            entry.compress_type = zipfile.ZIP_DEFLATED
            change(entry)
            archive.writestr(entry, content)
    return written.getvalue()


def refusal(archive: bytes) -> str:
    with pytest.raises((ArchiveInvalid, FolderInvalid)) as refused:
        read_archive(archive)
    return refused.value.message


def test_the_folder_in_an_archive_is_read_as_one_on_the_disk() -> None:
    read = read_archive(packed(FILES))
    assert (read.slug, read.name, [tool.slug for tool in read.tools]) == ("my-tools", "My tools", ["greet"])
    with_folders = {"my-tools/": b"", "my-tools/tools/": b"", "my-tools/tools/greet/": b"", **FILES}
    assert read_archive(packed(with_folders)) == read


PLACES = [
    "my-tools/../evil.yml", "../toolset.yml", "/my-tools/toolset.yml", "my-tools//toolset.yml", "C:/toolset.yml",
    "my-tools\\toolset.yml", "my-tools/./toolset.yml", "my-tools/Toolset.yml", "my-tools/tools/Greet/tool.yml",
    "my-tools/README.md", "my-tools/inner.zip", "__MACOSX/my-tools/._toolset.yml", "my-tools/tools/greet/x/main.py",
    "toolset.yml", "my-tools/tools/greet/main.py/", "my-tools/tools/\u0435/tool.yml", "my-tools/tools/greet/main.py ",
    "my-tools/tool\x00set.yml", "other-\u00e9/toolset.yml",
]  # fmt: skip


@pytest.mark.parametrize("name", PLACES)
def test_what_has_no_place_in_a_folder_is_refused_by_its_name(name: str) -> None:
    raw = packed({**FILES, name.replace("\x00", "?"): b"x"}).replace(b"tool?set", b"tool\x00set")
    assert refusal(raw).endswith("has no place in the archive of a ToolSet, so it is not taken.")


def test_names_are_taken_once() -> None:
    other = packed({**FILES, "my-tools/toolset.yam": b"name: Other\n"})
    assert "twice" in refusal(other.replace(b"toolset.yam", b"toolset.yml"))


def test_one_folder_is_taken_and_not_two_or_none() -> None:
    assert "it holds 2" in refusal(packed({**FILES, "other-tools/toolset.yml": b"name: O\n"}))
    assert "it holds 0" in refusal(packed({}))
    assert "toolset.yml: missing" in refusal(packed({"my-tools/": b""}))
    assert "main.py: missing" in refusal(packed({k: v for k, v in FILES.items() if not k.endswith(".py")}))


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFCHR, stat.S_IFBLK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFDIR])
def test_links_and_devices_are_refused(kind: int) -> None:
    def turn(entry: zipfile.ZipInfo) -> None:
        entry.create_system, entry.external_attr = 3, (kind | 0o777) << 16

    assert "is a link or a device" in refusal(packed(FILES, turn))


def test_encrypted_entries_and_other_ways_of_packing_are_refused() -> None:
    plain = packed(FILES)
    central = plain.index(b"PK\x01\x02")
    assert "encrypted" in refusal(plain[: central + 8] + b"\x01" + plain[central + 9 :])

    def bzip(entry: zipfile.ZipInfo) -> None:
        entry.compress_type = zipfile.ZIP_BZIP2

    assert "use deflate" in refusal(packed(FILES, bzip))


def test_a_bomb_is_stopped_by_what_comes_out_of_it() -> None:
    bomb = packed({**FILES, "my-tools/tools/greet/main.py": b"\n" * 40_000_000})
    assert len(bomb) < 50_000
    assert "unpacks to more" in refusal(bomb)
    # One that says to be small is cut there, and found out by its checksum.
    size = struct.pack("<L", 40_000_000)
    assert "not a ZIP file that can be read" in refusal(bomb.replace(size, struct.pack("<L", 10)))
    many = {f"my-tools/tools/t{number}/main.py": b"" for number in range(archives.MAX_ENTRIES + 1)}
    assert "more than" in refusal(packed(many))


def test_so_much_yaml_is_read_and_no_more() -> None:
    noise = random.Random(0)  # noqa: S311  bytes that do not pack, so that it is not the ratio that counts
    many = {
        f"my-tools/tools/t{number}/tool.yml": b"name: x\n#" + noise.randbytes(220_000).hex().encode()
        for number in range(10)
    }
    assert "unpacks to more" in refusal(packed({**FILES, **many}))


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty", "text", "only the end", "checksum"])
def test_what_is_no_archive_is_refused(damage: str) -> None:
    whole = packed(FILES)
    broken = {
        "cut": whole[:-30],
        "flipped": whole[:60] + bytes([whole[60] ^ 255]) + whole[61:],
        "empty": b"",
        "text": b"name: My tools\n" * 10,
        "only the end": whole[whole.index(b"PK\x05\x06") :],
        "checksum": whole.replace(struct.pack("<L", zlib.crc32(FILES["my-tools/toolset.yml"])), b"abcd"),
    }[damage]
    assert refusal(broken)


@settings(max_examples=2 * settings().max_examples)
@given(st.integers(0, 600), st.binary(min_size=1, max_size=4))
def test_no_damage_gets_through_or_out_as_anything_else(place: int, bytes_put: bytes) -> None:
    whole = packed(FILES)
    damaged = whole[:place] + bytes_put + whole[place + len(bytes_put) :]
    with suppress(ArchiveInvalid, FolderInvalid):
        assert read_archive(damaged).slug == "my-tools"


@pytest.mark.parametrize("text", [b"\xff\xfe", "naïve".encode("latin-1"), b"x\0"])
def test_text_that_is_no_utf_8_is_refused(text: bytes) -> None:
    assert "main.py: " in refusal(packed({**FILES, "my-tools/tools/greet/main.py": text}))


def test_the_same_source_is_always_the_same_bytes() -> None:
    source = Source(slug="my-tools", tools=(SourceTool(slug="b", code="1"), SourceTool(slug="a", code="2")))
    written = write_archive(source)
    assert write_archive(source.model_copy(update={"tools": source.tools[::-1]})) == written
    with zipfile.ZipFile(io.BytesIO(written)) as archive:
        assert archive.namelist() == [
            "my-tools/toolset.yml",
            "my-tools/tools/a/tool.yml", "my-tools/tools/a/main.py",
            "my-tools/tools/b/tool.yml", "my-tools/tools/b/main.py",
        ]  # fmt: skip
        assert archive.read("my-tools/toolset.yml") == b"name: my-tools\nlanguage: python\n"
        assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_code_that_packs_like_a_bomb_can_be_read_again() -> None:
    tools = tuple(SourceTool(slug=f"t{number}", code=" " * 500_000) for number in range(20))
    assert len(read_archive(write_archive(Source(slug="my-tools", tools=tools))).tools) == 20


@pytest.mark.slow
def test_the_largest_schemas_can_be_read_again() -> None:
    deep: Any = [1] * 20_000
    for _ in range(20):
        deep = {"enum": [deep]}
    tool = SourceTool(slug="t", code="", input_schema={"type": "object", "default": deep})
    archive = write_archive(Source(slug="my-tools", tools=(tool,)))
    assert read_archive(archive).tools[0].input_schema == tool.input_schema


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
LINES = st.lists(TEXT | st.sampled_from(["", " ", "\t", "- a", "a: b", "# c", "'", '"', "|", "~", "1e3", "yes"])).map(
    "\n".join
)
SCHEMAS = st.none() | st.fixed_dictionaries(
    {"type": st.just("object")},
    optional={
        "title": TEXT,
        "description": LINES,
        "default": JSON.filter(lambda value: not holds_nul(value)),
        "properties": st.dictionaries(TEXT, st.just({"type": "string"}), max_size=3),
    },
)
TOOLS = st.builds(
    SourceTool,
    slug=st.from_regex(r"[a-z0-9]([a-z0-9_-]{0,5}[a-z0-9])?", fullmatch=True),
    name=TEXT,
    description=LINES,
    entrypoint=st.sampled_from(["run", "main", "$x"]),
    code=LINES.map(lambda text: text.removeprefix("\ufeff")),
    input_schema=SCHEMAS,
    output_schema=SCHEMAS,
    annotations=st.fixed_dictionaries({}, optional={"title": TEXT, "readOnlyHint": st.booleans()}),
)
VARIABLES: list[dict[str, Any]] = [
    {"key": "A", "secret": True}, {"key": "B", "value": ""}, {"key": "C", "value": "no\n"},
]  # fmt: skip
LISTINGS = st.fixed_dictionaries(
    {},
    optional={
        "visibility": st.sampled_from(["private", "public", "restricted"]),
        "mcp_enabled": st.booleans(),
        "prices": st.dictionaries(st.sampled_from(["on", "1e3", "greet"]), st.integers(1, 9)),
        "tags": st.lists(TEXT.filter(bool), max_size=3),
        "shared_with": st.lists(st.sampled_from(["acme", "on", "1e3", "org_01"]), max_size=2),
        "env": st.lists(st.sampled_from(VARIABLES), max_size=3, unique_by=lambda each: str(each["key"])),
    },
)
SANDBOXES = st.fixed_dictionaries(
    {},
    optional={
        "provider": st.sampled_from(["local", "docker"]),
        "timeout_s": st.sampled_from([1, 0.5, 900]),
        "memory_mb": st.integers(16, 100),
        "network": st.sampled_from(["on", "off", ["api.example.com", "*.example.org"]]),
        "mode": st.sampled_from(["one_shot", "reuse"]),
        "prewarm": st.sampled_from(["off", "tool"]),
    },
)
PACKAGES = st.lists(
    st.builds(Package, name=TEXT.filter(bool), version=st.none() | st.sampled_from(["1.0", "2", ">=1"])), max_size=2
)


@pytest.mark.slow  # generated input
@given(
    st.builds(
        Source,
        slug=st.just("my-tools"),
        name=TEXT,
        description=LINES,
        language=st.sampled_from(["python", "typescript"]),
        packages=PACKAGES.map(tuple),
        sandbox=SANDBOXES,
        tools=st.lists(TOOLS, max_size=3, unique_by=lambda tool: tool.slug).map(tuple),
        listing=LISTINGS,
        lock=st.none() | st.builds(Lock, kind=st.just("python"), packages=st.just(()), text=LINES),
    )
)
def test_what_is_written_is_read_and_written_the_same(source: Source) -> None:
    written = write_archive(source)
    read = Source.model_validate(read_archive(written).model_dump())
    assert write_archive(read) == written
    named = source.model_copy(update={"name": source.name or source.slug})
    assert read.model_dump(exclude={"tools"}) == named.model_dump(exclude={"tools"})
    tools = {tool.slug: tool.model_copy(update={"name": tool.name or tool.slug}) for tool in source.tools}
    assert {tool.slug: tool for tool in read.tools} == tools


def test_no_yml_file_that_is_written_is_too_long_to_be_read() -> None:
    wide = {"type": "object", "enum": ["\x9f" * 10] * 3_000}
    tool = SourceTool(slug="t", code="", description="\x9f" * 20_000, input_schema=wide, output_schema=wide)
    with zipfile.ZipFile(io.BytesIO(write_archive(Source(slug="my-tools", tools=(tool,))))) as archive:
        assert max(entry.file_size for entry in archive.infolist()) <= folder.MAX_YML_BYTES
