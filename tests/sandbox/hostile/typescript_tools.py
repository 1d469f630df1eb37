"""What hostile TypeScript tools try, and which primitive stops each: Deno's permissions first, then the kernel's walls.

`{canary}` stands for a file on the host that holds a secret, `{port}` for a port on which somebody listens there.
"""

from dataclasses import dataclass, field
from typing import Any

PERMISSIONS = "Deno's permissions"
TREE = "pivot_root: the file is not there"
READ_ONLY = "read-only mounts"
SECCOMP = "seccomp"
NO_REMOTE = "--no-remote, --cached-only"
ABSENT = "Deno has no such thing when it runs"

IMPORTS = """\
import cp from "node:child_process";
import dns from "node:dns/promises";
import fs from "node:fs";
import http from "node:http";
import inspector from "node:inspector";
import { createRequire } from "node:module";
import net from "node:net";
import { DatabaseSync } from "node:sqlite";
import v8 from "node:v8";

// deno-lint-ignore-file no-explicit-any
const D = Deno as any;
const LIBC = `/usr/lib/${Deno.build.arch}-linux-gnu/libc.so.6`;
const once = (emitter: any, event: string) => new Promise((go, no) => emitter.on(event, go).on("error", no));
const call = (name: string, parameters: string[], ...given: unknown[]) => {
  const result = D.dlopen(LIBC, { [name]: { parameters, result: "i32" } }).symbols[name](...given);
  if (result < 0) throw new Error(`${name} refused`);
  return result;
};
"""


@dataclass(frozen=True)
class Attempt:
    """An expression that must throw. `inner` stops it; `outer` would, if `inner` had a hole (None: nothing would)."""

    name: str
    expression: str
    inner: str = PERMISSIONS
    outer: str | None = SECCOMP


ATTEMPTS = (
    Attempt("read a file", 'Deno.readTextFileSync("{canary}")', outer=TREE),
    Attempt("read as Node does", 'fs.readFileSync("{canary}")', outer=TREE),
    Attempt("read by climbing", 'Deno.readTextFileSync("/tmp/../..{canary}")', outer=TREE),
    Attempt("import a file as text", 'await import("file://{canary}", { with: { type: "text" } })', outer=TREE),
    Attempt("require a file", 'createRequire(import.meta.url)("{canary}")', outer=TREE),
    Attempt("fetch a file", 'await (await fetch("file://{canary}")).text()', outer=TREE),
    Attempt("open a database", 'new DatabaseSync("{canary}").prepare("select 1").all()', outer=TREE),
    Attempt("attach a database", 'new DatabaseSync(":memory:").exec("attach \'{canary}\' as c")', outer=TREE),
    Attempt("link to a file", 'Deno.symlinkSync("{canary}", "l"); Deno.readTextFileSync("l")', outer=TREE),
    Attempt("list what is there", 'Deno.readDirSync("{canary}/..").next()', outer=TREE),
    Attempt("read the shadow file", 'Deno.readTextFileSync("/etc/shadow")', outer=TREE),
    Attempt("read a process's variables", "Deno.readTextFileSync(`/proc/${Deno.ppid}/environ`)", outer=TREE),
    Attempt("read the kernel's log", 'Deno.readTextFileSync("/proc/kmsg")', outer=TREE),
    Attempt("write the guest", 'Deno.writeTextFileSync(new URL("harness.js", Deno.mainModule), "")', outer=READ_ONLY),
    Attempt("write the system", 'Deno.writeTextFileSync("/etc/hosts", "")', outer=READ_ONLY),
    Attempt("write a heap snapshot", 'v8.writeHeapSnapshot("/usr/h")', outer=READ_ONLY),
    Attempt("connect to the host", "await Deno.connect({ port: {port} })"),
    Attempt("connect as Node does", 'await once(net.connect({port}, "127.0.0.1"), "connect")'),
    Attempt("fetch from the host", 'await fetch("http://127.0.0.1:{port}/")'),
    Attempt("get from the host", 'await once(http.get("http://127.0.0.1:{port}/"), "response")'),
    Attempt("fetch the cloud's secrets", 'await fetch("http://169.254.169.254/latest/meta-data")'),
    Attempt("open a WebSocket", 'await once(new WebSocket("ws://127.0.0.1:{port}"), "open")', outer=None),
    Attempt("connect to a Unix socket", 'await D.connect({ transport: "unix", path: "/run/dbus/system_bus_socket" })'),
    Attempt("listen", "Deno.listen({ port: 0 })"),
    Attempt("ask for a name", 'await dns.lookup("example.com")'),
    Attempt("open the inspector", "inspector.open(0)"),
    Attempt("start a shell", 'new Deno.Command("/bin/sh").outputSync()'),
    Attempt("start a shell as Node does", 'cp.execFileSync("/bin/sh", ["-c", "id"])'),
    Attempt("start itself again", "new Deno.Command(Deno.execPath()).outputSync()"),
    Attempt("call libc: socket", 'call("socket", ["i32", "i32", "i32"], 2, 1, 0)'),
    Attempt("call libc: fork", 'call("fork", [])'),
    Attempt("call libc: ptrace", 'call("ptrace", ["i32", "i32", "i32", "i32"], 16, 1, 0, 0)'),
    Attempt("call libc: unshare", 'call("unshare", ["i32"], 0x10000000)'),
    Attempt("call libc: memfd_create", 'call("memfd_create", ["buffer", "i32"], new Uint8Array(2), 0)'),
    Attempt("load an addon", "(process as any).dlopen({ exports: {} }, LIBC)", outer=None),
    Attempt("signal all processes", "process.kill(-1, 9)"),
    Attempt("become root", "process.setuid!(0)"),
    Attempt("import from the web", 'await import("https://example.com/a.ts")', inner=NO_REMOTE, outer=NO_REMOTE),
    Attempt("import from npm", 'await import("npm:left-pad")', inner=NO_REMOTE, outer=NO_REMOTE),
    Attempt("import from JSR", 'await import("jsr:@std/path")', inner=NO_REMOTE, outer=NO_REMOTE),
    Attempt("open the channel again", 'Deno.openSync("/dev/fd/3", { write: true })', outer=None),
    Attempt("write to the channel as Node does", 'fs.writeSync(3, "x")', inner=ABSENT, outer=None),
    Attempt(
        "ask for more", 'if ((await Deno.permissions.request({ name: "run" })).state !== "granted") throw 1', outer=None
    ),
    Attempt("start a worker", 'new D.Worker("data:,")', inner=ABSENT, outer=None),
)


def trying(attempts: tuple[Attempt, ...]) -> str:
    """A tool that makes all attempts and tells, by name, what those came to that were not refused."""
    tries = "\n".join(
        f'  try {{ {attempt.expression}; done.push("{attempt.name}"); }} catch {{ /* as it should be */ }}'
        for attempt in attempts
    )
    return f"{IMPORTS}\nexport async function run() {{\n  const done: string[] = [];\n{tries}\n  return done;\n}}\n"


@dataclass(frozen=True)
class Bomb:
    """A tool that takes more than it may have, and what its run ends with."""

    name: str
    code: str
    ends: tuple[str, ...]
    stopped_by: str
    limits: dict[str, Any] = field(default_factory=dict)


BOMBS = (
    Bomb("loop for ever", "while (true);", ("Timeout",), "SIGKILL by pidfd", {"timeout_s": 1}),
    Bomb(
        "loop in microtasks",
        "const f = (): unknown => Promise.resolve().then(f); await f();",
        ("Timeout", "MemoryLimit"),
        "SIGKILL by pidfd",
        {"timeout_s": 1},
    ),
    Bomb(
        "backtrack", "return /^(a+)+$/.test('a'.repeat(60) + 'b')", ("Timeout",), "SIGKILL by pidfd", {"timeout_s": 1}
    ),
    Bomb("burn the processor", "while (true);", ("CpuLimit",), "RLIMIT_CPU", {"cpu_s": 1, "timeout_s": 120}),
    Bomb(
        "flood the log",
        "const b = new Uint8Array(1e5).fill(65); while (true) Deno.stdout.writeSync(b);",
        ("Timeout",),
        "the host stops reading, then SIGKILL",
        {"timeout_s": 1, "log_bytes": 10_000},
    ),
    Bomb(
        "fill the heap",
        "const a: unknown[] = []; while (true) a.push({ a: a.length, b: [a.length] });",
        ("MemoryLimit",),
        "--max-old-space-size",
        {"memory_bytes": 96 * 1024 * 1024},
    ),
    Bomb(
        "fill buffers",
        "const a: Uint8Array[] = []; while (true) a.push(new Uint8Array(1e7).fill(1));",
        ("MemoryLimit",),
        "RLIMIT_DATA",
        {"memory_bytes": 128 * 1024 * 1024},
    ),
    Bomb(
        "share memory",
        "const a: Uint8Array[] = []; while (true) a.push(new Uint8Array(new SharedArrayBuffer(1e7)).fill(1));",
        ("MemoryLimit",),
        "RLIMIT_DATA",
        {"memory_bytes": 128 * 1024 * 1024},
    ),
    Bomb(
        "grow WebAssembly",
        "const m = new WebAssembly.Memory({ initial: 1 }); for (;;) { m.grow(160); new Uint8Array(m.buffer).fill(1); }",
        ("MemoryLimit",),
        "RLIMIT_DATA",
        {"memory_bytes": 128 * 1024 * 1024},
    ),
    Bomb(
        "start threads",
        'const { Worker } = await import("node:worker_threads"); for (;;) new Worker("for (;;);", { eval: true });',
        ("MemoryLimit", "WorkerDied"),
        "RLIMIT_DATA: V8 finds no room for another's code",
    ),
    Bomb(
        "fill /tmp",
        "for (let i = 0; ; i++) Deno.writeFileSync(`f${i}`, new Uint8Array(1e6));",
        ("TmpLimit",),
        "the size of its tmpfs",
        {"tmp_bytes": 4 * 1024 * 1024},
    ),
    Bomb(
        "write one big file",
        "const f = Deno.openSync('f', { create: true, write: true }); f.truncateSync(1e12);",
        ("TmpLimit", "WorkerDied"),
        "RLIMIT_FSIZE",
        {"tmp_bytes": 4 * 1024 * 1024},
    ),
    Bomb(
        "return too much",
        "return 'x'.repeat(1e6)",
        ("OutputLimit",),
        "the harness, then the host",
        {"output_bytes": 1000},
    ),
    Bomb("recurse", "const f = (): unknown => [f()]; return f()", ("RangeError",), "V8's stack limit"),
    Bomb(
        "kill itself",
        "Deno.kill(Deno.pid, 'SIGKILL'); Deno.kill(Deno.pid, 'SIGSTOP'); process.abort()",
        ("WorkerDied",),
        "one process for each run",
    ),
    Bomb("end the process", "Deno.exit(3)", ("Exited",), "the harness"),
    Bomb("answer never", "await new Promise(() => {})", ("NeverSettled",), "the harness"),
    Bomb(
        "forge by poisoned prototypes",
        "const p = Object.prototype as any; p.toJSON = () => ({ ok: 1 }); p.fault = 'x'; p.toString = 1; return {}",
        ("OutputInvalid", "ProtocolError", "TypeError", ""),
        "one process for each run; what it says is its own",
    ),
    Bomb(
        "send garbage through the encoder",
        "TextEncoder.prototype.encode = () => new Uint8Array(99999); return 1",
        ("ProtocolError", "WorkerDied", ""),
        "the host reads frames strictly",
    ),
    Bomb(
        "return a trap",
        "return new Proxy({}, { ownKeys() { throw new EvalError('trap') } })",
        ("EvalError",),
        "the harness",
    ),
    Bomb(
        "throw a trap",
        "throw new Proxy(new Error(), { get() { throw 1 }, getPrototypeOf() { throw 1 } })",
        ("Error",),
        "the harness",
    ),
    Bomb(
        "be an endless list", "return { toJSON() { return { again: this } } }", ("OutputInvalid",), "200 levels at most"
    ),
)
