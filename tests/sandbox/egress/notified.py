"""A program whose `connect` calls wait for a broker. Started by tests with the number of a socket to its test.

It installs the smallest filter that does so, hands the listener over, and then does what it is told, line by line.
"""

import asyncio
import ctypes
import json
import os
import socket
import struct
import sys
import threading
import urllib.request
from typing import Any

_LOAD, _JUMP_IF_EQUAL, _RETURN = 0x20, 0x15, 0x06
_NOTIFY, _ALLOW = 0x7FC0_0000, 0x7FFF_0000
_SECCOMP, _CONNECT = {"x86_64": (317, 42), "aarch64": (277, 203)}[os.uname().machine]
_NEW_LISTENER, _WAIT_KILLABLE = 8, 32


def install() -> int:
    """Let every `connect` of this process wait; the descriptor of the listener."""
    code = b"".join(
        struct.pack("=HBBI", *instruction)
        for instruction in [
            (_LOAD, 0, 0, 0),
            (_JUMP_IF_EQUAL, 0, 1, _CONNECT),
            (_RETURN, 0, 0, _NOTIFY),
            (_RETURN, 0, 0, _ALLOW),
        ]
    )
    libc = ctypes.CDLL(None, use_errno=True)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = ctypes.create_string_buffer(struct.pack("@HP", len(code) // 8, ctypes.addressof(buffer)))
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    listener = int(libc.syscall(_SECCOMP, 1, _NEW_LISTENER | _WAIT_KILLABLE, program))
    if listener < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return listener


def exchange(host: str, port: int, said: str, timeout_s: float | None = 60) -> list[Any]:
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        peer = connection.getpeername()[:2]
        connection.sendall(said.encode())
        connection.shutdown(socket.SHUT_WR)
        heard = b"".join(iter(lambda: connection.recv(1000), b""))
        return [heard.decode(), peer, connection.gettimeout(), connection.get_inheritable()]


def exchange_asyncio(host: str, port: int, count: int) -> list[Any]:
    async def run() -> list[Any]:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(b"x" * count)
        writer.write_eof()
        heard = await reader.read()
        writer.close()
        await writer.wait_closed()
        return [heard.count(b"x"), heard[count:].decode()]

    return asyncio.run(run())


def fetch(url: str, proxy: str) -> list[Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy}))
    with opener.open(url, timeout=60) as response:
        return [response.status, response.read().decode()]


def raw_connect(address: str, length: int, descriptor: int | None = None) -> int:
    """`connect` with any bytes for an address; the error number."""
    libc = ctypes.CDLL(None, use_errno=True)
    with socket.socket() as connection:
        number = connection.fileno() if descriptor is None else descriptor
        return ctypes.get_errno() if libc.connect(number, bytes.fromhex(address), length) else 0


def connect_nowhere() -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    with socket.socket() as connection:
        return ctypes.get_errno() if libc.connect(connection.fileno(), ctypes.c_void_p(16), 16) else 0


def connect_changing(first: str, second: str, port: int) -> list[str]:
    """Connect to an address that another thread keeps changing; which peers were reached."""
    libc = ctypes.CDLL(None, use_errno=True)
    shape = struct.Struct("=H2s4s8x")
    choices = [
        shape.pack(socket.AF_INET, port.to_bytes(2, "big"), socket.inet_aton(address)) for address in (first, second)
    ]
    buffer = ctypes.create_string_buffer(choices[0], 16)
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            for choice in choices:
                ctypes.memmove(buffer, choice, 16)

    threading.Thread(target=change).start()
    reached = set()
    for _ in range(50):
        with socket.socket() as connection:
            if libc.connect(connection.fileno(), buffer, 16) == 0:
                reached.add(connection.getpeername()[0])
    stop.set()
    return sorted(reached)


def many(host: str, port: int, count: int) -> list[str]:
    heard: list[str] = []
    threads = [threading.Thread(target=lambda n=n: heard.append(exchange(host, port, str(n))[0])) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sorted(heard)


_COMMANDS = {
    command.__name__: command
    for command in (
        exchange,
        exchange_asyncio,
        fetch,
        raw_connect,
        connect_nowhere,
        connect_changing,
        many,
    )
}


def main(number: int) -> None:
    with socket.socket(fileno=number) as test:
        try:
            listener = install()
        except OSError as error:
            test.sendall(f"{error}\n".encode())
            return
        socket.send_fds(test, [b"\n"], [listener])
        os.close(listener)
        for line in test.makefile():
            name, *arguments = json.loads(line)
            answer: Any
            try:
                answer = _COMMANDS[name](*arguments)
            except OSError as error:
                answer = {"errno": error.errno}
            test.sendall(json.dumps(answer).encode() + b"\n")


if __name__ == "__main__":
    main(int(sys.argv[1]))
