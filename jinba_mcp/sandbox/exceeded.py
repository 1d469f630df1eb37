"""The errors of runs that went over a limit: one name and one sentence for each, whichever engine has seen it."""

import re

from jinba_mcp.domain.runs import RunError
from jinba_mcp.sandbox.engine import Limits

# EFBIG and ENOSPC, as Python, Deno and Node write them.
_NO_ROOM = re.compile(r"\[Errno (?:27|28)\]|[^\n]*\(os error (?:27|28)\)|(?:EFBIG|ENOSPC):")
_NO_BUFFER = re.compile(r"Array buffer allocation failed|WebAssembly\.Memory\S* (?:Unable|could not)")
_NO_THREAD = "can't start new thread"
_NO_PROCESS = "[Errno 11]"
_MIB = 1024 * 1024


def timeout(tool: str, limits: Limits, *, was_loading: bool = False) -> RunError:
    """It took too long, perhaps before `run` was entered."""
    if was_loading:
        message = f"Loading the code of '{tool}' took longer than {limits.timeout_s:g} s, so it was not run."
    else:
        message = f"'{tool}' took longer than {limits.timeout_s:g} s and was ended."
    return RunError(name="Timeout", message=message)


def cpu(tool: str, limits: Limits) -> RunError:
    """It kept a processor busy for too long."""
    message = f"'{tool}' used more than its {limits.cpu_s:g} s of processor time and was ended."
    return RunError(name="CpuLimit", message=message)


def memory(tool: str, limits: Limits) -> RunError:
    """It needed too much memory."""
    return RunError(name="MemoryLimit", message=f"'{tool}' needed more than its {_mib(limits.memory_bytes)} of memory.")


def output(limits: Limits) -> RunError:
    """What it returned is too long."""
    return RunError(name="OutputLimit", message=f"The result is longer than {limits.output_bytes} bytes of JSON.")


def behind(name: str, message: str, tool: str, limits: Limits) -> RunError | None:
    """The limit that stands behind an exception of Python or JavaScript, if any does."""
    if name == "MemoryError" or (name == "RangeError" and _NO_BUFFER.match(message)):
        return memory(tool, limits)
    if (name, message) == ("RuntimeError", _NO_THREAD) or (
        name == "BlockingIOError" and message.startswith(_NO_PROCESS)
    ):
        said = f"'{tool}' started more threads or processes than its {limits.process_count}, or has no memory for more."
        return RunError(name="ProcessLimit", message=said)
    if name in ("OSError", "Error") and _NO_ROOM.match(message):
        return RunError(name="TmpLimit", message=f"'{tool}' wrote more than its {_mib(limits.tmp_bytes)} into /tmp.")
    return None


def _mib(count: int) -> str:
    return f"{count / _MIB:g} MiB"
