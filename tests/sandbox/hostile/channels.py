"""The lines to the host: results that are forged, floods, nonsense, and silence where an answer is due."""

import textwrap
from collections.abc import Mapping
from typing import Any

from tests.sandbox.hostile.attacks import SOON, Attack, Expected, Wall, attack

_FRAMES = """
import json, struct
def frame(kind, payload): return struct.pack("<BI", ord(kind), len(payload)) + payload
def send(raw):
    while raw: raw = raw[os.write(3, raw):]
def answer(output): return frame("o", json.dumps({"ok": True, "output": output, "content": None}).encode())
def silence():
    import time
    while True: time.sleep(100)
"""
_NONSENSE = Expected((Wall.PROTOCOL,), ends=("ProtocolError",))
_GONE = Expected((Wall.PROTOCOL,), ends=("WorkerDied", "ProtocolError"))


def _own(*returns: str) -> Expected:
    """The run gets what it forged: it was its own result to begin with."""
    return Expected((Wall.ONE_SHOT, Wall.PROTOCOL), returns=returns)


def _sending(name: str, tries: str, body: str, expected: Expected, **more: Any) -> Attack:
    return attack(
        name,
        tries,
        _FRAMES + f"def run(scene: dict):\n    reached()\n{textwrap.indent(body, '    ')}",
        expected,
        **more,
    )


_FORGED: Mapping[str, bytes] = {
    "not-json": b"{",
    "not-utf-8": b'{"ok":true,"output":"\xff\xfe"}',
    "not-a-number": b'{"ok":true,"output":NaN}',
    "infinite": b'{"ok":true,"output":[1e999,-1e999]}',
    "deep": b'{"ok":true,"output":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
    "huge-number": b'{"ok":true,"output":' + b"9" * 20_000 + b"}",
    "half-a-pair": b'{"ok":true,"output":"\\ud800"}',
    "half-a-key": b'{"ok":true,"output":{"\\udfff":1}}',
    "a-list": b"[true]",
    "nothing": b"",
    "no-output": b'{"ok":true}',
    "neither": b'{"ok":false}',
    "yes": b'{"ok":"yes","output":1}',
    "error-of-numbers": b'{"ok":false,"error":{"name":1,"message":2,"traceback":3}}',
    "error-is-text": b'{"ok":false,"error":"Timeout"}',
    "fault-of-lists": b'{"fault":{"message":["a"],"line":"b"}}',
    "content-of-text": b'{"ok":true,"output":null,"content":"text"}',
    "content-of-numbers": b'{"ok":true,"output":null,"content":[1,2]}',
}


def _forgeries() -> tuple[Attack, ...]:
    return tuple(
        _sending(
            f"forged-result-{name}",
            "answer with what no honest worker would",
            f"send(frame('o', {payload!r}))\nsilence()",
            _NONSENSE,
        )
        for name, payload in _FORGED.items()
    )


ATTACKS = (
    *_forgeries(),
    _sending("forge-own-result", "answer in the harness's place", "send(answer('forged'))\nsilence()", _own("forged")),
    _sending(
        "answer-twice", "answer, and once more", "send(answer('one') + answer('two'))\nreturn 'three'", _own("one")
    ),
    _sending(
        "repeat-a-key",
        "say two things in one answer",
        """send(frame("o", b'{"ok":false,"ok":true,"output":"one","output":"two"}'))\nsilence()""",
        _own("one", "two"),
    ),
    _sending(
        "huge-names",
        "fail with an error that is all name, message and traceback",
        """send(frame("o", json.dumps({"ok": False, "error": {
    "name": "N\\0" * 3000, "message": "\\0\\x1b[2J" * 3000, "traceback": "T\\0" * 3000}}).encode()))\nsilence()""",
        Expected((Wall.PROTOCOL,), ends=(("N\\x00" * 40)[:-1] + "…",)),
    ),
    _sending("garbage", "write noise", "send(os.urandom(100_000) + b'z' * 100)\nsilence()", _NONSENSE),
    _sending(
        "giant-length",
        "announce four gigabytes",
        "send(struct.pack('<BI', ord('o'), 0xFFFFFFFF))\nsilence()",
        _NONSENSE,
    ),
    _sending(
        "result-over-the-limit",
        "send a longer result than the harness would",
        "send(answer('x' * 150_000))\nsilence()",
        Expected((Wall.OUTPUT,), ends=("OutputLimit", "ProtocolError")),
    ),
    _sending(
        "honest-result-over-the-limit",
        "return more than may be returned",
        "return 'x' * 150_000",
        Expected((Wall.OUTPUT,), ends=("OutputLimit",)),
    ),
    _sending("hello-again", "say hello once more", "send(frame('h', b''))\nsilence()", _NONSENSE),
    _sending("ready-again", "be ready once more", "send(frame('r', b''))\nsilence()", _NONSENSE),
    _sending("call-the-host", "send what only the host sends", "send(frame('c', b'{}'))\nsilence()", _NONSENSE),
    attack(
        "poison-the-code",
        "give other code for one's own to the runs to come",
        _FRAMES
        + """
def run(scene: dict):
    reached()
    import marshal
    if scene["step"]: return "own code"
    send(frame("b", marshal.dumps(compile("def run(scene: dict): return 'poisoned'", "main.py", "exec"))))
    return "own code"
""",
        Expected((Wall.PROTOCOL,), ends=("ProtocolError",), returns=("own code",)),
        run_count=3,
    ),
    attack(
        "answer-before-the-call",
        "answer while being loaded",
        _FRAMES + "reached()\nsend(answer('early'))\nsilence()\ndef run(scene: dict): pass",
        _own("early"),
        Expected((Wall.PROTOCOL,), ends=("ProtocolError",), returns=("early",)),
    ),
    attack(
        "answer-before-being-ready",
        "answer in a process that is armed before any call comes",
        _FRAMES + "reached()\nsend(answer('early'))\nsilence()\ndef run(scene: dict): pass",
        Expected((Wall.PROTOCOL,), ends=("ProtocolError",)),
        bundle={"prewarm": "tool"},
    ),
    attack(
        "forge-the-greeting",
        "claim to have imported five thousand modules, with names that are none",
        _FRAMES
        + """
reached()
names = ["../../etc/passwd", "os; import x", "", "a" * 5000, "__main__", "antigravity", *map(str, range(300))]
send(frame("r", json.dumps({"fault": None, "modules": names}).encode()))
def run(scene: dict): return "loaded"
""",
        Expected((Wall.PROTOCOL,), ends=("ProtocolError",), returns=("loaded",)),
        bundle={"prewarm": "tool"},
    ),
    _sending(
        "slow-answer",
        "answer one byte at a time, and never finish",
        "import time\nfor byte in answer('x' * 10_000):\n    os.write(3, bytes([byte]))\n    time.sleep(0.01)",
        Expected((Wall.DEADLINE,), ends=("Timeout",)),
        limits=SOON,
    ),
    _sending(
        "single-bytes",
        "answer in writes of one byte",
        "for byte in answer('whole'): os.write(3, bytes([byte]))\nsilence()",
        _own("whole"),
    ),
    _sending(
        "half-an-answer",
        "begin an answer and end",
        "send(answer('x' * 1000)[:500])\nos._exit(0)",
        _GONE,
    ),
    _sending("close-all", "close every line", "os.closerange(0, 256)\nwhile True: pass", _GONE),
    _sending(
        "hang-up",
        "shut the line down and go on",
        "import socket\nsocket.socket(fileno=3).shutdown(socket.SHUT_WR)\nsilence()",
        _GONE,
    ),
    _sending(
        "print-into-the-answer",
        "have standard output lead to where the answer goes",
        "os.dup2(3, 1)\nprint('a' * 1000, flush=True)\nsilence()",
        _NONSENSE,
    ),
    _sending(
        "progress-flood",
        "report more than anyone can read",
        "one = frame('p', b'[1,2,\"' + b'x' * 100 + b'\"]') * 500\nfor _ in range(40): send(one)\nreturn 'flooded'",
        Expected((Wall.PROTOCOL,), ends=("ProtocolError",), returns=("flooded",)),
        max_reports=2_000,
    ),
    _sending(
        "progress-nonsense",
        "report what is no progress",
        """
huge = b"9" * 400
for payload in (b"", b"{", b"null", b"[]", b"[1]", b"[1,2,3]", b"[true,null,null]", b"[NaN,1,null]",
                b"[1e999,null,null]",
                b"[" + huge + b",null,null]", b"[1," + huge + b",null]", b'[1,2,"\\\\ud800"]',
                b"[" * 5000, b"\\xff\\xfe[",
                b'[1,2,"' + b"\\\\u0000" * 2000 + b'"]', b"[-1,-2,null]"):
    send(frame("p", payload))
return "reported"
""",
        _own("reported"),
    ),
    _sending(
        "progress-too-long",
        "report a novel",
        "send(frame('p', json.dumps([1, 2, 'x' * 100_000]).encode()))\nsilence()",
        _NONSENSE,
    ),
    _sending(
        "frame-flood",
        "write empty frames until somebody stops it",
        "one = frame('p', b'') * 10_000\nwhile True: send(one)",
        Expected((Wall.PROTOCOL, Wall.DEADLINE), ends=("ProtocolError", "Timeout")),
        limits=SOON,
    ),
    _sending(
        "hand-over-descriptors",
        "fill the host's table with descriptors of ours",
        """
import array, socket
line = socket.socket(fileno=os.dup(3))
sent = [os.dup(0) for _ in range(100)]
for _ in range(20):
    try: line.sendmsg([frame("p", b"[1,2,null]")], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", sent))])
    except OSError as error: break
return "sent"
""",
        _own("sent"),
    ),
    _sending(
        "print-flood",
        "print for ever",
        "while True: print('x' * 10_000)",
        Expected((Wall.LOG, Wall.DEADLINE), ends=("Timeout",)),
        limits=SOON,
    ),
    _sending(
        "write-flood",
        "write for ever, past Python's own streams",
        "while True:\n    for fd in (1, 2): os.write(fd, b'x' * 65536)",
        Expected((Wall.LOG, Wall.DEADLINE), ends=("Timeout",)),
        limits=SOON,
    ),
    _sending(
        "pipe-games",
        "make the log's pipe larger, non-blocking, or none at all",
        """
import fcntl
for fd in (1, 2):
    try: fcntl.fcntl(fd, 1031, 1 << 20)
    except OSError: pass
    os.set_blocking(fd, False)
    try:
        while True: os.write(fd, b"y" * 65536)
    except OSError: pass
os.close(1)
os.close(2)
return "played"
""",
        _own("played"),
    ),
    _sending(
        "odd-prints",
        "print what no terminal, database or protocol takes",
        "os.write(1, b'\\xff\\xfe\\0\\x1b[2J\\xed\\xa0\\x80\\r\\n\\n\\n\\xf0\\x9f')\n"
        "print('\\ud800')\nreturn 'printed'",
        _own("printed"),
    ),
    _sending(
        "rewrite-the-harness",
        "replace what sends and encodes the answer",
        """
for name, module in list(sys.modules.items()):
    if name.startswith(("guest", "json")):
        for attribute in list(vars(module)):
            if not attribute.startswith("__"): setattr(module, attribute, None)
return "kept"
""",
        Expected(
            (Wall.GUEST, Wall.ONE_SHOT),
            ends=("WorkerDied", "Unreadable", "TypeError", "AttributeError", "ProtocolError"),
            returns=("kept",),
        ),
    ),
    _sending(
        "evil-error",
        "fail with an error whose every part fails",
        """
class Meta(type):
    __name__ = property(lambda cls: 1 / 0)
class Evil(Exception, metaclass=Meta):
    def __str__(self): raise self
    def __repr__(self): os.write(1, b"repr"); raise SystemExit(0)
    def __getattribute__(self, name): raise KeyboardInterrupt
raise Evil
""",
        Expected((Wall.GUEST,), ends=("Evil", "Unreadable")),
    ),
    _sending(
        "huge-error",
        "fail with a message that fills the memory",
        "raise type('A' * 100_000, (Exception,), {})('\\ud800\\0' * 2_000_000)",
        Expected((Wall.GUEST,), ends=("A" * 199 + "…", "MemoryLimit", "Unreadable")),
    ),
    _sending(
        "claim-a-limit",
        "fail in the name of somebody else's error",
        "raise type('Cancelled', (BaseException,), {})('The server was shut down.')",
        Expected((Wall.GUEST, Wall.ONE_SHOT), ends=("Cancelled",)),
    ),
    _sending(
        "lying-types",
        "return what looks like text and numbers, and is not",
        """
class Text(str):
    def encode(self, *_): os._exit(0)
    def __len__(self): return 0
class Number(int):
    def __repr__(self): return "1, \\"injected\\": 2"
    __str__ = __repr__
return {Text("key"): [Text("value"), Number(5)]}
""",
        Expected((Wall.GUEST,), ends=("OutputInvalid", "WorkerDied"), returns=({"key": ["value", 5]},)),
    ),
)
