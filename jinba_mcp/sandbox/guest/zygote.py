"""The zygote: holds what the runs of one version share, and forks a worker whenever the host orders one."""

import json
import os
import signal
from _socket import CMSG_SPACE, socket  # see `namespaces`
from collections.abc import Sequence
from typing import Any, NamedTuple

from . import kernel
from .kernel import Step
from .namespaces import OwnPids, private_tmp
from .worker import Streams, Wall, Worker, becoming, limit_all, restrict, wall

MAX_ORDER_BYTES = 64 * 1024
_ANCILLARY_BYTES = CMSG_SPACE(4 * 4)
_MAX_KEPT_ORDERS = 64


class Walls(NamedTuple):
    """What stands around each worker: the tier, the filter of its system calls, what it may read and execute."""

    tier: str
    program: bytes
    readable: Sequence[str]
    executable: Sequence[str]
    has_proc: bool
    is_brokered: bool = False


class Zygote:
    """Takes orders from `control`, one message each, with the descriptors of the run."""

    def __init__(self, control: socket, walls: Walls) -> None:
        self._control = control
        self._walls = walls
        self._pids = OwnPids() if walls.tier == "namespaces" else None
        self._filter = kernel.Filter(walls.program) if walls.program else None
        self.streams = Streams()
        self._order = bytearray(MAX_ORDER_BYTES)
        self._orders: dict[bytes, Worker] = {}
        self._born = 0
        self._children: dict[int, tuple[int, int]] = {}
        limit_all()
        signal.signal(signal.SIGCHLD, self._reap)

    def serve(self) -> None:
        """Fork workers until the host lets go."""
        while True:
            length, ancillary, _flags, _address = self._control.recvmsg_into([self._order], _ANCILLARY_BYTES)
            if not length:
                os._exit(0)
            message = bytes(self._order[:length])
            descriptors = memoryview(ancillary[0][2]).cast("i").tolist() if ancillary else []
            self._born += 1
            worker = self._orders.get(message) or self._prepared(message)
            try:
                pid = self._pids.fork() if self._pids else os.fork()
            except OSError as error:
                self._tell({"unborn": [self._born, error.errno]})
            else:
                if pid == 0:
                    worker.run(descriptors)
                self._children[pid] = (self._born, worker.cpu_s)
            for descriptor in descriptors:
                os.close(descriptor)

    def _prepared(self, message: bytes) -> Worker:
        if len(self._orders) >= _MAX_KEPT_ORDERS:
            self._orders.clear()
        order = json.loads(message)
        worker = Worker(self._wall(order), self.streams, order)
        self._orders[message] = worker
        return worker

    def _wall(self, order: dict[str, Any]) -> Wall:
        walls, folder = self._walls, order.get("folder")
        if walls.tier == "namespaces":
            # Its PID namespace dies with the zygote's.
            private = private_tmp(order["tmp_bytes"], has_proc=walls.has_proc)
            return wall(order, entering=private, filter_=self._filter)
        entering: list[Step] = [(kernel.die_with_parent, ())]
        if order.get("user_id") is not None:
            entering += becoming(order["user_id"], is_brokered=walls.is_brokered)
        if walls.tier == "landlock":
            entering.append((restrict, (folder, walls.readable, walls.executable)))
        return wall(order, entering=entering, folder=folder, filter_=self._filter)

    def _reap(self, _signal: int, _frame: object) -> None:
        while True:
            try:
                pid, status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            number, allowed_s = self._children.pop(pid, (0, 0))
            used_s = usage.ru_utime + usage.ru_stime
            # The host itself kills most of them, and need not be told, unless it was the limit that did.
            if status and (status != signal.SIGKILL or used_s >= allowed_s):
                self._tell({"ended": [number, status, used_s]})

    def _tell(self, message: dict[str, Any]) -> None:
        try:
            self._control.send(json.dumps(message).encode())
        except OSError:
            os._exit(0)
