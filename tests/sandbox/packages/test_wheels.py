"""Wheels made here are looked at before anybody uses them, and made once."""

import hashlib
import struct
import tracemalloc
import zipfile
from pathlib import Path

import pytest

from jinba_mcp.sandbox.packages import walled, wheels
from jinba_mcp.sandbox.packages.installers import Installers, Interpreter
from jinba_mcp.sandbox.packages.locks import Pin, Source
from jinba_mcp.sandbox.packages.walled import Answer, BuildFailed, Order
from jinba_mcp.sandbox.packages.wheels import Builder
from tests.sandbox.packages.conftest import Workshop
from tests.sandbox.packages.registries import Registry, wheel
from tests.sandbox.packages.sdists import sdist, seen

pytestmark = pytest.mark.slow

NAME = "sums-1.0.0-py3-none-any.whl"
SOURCE = Source("sums", "1.0.0", "0" * 64)


def _pin(archive: bytes) -> Pin:
    return Pin("sums==1.0.0", "sums", "1.0.0", (hashlib.sha256(archive).hexdigest(),))


async def test_a_wheel_is_made_once_for_the_same_source_and_tools(
    workshop: Workshop, registry: Registry, builders: Installers, python: Interpreter
) -> None:
    archive = sdist("sums", "1.0.0", needs=("Adding >= 1",))
    registry.add_sdist("sums", "1.0.0", archive)
    builder, told = Builder(builders, python), list[str]()
    made = await builder.make(_pin(archive), told.append)
    assert (seen(made.path), made.tools, made.needs) == ("built", "", ("Adding>=1",))
    again = await builder.remake(made.source, made.tools, told.append)
    assert again == made
    assert told == ["Fetching the source of sums 1.0.0", "Building sums 1.0.0"]
    assert made.sha256 == hashlib.sha256(made.path.read_bytes()).hexdigest()


async def test_a_build_that_asks_for_something_else_each_time_is_given_up(
    workshop: Workshop, registry: Registry, builders: Installers, python: Interpreter, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers = iter(range(100))

    async def asking(order: Order, scratch: Path, **_: object) -> Answer:
        number = next(numbers)
        registry.add_wheel(f"more{number}", "1.0.0")
        return Answer(needs=(*(order.given or ()), f"more{number}"))

    monkeypatch.setattr(walled, "build", asking)
    archive = sdist("sums", "1.0.0")
    registry.add_sdist("sums", "1.0.0", archive)
    with pytest.raises(BuildFailed, match="other requirements each time"):
        await Builder(builders, python).make(_pin(archive), lambda _: None)
    assert next(numbers) < 10
    assert list((builders.cache_dir / "building").iterdir()) == []


def _refused(path: Path, content: bytes) -> str:
    path.write_bytes(content)
    with pytest.raises(BuildFailed) as caught:
        wheels._needs(SOURCE, path)
    return str(caught.value)


def test_a_wheel_says_what_it_needs(tmp_path: Path) -> None:
    file = tmp_path / NAME
    file.write_bytes(wheel("sums", "1.0.0", {}, requires=("adding (>=1)", "more; extra == 'all'")))
    assert wheels._needs(SOURCE, file) == ("adding>=1", 'more; extra == "all"')


@pytest.mark.parametrize(
    ("name", "module", "version"),
    [
        ("pydantic-1.0.0-py3-none-any.whl", "pydantic", "1.0.0"),
        ("sums-1.0.1-py3-none-any.whl", "sums", "1.0.1"),
        (NAME, "pydantic", "1.0.0"),
        (NAME, "sums", "1.0.1"),
    ],
)
def test_the_wheel_of_another_package_is_refused(tmp_path: Path, name: str, module: str, version: str) -> None:
    assert "another package" in _refused(tmp_path / name, wheel(module, version, {}))


@pytest.mark.parametrize("name", ["sums.whl", "sums-1.0.0.whl", "sums-x-py3-none-any.whl", "sums-1.0.0-py3.whl"])
def test_a_wheel_without_the_name_of_one_is_refused(tmp_path: Path, name: str) -> None:
    assert "no usable wheel" in _refused(tmp_path / name, wheel("sums", "1.0.0", {}))


@pytest.mark.parametrize("content", [b"", b"root:x:0:0", b"PK\x03\x04" + b"\0" * 100, wheel("sums", "1.0.0", {})[:-30]])
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "no usable wheel" in _refused(tmp_path / NAME, content)


def test_metadata_of_unreasonable_size_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "bomb"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("sums-1.0.0.dist-info/METADATA", b"x" * 50 * 1024 * 1024)
    assert "unreasonable size" in _refused(tmp_path / NAME, file.read_bytes())


def test_two_metadata_are_refused(tmp_path: Path) -> None:
    content = wheel("sums", "1.0.0", {"other-1.0.dist-info/METADATA": "Name: other"})
    assert "METADATA of its own" in _refused(tmp_path / NAME, content)


@pytest.mark.parametrize(
    "need", ["adding @ https://a.example/a.whl", "adding @ file:///etc", "--index-url https://a.example", "-e .", "ädd"]
)
def test_needs_that_are_no_plain_requirements_are_refused(tmp_path: Path, need: str) -> None:
    assert "no usable wheel" in _refused(tmp_path / NAME, wheel("sums", "1.0.0", {}, requires=(need,)))


@pytest.mark.parametrize(("place", "value"), [(8, 1), (10, zipfile.ZIP_DEFLATED), (10, zipfile.ZIP_LZMA), (10, 99)])
def test_metadata_that_cannot_be_unpacked_is_refused(tmp_path: Path, place: int, value: int) -> None:
    content = bytearray(wheel("sums", "1.0.0", {}))
    # Said twice: before the file, and two bytes later in the directory.
    content[place - 2] = content[content.index(b"PK\x01\x02") + place] = value
    assert "no usable wheel" in _refused(tmp_path / NAME, bytes(content))


def test_a_need_that_nests_without_end_is_refused(tmp_path: Path) -> None:
    content = wheel("sums", "1.0.0", {}, requires=(f"adding; {'(' * 20_000}",))
    assert "no usable wheel" in _refused(tmp_path / NAME, content)


def test_an_archive_takes_no_memory_for_all_that_it_says_it_holds(tmp_path: Path) -> None:
    count = 300_000
    entry = struct.pack("<4s6H3L5H2L", b"PK\x01\x02", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    size_bytes = len(entry) * count
    end = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 0, 0, size_bytes, 0, 0)
    tracemalloc.start()
    try:
        assert "no usable wheel" in _refused(tmp_path / NAME, entry * count + end)
        assert tracemalloc.get_traced_memory()[1] < 3 * size_bytes
    finally:
        tracemalloc.stop()
