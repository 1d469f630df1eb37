"""The ToolSets of the shared server, as source code, and how to write them where a server finds them."""

import json
from collections.abc import Mapping
from pathlib import Path

from tests.journeys.outside import Outside

GREET = '''
def run(name: str = "you") -> dict:
    """Greet someone."""
    print("greeting", name)
    return {"message": f"Hello, {name}!"}
'''
GREET_TS = """
/** Greet someone. */
export function run({ name = "you" }: { name?: string }): { message: string } {
  console.log("greeting", name);
  return { message: `Hello, ${name}!` };
}
"""
FAIL = """
import sys

def run() -> dict:
    print("one")
    print("aside", file=sys.stderr)
    print("two")
    return deeper()

def deeper() -> dict:
    raise ValueError("no luck")
"""
FAIL_TS = """
interface Found { key: string }

export function run(): Found {
  console.log("one");
  console.error("aside");
  console.log("two");
  return deeper();
}

function deeper(): Found {
  throw new TypeError("no luck");
}
"""

SHOUT = """
import os, sys

def run() -> dict:
    secret = os.environ["TOKEN"]
    print("the token is", secret)
    print("and once more", repr(secret), file=sys.stderr)
    raise ValueError(f"{secret} is wrong")
"""
SHOUT_TS = """
export function run() {
  console.log("the token is", process.env.TOKEN);
  console.error("and once more", { token: process.env.TOKEN });
  throw new Error(`${process.env.TOKEN} is wrong`);
}
"""
DIE_LOADING = """
import os, sys

print(os.environ.get("TOKEN", "no token"), file=sys.stderr, flush=True)
if "TOKEN" in os.environ:
    os._exit(3)

def run() -> None: ...
"""
WHISPER = """
import os
from jinba_mcp.authoring import progress

def run() -> None:
    progress(1, 1, f"the token is {os.environ['TOKEN']}")
"""
# Not the value itself, which would be the tool's own decision to show it.
PEEK = """
import hashlib, os

def run() -> dict:
    found = {key: os.environ[key] for key in ("TOKEN", "REGION") if key in os.environ}
    return {key: hashlib.sha256(value.encode()).hexdigest() for key, value in found.items()}
"""
PEEK_TS = """
import { createHash } from "node:crypto";

export function run() {
  const hash = (value: string) => createHash("sha256").update(value).digest("hex");
  const found = ["TOKEN", "REGION"].filter((key) => key in process.env);
  return Object.fromEntries(found.map((key) => [key, hash(process.env[key]!)]));
}
"""

SLOW = "def run() -> None:\n    while True: pass"
SLOW_TS = "export function run() { while (true); }"
LIMITED = {
    "hungry": "def run() -> int:\n    return len(bytearray(400_000_000))",
    "chatty": "def run() -> str:\n    return 'x' * 5_000",
    "crowded": """
import threading

def run() -> None:
    stop = threading.Event()
    try:
        for _ in range(50):
            threading.Thread(target=stop.wait, daemon=True).start()
    finally:
        stop.set()
""",
    "messy": "def run() -> None:\n    for n in range(9): open(f'/tmp/{n}', 'wb').write(bytes(900_000))",
    "noisy": "def run() -> None:\n    for _ in range(1_000): print('0123456789')",
}
LIMITED_TS = {
    "hungry": "export function run() { return new ArrayBuffer(2_000_000_000).byteLength; }",
    "chatty": "export function run() { return 'x'.repeat(5_000); }",
    "messy": """
export function run() { for (let n = 0; n < 9; n++) Deno.writeFileSync(`/tmp/${n}`, new Uint8Array(900_000)); }
""",
}
LIMITS = "{memory: 128, processes: 4, tmp: 4, output: 4, logs: 1}"

FETCH = """
import urllib.error
import urllib.request

def run(url: str) -> dict:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return {"status": answer.status, "text": answer.read().decode()}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "text": error.read().decode()}
    except OSError as error:
        return {"status": 0, "text": str(error)}
"""
FETCH_TS = """
export async function run({ url }: { url: string }) {
  try {
    const answer = await fetch(url);
    return { status: answer.status, text: await answer.text() };
  } catch (error) {
    return { status: 0, text: `${error} ${error.cause ?? ""}` };
  }
}
"""
DIRECT = """
import socket

def run(port: int) -> str:
    for host in ("127.0.0.1", "169.254.169.254"):
        try:
            with socket.create_connection((host, port), 2):
                return f"reached {host}"
        except OSError as error:
            pass
    return "refused"
"""

STEPS = """
from jinba_mcp.authoring import progress

def run(to: int = 3) -> str:
    for step in range(1, to + 1):
        progress(step, to, f"step {step}")
    return f"Counted to {to}."
"""
STEPS_TS = """
import { progress } from "jinba-mcp/authoring";

export function run({ to = 3 }: { to?: number }): string {
  for (let step = 1; step <= to; step++) progress(step, to, `step ${step}`);
  return `Counted to ${to}.`;
}
"""
RICH_TS = """
import { content, image, text } from "jinba-mcp/authoring";

export function run() {
  return content(["plain", text("said"), image(new Uint8Array([137, 80, 78, 71]))], { n: 1 });
}
"""

SHARED = {
    "plain": "def run(a: int, b: float = 0.5, *, c: str | None = None) -> dict:\n    return {'a': a, 'b': b, 'c': c}",
    "rich": """
from jinba_mcp.authoring import Content, Image, Text

def run() -> Content:
    return Content(blocks=["plain", Text(text="said"), Image(data=b"\\x89PNG")], data={"n": 1})
""",
    "blocks": """
from jinba_mcp.authoring import Image

def run() -> list:
    return [Image(data=b"\\x89PNG")]
""",
    "models": """
from datetime import date
from enum import StrEnum
from pydantic import BaseModel, Field

class Color(StrEnum):
    RED = "red"

class Input(BaseModel):
    day: date
    color: Color = Color.RED
    count: int = Field(1, ge=1, le=5)

class Output(BaseModel):
    next_day: date
    colors: list[Color]

def run(input: Input) -> Output:
    return Output(next_day=input.day.replace(day=input.day.day + 1), colors=[input.color] * input.count)
""",
    "later": "import asyncio\nasync def run(n: int) -> int:\n    await asyncio.sleep(0)\n    return n + 1",
    "nothing": "def run() -> None:\n    return None",
    "number": "def run() -> float:\n    return 1.5",
    "words": "def run() -> str:\n    return 'caf\u00e9 \\U0001f600'",
    "odd": "from dataclasses import dataclass\n@dataclass\nclass Pair:\n    a: int\n    b: tuple[int, ...]\n"
    "def run() -> Pair:\n    return Pair(1, (2, 3))",
    "fails": "class Refused(Exception): ...\ndef run() -> None:\n    raise Refused('not today')",
    "unfit": "def run() -> set:\n    return object()",
    "promise": "def run() -> dict[str, int]:\n    return {'a': 'text'}",
}

COUNT = """
count = 0

def run() -> int:
    global count
    count += 1
    return count
"""
HOLD = """
import urllib.request

def run(url: str) -> str:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read().decode()
"""
HOLD_TS = """
export async function run({ url }: { url: string }) {
  return await (await fetch(url)).text();
}
"""

PLAIN = {
    "greet": GREET,
    "fail": FAIL,
    "count": COUNT,
    "steps": STEPS,
    "fetch": FETCH,
    "direct": DIRECT,
    "shout": SHOUT,
    "peek": PEEK,
    "whisper": WHISPER,
    "die-loading": DIE_LOADING,
}
PLAIN_TS = {
    "greet": GREET_TS,
    "fail": FAIL_TS,
    "steps": STEPS_TS,
    "rich": RICH_TS,
    "fetch": FETCH_TS,
    "shout": SHOUT_TS,
    "peek": PEEK_TS,
}


ANYTHING = {"type": "object"}


def write(toolsets: Path, outside: Outside) -> None:
    """All of them. Schemas are given, so that the server is up at once, except where reading them is the point."""
    write_toolset(toolsets, "plain-tools", PLAIN)
    write_toolset(toolsets, "plain-scripts", PLAIN_TS, language="typescript")
    write_toolset(toolsets, "other-tools", {"peek": PEEK})
    write_toolset(toolsets, "limited-tools", LIMITED, sandbox=LIMITS)
    write_toolset(toolsets, "limited-scripts", LIMITED_TS, sandbox=LIMITS, language="typescript")
    write_toolset(toolsets, "brief-tools", {"slow": SLOW}, sandbox="{timeout: 0.2}")
    write_toolset(toolsets, "brief-scripts", {"slow": SLOW_TS}, sandbox="{timeout: 0.2}", language="typescript")
    write_toolset(toolsets, "greedy-tools", {"hungry": LIMITED["hungry"]}, sandbox="{memory: 16000}")
    write_online(toolsets, outside)
    write_toolset(toolsets, "walled-tools", SHARED, schema=None)
    write_toolset(toolsets, "unwalled-tools", SHARED, schema=None, sandbox="{provider: inprocess}")
    write_toolset(toolsets, "counting-tools", {"count": COUNT}, sandbox="{mode: reuse}", visibility="public")


def write_online(toolsets: Path, outside: Outside) -> None:
    """Those that may call `outside`, and others that the operator does not let them call."""
    hosts = f'"localhost:{outside.port}", "127.0.0.1:{outside.port}", "localhost:3", "169.254.169.254"'
    sandbox = f"{{network: [{hosts}]}}"
    write_toolset(toolsets, "online-tools", {"fetch": FETCH, "direct": DIRECT, "hold": HOLD}, sandbox=sandbox)
    scripts = {"fetch": FETCH_TS, "hold": HOLD_TS}
    write_toolset(toolsets, "online-scripts", scripts, sandbox=sandbox, language="typescript")


def write_toolset(
    toolsets: Path,
    slug: str,
    tools: Mapping[str, str],
    *,
    sandbox: str | None = None,
    language: str = "python",
    schema: Mapping[str, object] | None = ANYTHING,
    **fields: str,
) -> Path:
    """A ToolSet folder as an author writes it; without `schema` it is to be read from the code."""
    folder = toolsets / slug
    lines = [
        f"name: The {slug}",
        f"language: {language}",
        "mcpEnabled: true",
        *(f"{k}: {v}" for k, v in fields.items()),
    ]
    if sandbox is not None:
        lines.append(f"sandbox: {sandbox}")
    given = "" if schema is None else f"inputSchema: {json.dumps(schema)}\n"
    for name, code in tools.items():
        (folder / "tools" / name).mkdir(parents=True)
        (folder / "tools" / name / "tool.yml").write_text(f"name: The {name}\ndescription: Does it.\n{given}")
        (folder / "tools" / name / ("main.py" if language == "python" else "main.ts")).write_text(code)
    (folder / "toolset.yml").write_text("\n".join(lines) + "\n")
    return folder
