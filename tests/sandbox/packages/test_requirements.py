"""Strangers ask for packages: by name and version, and by nothing else that an installer would follow."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from packaging.requirements import Requirement

from jinba_mcp.domain.errors import PackagesUnresolvable
from jinba_mcp.domain.packages import Package
from jinba_mcp.sandbox.packages import requirements


def _python(name: str, version: str | None = None) -> str:
    return requirements.python((Package(name=name, version=version),))[0]


def _npm(name: str, version: str | None = None) -> str:
    return requirements.npm((Package(name=name, version=version),))[name]


@pytest.mark.parametrize(
    ("name", "version", "line"),
    [
        ("requests", None, "requests"),
        ("slack_sdk", "3.40.0", "slack_sdk==3.40.0"),
        ("Zope.Interface", "5.0rc1", "Zope.Interface==5.0rc1"),
        ("numpy", "==2.2.0", "numpy==2.2.0"),
        ("numpy", ">=2, <3", "numpy<3,>=2"),
        ("numpy", "~=2.1", "numpy~=2.1"),
        ("numpy", "2.*", "numpy==2.*"),
        ("markitdown[pdf,docx]", "0.1.3", "markitdown[pdf,docx]==0.1.3"),
        ("torch", "2.5.0+cpu", "torch==2.5.0+cpu"),
    ],
)
def test_names_and_versions_of_python_packages_are_passed_on(name: str, version: str | None, line: str) -> None:
    assert _python(name, version) == line


@pytest.mark.parametrize(
    "name",
    [
        "",
        "six @ https://example.com/six.whl",
        "six@file:///etc/passwd",
        "git+https://example.com/six",
        "https://example.com/six.whl",
        "--index-url=https://example.com",
        "-r requirements.txt",
        "-e .",
        "./six",
        "../six",
        "/six.whl",
        "six\n--extra-index-url https://example.com",
        "six\rsix",
        "six\x00",
        "six; python_version < '4'",
        "six ; sys_platform == 'linux'",
        "six # comment",
        "six==1.0",
        "six six",
        "six\\",
        "$HOME",
        "${HOME}",
        "six[",
        "six[a b]",
        "six[a]@x",
        "\u0455\u0456\u0445",
        "_six",
        "six-",
    ],
)
def test_what_is_no_name_of_a_python_package_is_refused(name: str) -> None:
    package = Package.model_construct(name=name, version=None)
    with pytest.raises(PackagesUnresolvable, match="is no name of a Python package"):
        requirements.python((package,))


@pytest.mark.parametrize(
    "version",
    [
        "latest",
        "^1.2",
        "1.0; python_version<'4'",
        ">=1 ; sys_platform=='linux'",
        "1.0 --hash=sha256:0",
        "==1.0\n--index-url=x",
        "===anything@goes",
        "=== https://example.com",
        "@ https://example.com/x.whl",
        "https://example.com",
        "file:///x",
        ",",
        "$X",
        "",
    ],
)
def test_what_is_no_version_of_a_python_package_is_refused(version: str) -> None:
    package = Package.model_construct(name="six", version=version)
    with pytest.raises(PackagesUnresolvable, match="'six' has no usable version") as refusal:
        requirements.python((package,))
    assert refusal.value.details == {"package": "six"}


@given(st.text(max_size=40), st.none() | st.text(max_size=40))
def test_whatever_passes_is_one_requirement_without_address_or_marker(name: str, version: str | None) -> None:
    package = Package.model_construct(name=name, version=version)
    try:
        (line, _) = requirements.python((package,))
    except PackagesUnresolvable as refusal:
        line = refusal.message
    else:
        read = Requirement(line)
        assert (read.url, read.marker) == (None, None)
    assert line.isprintable()


@pytest.mark.parametrize(
    ("name", "version", "wanted"),
    [
        ("zod", None, "latest"),
        ("zod", "4.1.0", "4.1.0"),
        ("zod", "^4", "^4"),
        ("@scope/name", "~1.2.3", "~1.2.3"),
        ("lodash", ">=4.17 <5", ">=4.17 <5"),
        ("lodash", "3.x || >=4.17.0 <5.0.0", "3.x || >=4.17.0 <5.0.0"),
        ("lodash", "1.2.3 - 2.3.4", "1.2.3 - 2.3.4"),
        ("lodash", "*", "*"),
        ("left-pad", "1.0.0-beta.1", "1.0.0-beta.1"),
    ],
)
def test_names_and_versions_of_npm_packages_are_passed_on(name: str, version: str | None, wanted: str) -> None:
    assert _npm(name, version) == wanted


@pytest.mark.parametrize(
    "name",
    [
        "",
        "../zod",
        "./zod",
        ".zod",
        "zod/v4",
        "@zod",
        "@a/b/c",
        "Zod",
        "npm:zod",
        "https://example.com/zod.tgz",
        "zod@4",
        "zod\n",
        "--allow-scripts",
        "zod zod",
        "жод",
        "__proto__/x",
    ],
)
def test_what_is_no_name_of_an_npm_package_is_refused(name: str) -> None:
    package = Package.model_construct(name=name, version=None)
    with pytest.raises(PackagesUnresolvable, match="is no name of an npm package"):
        requirements.npm((package,))


@pytest.mark.parametrize(
    "version",
    [
        "latest",
        "next",
        "npm:other@1",
        "file:../x",
        "link:../x",
        "workspace:*",
        "git+ssh://x",
        "github:a/b",
        "a/b",
        "https://example.com/x.tgz",
        "1.0.0\n",
        "catalog:",
        "jsr:1",
        ">=",
        "",
    ],
)
def test_what_is_no_version_of_an_npm_package_is_refused(version: str) -> None:
    package = Package.model_construct(name="zod", version=version)
    with pytest.raises(PackagesUnresolvable, match="'zod' has no usable version"):
        requirements.npm((package,))


def test_a_package_that_is_listed_twice_is_refused() -> None:
    twice = (Package(name="slack_sdk"), Package(name="Slack-SDK[async]", version="3.0"))
    with pytest.raises(PackagesUnresolvable, match="listed more than once"):
        requirements.python(twice)
    with pytest.raises(PackagesUnresolvable, match="listed more than once"):
        requirements.npm((Package(name="zod"), Package(name="zod", version="4")))


def test_a_list_has_an_end() -> None:
    many = tuple(Package(name=f"p{number}") for number in range(requirements.MAX_PACKAGES + 1))
    with pytest.raises(PackagesUnresolvable, match="can list 100 packages"):
        requirements.python(many)


def test_what_tools_describe_themselves_with_comes_along_unless_listed() -> None:
    assert requirements.python(()) == ("pydantic>=2.12,<3",)
    assert requirements.npm(()) == {"zod": "^4.2"}
    assert requirements.npm((Package(name="zod", version="4.0.1"),)) == {"zod": "4.0.1"}
    assert requirements.python((Package(name="pydantic", version="2.12.1"),))[0] == "pydantic==2.12.1"
