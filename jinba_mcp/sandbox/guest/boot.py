"""Starts a zygote: walls first, then what its workers share, then it waits for orders.

The host starts this with a clean environment and one socket, on which every message is one JSON object.
"""

import gc
import importlib
import json
import os
import resource
import sys
from _socket import SCM_RIGHTS, SOL_SOCKET, socket  # see `namespaces`
from collections.abc import Sequence
from typing import Any

from . import kernel, namespaces, session, tools, worker
from .zygote import Walls, Zygote

MAX_MESSAGE_BYTES = 1024 * 1024
PROXY_PORT = 3128
_BACKLOG = 128
_MAX_PROCESSES = 4096
_SIOCSIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8914, 0x1, 0x40


def main(control_fd: int) -> None:
    """Be a zygote until the host lets go; what stops it from becoming one is told to the host."""
    # Among the lowest numbers; the server's own may be any.
    control = socket(fileno=os.dup(control_fd))
    os.close(control_fd)
    config = json.loads(control.recv(MAX_MESSAGE_BYTES))
    try:
        walls = _walled(control, config)
        _share(config)
        zygote = Zygote(control, walls)
    except (OSError, ImportError) as error:
        control.send(json.dumps({"failed": f"{type(error).__name__}: {error}"[:2000]}).encode())
        os._exit(1)
    zygote.streams.stand_in()
    gc.collect()
    # Nothing that is here now will ever be garbage; frozen, its pages stay shared with every worker.
    gc.freeze()
    control.send(b'{"ready": true}')
    zygote.serve()


def _walled(control: socket, config: dict[str, Any]) -> Walls:
    def ask_for_map() -> None:
        control.send(b'{"map": true}')
        if not control.recv(64):
            os._exit(0)

    tier = config["tier"]
    if tier == "namespaces":
        namespaces.enter(config["root"], config["shown"], has_proc=not config["is_python"], ask_for_map=ask_for_map)
        if config["has_network"]:
            _open_door(control)
        namespaces.give_up_privileges()
        # What packages start while they are imported is counted in this namespace, with all workers and their threads.
        resource.setrlimit(resource.RLIMIT_NPROC, (_MAX_PROCESSES, _MAX_PROCESSES))
    else:
        kernel.die_with_parent()
        kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
        if tier == "landlock":
            _restrict(config)
        if config["broker_filter"]:
            _open_broker(control, bytes.fromhex(config["broker_filter"]))
    os.umask(0o077)
    if config["zygote_filter"]:
        kernel.Filter(bytes.fromhex(config["zygote_filter"])).install()
    return Walls(
        tier=tier,
        program=bytes.fromhex(config["worker_filter"]),
        readable=tuple(config["readable"]),
        executable=tuple(config["executable"]),
        is_brokered=bool(config["broker_filter"]),
        has_proc=not config["is_python"],
    )


def _restrict(config: dict[str, Any]) -> None:
    """Before any package is imported: its code is a stranger's. Workers restrict themselves further."""
    from . import landlock  # noqa: PLC0415  only this tier has it

    # Programs read their own maps; which those will be is known in each worker only.
    own = ("/proc",) if config["executable"] else ()
    landlock.restrict([*config["readable"], *own], [*config["writable"], "/dev/null"], config["executable"])
    # CAP_KILL, because the signal at the parent's death needs the parent's permission, and workers are other users. The
    # filter lets this process send none itself. An ordinary user may have been given some capabilities, too.
    kept = (kernel.CAP_KILL, kernel.CAP_SETGID, kernel.CAP_SETUID)
    kernel.keep_capabilities(kept if os.geteuid() == 0 else ())


def _open_door(control: socket) -> None:
    """Let the host listen on a port of this network namespace: the one way out, and the host decides where to."""
    import fcntl  # noqa: PLC0415  only this kind has it
    import socket  # noqa: PLC0415  as above
    import struct  # noqa: PLC0415  as above

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        request = struct.pack("16sH14x", b"lo", _IFF_UP | _IFF_RUNNING)
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, request)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", PROXY_PORT))
        listener.listen(_BACKLOG)
        _hand_over(control, b'{"listener": true}', listener.fileno())


def _open_broker(control: socket, program: bytes) -> None:
    """Let the host answer our `connect` calls, and those of all workers: the one way out without a namespace."""
    from . import notifying  # noqa: PLC0415  as above

    listener = notifying.listen(program)
    _hand_over(control, b'{"broker": true}', listener)
    os.close(listener)


def _hand_over(control: socket, message: bytes, descriptor: int) -> None:
    control.sendmsg([message], [(SOL_SOCKET, SCM_RIGHTS, descriptor.to_bytes(4, sys.byteorder))])


def _share(config: dict[str, Any]) -> None:
    package = sys.modules[__package__ or "guest"]
    package.__path__ = [config["guest"]]  # where this folder is, now that the walls are up
    sys.path += config["paths"]
    importlib.invalidate_caches()
    os.environ.update(config["variables"])
    if config["is_python"]:
        tools.reporting(session.reporter)
        worker.rehearse()
    if config["tier"] != "namespaces" and not _are_packages_ours(config["paths"]):
        # Only namespaces hold a zygote: elsewhere it may become other users, and what it starts is nobody's to end.
        return
    if "pydantic" in config["preimport"]:
        # Every page of it makes each fork dearer, so only those who use it have it.
        tools.preload()
    for name in config["preimport"]:
        _import_if_possible(name)


def _are_packages_ours(paths: Sequence[str]) -> bool:
    """Whether there are only those that lie beside our own base."""
    base, *packages = paths
    return all(os.path.dirname(path) == os.path.dirname(base) for path in packages)  # noqa: PTH120  pathlib is not imported here


def _import_if_possible(name: str) -> None:
    try:
        importlib.import_module(name)
    except BaseException:  # noqa: BLE001  a package's own code: whatever fails here fails again where it is needed
        sys.modules.pop(name, None)
