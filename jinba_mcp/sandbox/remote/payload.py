"""What is put on a machine: the runner with what it imports, and the commands that install and start it."""

import functools
import io
import zipfile
from importlib import resources

_MODULES = (
    ("jinba_mcp.sandbox.remote", ("runner",)),
    ("jinba_mcp.sandbox.guest", None),
    ("jinba_mcp.authoring", ("__init__", "progress")),
    ("jinba_mcp.domain", ("progress", "content", "records")),
)
"""By package: its modules, or None for all. Packages whose `__init__` is not among them get an empty one."""

_TIME = (1980, 1, 1, 0, 0, 0)


@functools.cache
def archive() -> bytes:
    """A ZIP file of our modules, the same bytes for the same code."""
    files = {f"{parent}/__init__.py": b"" for parent in ("jinba_mcp", "jinba_mcp/sandbox")}
    for package, names in _MODULES:
        folder = package.replace(".", "/")
        files[f"{folder}/__init__.py"] = b""
        for entry in resources.files(package).iterdir():
            stem, _, suffix = entry.name.rpartition(".")
            if suffix == "py" and (names is None or stem in names):
                files[f"{folder}/{entry.name}"] = entry.read_bytes()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as target:
        for name, content in sorted(files.items()):
            target.writestr(zipfile.ZipInfo(name, _TIME), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


_UNPACK = """
import compileall, sys, zipfile
if sys.version_info < (3, 11):
    sys.exit("Python 3.11 or newer is needed")
zipfile.ZipFile(sys.argv[1]).extractall(sys.argv[2])
sys.exit(not compileall.compile_dir(sys.argv[2], quiet=1))
"""


def unpack_command(root: str) -> list[str]:
    """From the archive at `{root}/runner.zip` to modules that start without compiling; fails on an old Python."""
    return ["python3", "-I", "-c", _UNPACK, f"{root}/runner.zip", f"{root}/lib"]


def install_command(root: str) -> list[str]:
    """Installs what `{root}/requirements.txt` lists, by hash, from wheels only: no code of the packages runs."""
    flags = ["--no-input", "--disable-pip-version-check", "--no-cache-dir", "--no-deps", "--require-hashes"]
    source = ["--only-binary", ":all:", "--target", f"{root}/packages", "-r", f"{root}/requirements.txt"]
    return ["python3", "-I", "-m", "pip", "install", "--quiet", *flags, *source]


def run_command(root: str) -> list[str]:
    """Starts the runner."""
    start = "from jinba_mcp.sandbox.remote.runner import main; main()"
    return ["python3", "-I", "-c", f"import sys; sys.path[:0] = ['{root}/packages', '{root}/lib']; {start}"]
