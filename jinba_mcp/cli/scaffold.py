"""The folder that a new ToolSet begins as: one tool that runs, and comments that say what may be changed."""

from typing import Literal

Language = Literal["python", "typescript"]

_TOOLSET = """\
# What a ToolSet is: the folder's name is its slug, and each folder in tools/ is a tool. Only `name` is needed.
name: "{name}"
# A model reads this to decide whether to look at the tools at all.
description: Says hello. Replace this with what your tools are for.
language: {language}
# Served over MCP as soon as a version is active.
mcpEnabled: true
# private: your organization only; public: whoever has a key; restricted: those in sharedWith: [organization]
visibility: private
# Seconds, megabytes, and the hosts that tools may call: "off", "on", or a list such as [api.example.com].
sandbox:
  timeout: 10
  memory: 256
  network: "off"
# Installed before a version is published, and locked in it.
# packages:
#   - name: {package}
# What tools read from {environment}; set a secret with: jinba-mcp env set {slug} API_TOKEN --secret
# env:
#   - {{key: API_TOKEN, secret: true}}
#   - {{key: REGION, value: eu}}
tags: [example]
"""

_TOOL = """\
name: Greet
# The model reads this before every call: say what it does, when to use it and what comes back.
description: Greets someone by name. Takes a name and how often to say it; gives the greeting.
# What a client may tell its user before the call.
annotations: {readOnlyHint: true}
"""

_PYTHON_TOOL = f"""{_TOOL}\
# The schemas come from Input and Output in main.py; to write them by hand, put inputSchema and outputSchema here.
"""

_TYPESCRIPT_TOOL = f"""{_TOOL}\
# Or leave the schemas out and export Zod schemas Input and Output from main.ts.
inputSchema:
  type: object
  properties:
    name: {{type: string, minLength: 1, description: Whom to greet.}}
    times: {{type: integer, minimum: 1, maximum: 10, default: 1, description: How often.}}
  required: [name]
  additionalProperties: false
outputSchema:
  type: object
  properties:
    message: {{type: string, description: The greeting.}}
  required: [message]
"""

_PYTHON = '''\
"""Greets someone."""

from pydantic import BaseModel, ConfigDict, Field


class Input(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str = Field(min_length=1, description="Whom to greet.", examples=["Alice"])
    times: int = Field(default=1, ge=1, le=10, description="How often.")


class Output(BaseModel):
    message: str = Field(description="The greeting.")


def run(input: Input) -> Output:
    # What is printed is kept with the run; raise an exception to fail.
    print(f"greeting {input.name}")
    return Output(message=" ".join([f"Hello, {input.name}!"] * input.times))
'''

_TYPESCRIPT = """\
// Greets someone.

type Input = { name: string; times?: number };

export function run(input: Input): { message: string } {
  // What is printed is kept with the run; throw an error to fail.
  console.log(`greeting ${input.name}`);
  return { message: Array(input.times ?? 1).fill(`Hello, ${input.name}!`).join(" ") };
}
"""

_README = """\
# {name}

Work on it with `jinba-mcp toolsets dev .`, which serves it here and reloads what you change. Publish it with
`jinba-mcp toolsets push .`, then call it: `jinba-mcp tools run {slug}/greet name=Alice`.
"""


def new_toolset(slug: str, language: Language) -> dict[str, str]:
    """The files of a new ToolSet, by their names in its folder."""
    is_python = language == "python"
    words = {
        "slug": slug,
        "name": slug.replace("-", " ").capitalize(),
        "language": language,
        "package": 'httpx\n#     version: "0.28.1"' if is_python else 'zod\n#     version: "4.6.7"',
        "environment": "os.environ" if is_python else "process.env",
    }
    return {
        "README.md": _README.format(**words),
        "toolset.yml": _TOOLSET.format(**words),
        "tools/greet/tool.yml": _PYTHON_TOOL if is_python else _TYPESCRIPT_TOOL,
        "tools/greet/main.py" if is_python else "tools/greet/main.ts": _PYTHON if is_python else _TYPESCRIPT,
    }
