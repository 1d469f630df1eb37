"""A folder and a user for each run, where sandboxes have no file tree of their own."""

import asyncio
import contextlib
import fcntl
import hashlib
import logging
import os
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jinba_mcp.sandbox.local import peers
from jinba_mcp.sandbox.local.clearing import clear
from jinba_mcp.sandbox.local.users import unused_id

_DEATH_WAIT_S = 5.0
_PREFIX = "jinba-runs-"
_NEW_PREFIX = "jinba-new-"
_ENTERED = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_log = logging.getLogger(__name__)


class Folders:
    """Makes and removes them, in one folder that only leads to them; removes those of servers that were killed too."""

    def __init__(self) -> None:
        self.top, self._lock_fd = _locked()
        self._grave = self.top / "grave"
        self._grave.mkdir(0o700)
        self._removing: set[asyncio.Task[None]] = set()
        self._released: set[Path] = set()
        # Zygotes are planned in threads.
        self._lock = threading.Lock()
        # One thread, and its own: what runs leave can take long to remove, and must hold up nothing else.
        self._thread = ThreadPoolExecutor(1, "jinba-folders")
        self._thread.submit(self._clear_abandoned)

    def of(self, digest: str) -> Path:
        """Where the runs of one version have theirs: all that its zygote, with packages of strangers in it, may reach.

        Raises:
            OSError: the disk is full.
        """
        folder = self._place(digest)
        with self._lock:
            self._released.discard(folder)
            if not folder.is_dir():
                folder.mkdir()
                # Runs are users of their own: they must come through, and must not see each other's names.
                folder.chmod(0o711)
        return folder

    def release(self, digest: str) -> None:
        """No zygote of this version is left: its folder goes now, or with the last run's in it."""
        folder = self._place(digest)
        with self._lock:
            self._released.add(folder)
        self._remove_if_released(folder)

    def make(self, digest: str) -> tuple[Path, int | None]:
        """A folder for one run of a version and, if we may choose, the user that it belongs to.

        Raises:
            OSError: the disk is full.
        """
        folder = Path(tempfile.mkdtemp(dir=self.of(digest)))
        if os.geteuid() != 0:
            return folder, None
        user_id = unused_id()
        os.chown(folder, user_id, user_id)
        return folder, user_id

    def remove(self, folder: Path, pidfd: int) -> None:
        """Remove it in the background once the process is dead; `pidfd` is taken over, -1 for none."""
        task = asyncio.get_running_loop().create_task(self._removed(folder, pidfd))
        self._removing.add(task)
        task.add_done_callback(self._removing.discard)

    async def close(self) -> None:
        """Remove all of them."""
        while self._removing:
            await asyncio.gather(*self._removing, return_exceptions=True)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._clear_all)
        self._thread.shutdown()
        os.close(self._lock_fd)

    async def _removed(self, folder: Path, pidfd: int) -> None:
        if pidfd >= 0:
            try:
                await _ended(pidfd)
            finally:
                os.close(pidfd)
        await asyncio.get_running_loop().run_in_executor(self._thread, self._clear, folder)
        self._remove_if_released(folder.parent)

    def _place(self, digest: str) -> Path:
        return self.top / hashlib.sha256(digest.encode()).hexdigest()[:32]

    def _remove_if_released(self, folder: Path) -> None:
        with self._lock:
            # Another start of the version keeps it, and so does what is still being removed from it.
            if folder in self._released:
                with contextlib.suppress(OSError):
                    for link in folder.iterdir():
                        if link.is_symlink():
                            link.unlink()
                    folder.rmdir()
                    self._released.discard(folder)

    def _clear(self, folder: Path) -> None:
        try:
            clear(folder, self._grave)
        except OSError as error:
            _log.warning(
                "what a run left behind cannot be removed: %s", error, extra={"event": "sandbox.folder_not_removed"}
            )
            # Whatever is left lies in the grave; the next ones need an empty one.
            with contextlib.suppress(OSError):
                self._grave.rename(Path(tempfile.mkdtemp(dir=self.top)))
                self._grave.mkdir(0o700)

    def _clear_all(self) -> None:
        for folder in self.top.iterdir():
            if folder != self._grave:
                self._clear(folder)
        with contextlib.suppress(OSError):
            self._grave.rmdir()
            self.top.rmdir()

    def _clear_abandoned(self) -> None:
        for folder in self.top.parent.glob(f"{_PREFIX}*"):
            try:
                lock_fd = os.open(folder, _ENTERED)
            except OSError:
                # Another's, or gone already.
                continue
            try:
                if os.fstat(lock_fd).st_uid == os.geteuid():
                    fcntl.flock(lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    self._clear(folder)
            except BlockingIOError:
                continue
            finally:
                os.close(lock_fd)


def _locked() -> tuple[Path, int]:
    """A new folder, and a descriptor that holds a lock on it as long as this process lives."""
    new = Path(tempfile.mkdtemp(prefix=_NEW_PREFIX))
    new.chmod(0o711)
    lock_fd = os.open(new, _ENTERED)
    fcntl.flock(lock_fd, fcntl.LOCK_EX)
    # Only now has it the name by which other servers look for abandoned ones: those are never locked.
    top = new.with_name(_PREFIX + new.name.removeprefix(_NEW_PREFIX))
    new.rename(top)
    return top, lock_fd


async def _ended(pidfd: int) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DEATH_WAIT_S):
            await peers.readable(pidfd)
