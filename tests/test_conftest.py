"""What makes the tests themselves dependable."""

import threading
import weakref

import greenlet


def test_the_greenlet_of_a_thread_stays_when_the_thread_has_ended() -> None:
    seen: list[weakref.ref[greenlet.greenlet]] = []
    for _ in range(2):
        thread = threading.Thread(target=lambda: seen.append(weakref.ref(greenlet.getcurrent())))
        thread.start()
        thread.join()
    assert all(kept() is not None for kept in seen)
