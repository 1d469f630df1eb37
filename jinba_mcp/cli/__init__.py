"""The operators' command line: parse, call the app, print, choose the exit code.

One file per noun, loaded when its command is asked for, so that `--help` answers at once. Most commands speak REST by
`client`: over the network to a server, or in process to the local registry, in the name of whoever holds the machine
(`reach`). What only that one may do, such as `db`, goes to the core (`local`). Nothing is decided here: commands hand
their words over and show what comes back. Exit codes: 0 it worked, 1 it did not, 2 the command or a setting is wrong,
130 interrupted.
"""

import difflib
import gc
import importlib
import io
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from jinba_mcp.cli import output

PROGRAM = "jinba-mcp"

NOUNS = {
    "serve": "Serve MCP and REST over HTTP.",
    "stdio": "Serve the local registry to one MCP client over standard input and output.",
    "connect": "Bridge a client that only speaks stdio to a remote MCP endpoint.",
    "mcp-json": "Print the configuration that connects an MCP client.",
    "login": "Keep the key to a server, and have commands work there.",
    "logout": "Forget the key to a server.",
    "profiles": "List the servers logged in to, and choose between them.",
    "keys": "Create, list, rotate and revoke API keys.",
    "toolsets": "Write, push, publish, test and compare ToolSets.",
    "env": "Set the variables and secrets of ToolSets.",
    "tools": "List and run tools.",
    "runs": "Look at what ran, follow it, cancel it, run it again.",
    "orgs": "Create, list, rename and delete organizations.",
    "users": "Add, list and remove users.",
    "members": "List, invite, promote and remove members of an organization.",
    "webhooks": "Create, list, test, rotate and delete webhooks.",
    "credits": "Show, grant, set and unset credits.",
    "audit": "Read, export and verify the log of who changed what.",
    "db": "Upgrade, check and back up the database.",
    "doctor": "Check this installation and say what to do.",
}
"""Each is a module of this room that has an `app`; the sentences stand here because `--help` loads none of them."""


class _Commands(TyperGroup):
    """Finds a command by importing its module."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in NOUNS:
            if ctx.resilient_parsing:
                return None
            near = difflib.get_close_matches(cmd_name, NOUNS, n=1)
            ctx.fail(f"There is no command '{cmd_name}'.{f' Did you mean {near[0]}?' if near else ''}")
        with _nothing_collected():
            module = importlib.import_module(f"{__name__}.{cmd_name.replace('-', '_')}")
        command = typer.main.get_command(module.app)
        command.name = cmd_name
        return command

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """The nouns by their sentences: to load each for its own takes longer than anyone waits for a Tab."""
        nouns: dict[str, Any] = {noun: TyperCommand(noun, help=sentence) for noun, sentence in NOUNS.items()}
        light = TyperGroup(name=ctx.info_name, commands=nouns, params=self.params)
        with light.make_context(PROGRAM, [], resilient_parsing=True) as inner:
            return light.shell_complete(inner, incomplete)

    def format_commands(self, _: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(NOUNS.items()))


@contextmanager
def _nothing_collected() -> Iterator[None]:
    """What modules are made of is no garbage, and to look through it again and again is a twentieth of an import."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


app = typer.Typer(
    cls=_Commands,
    add_completion=True,
    rich_markup_mode=None,
    no_args_is_help=True,
    context_settings=output.CONTEXT,
)


def _show_version(wanted: bool) -> None:  # noqa: FBT001  typer calls it so
    if wanted:
        from jinba_mcp import __version__  # noqa: PLC0415  kept off the way of every other command

        output.line(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """The open, self-hosted home for AI tools: versioned ToolSets over MCP and REST."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run one command, given or from the command line, and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A name that this terminal cannot show is no reason to fail.
            stream.reconfigure(errors="backslashreplace")
    sys.excepthook = output.unexpected
    sys.exit(_run(arguments))


def _run(arguments: Sequence[str] | None) -> int:
    try:
        code = typer.main.get_command(app).main(arguments, prog_name=PROGRAM, standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        return output.misuse(error)
    except output.Failed as error:
        output.problem(str(error))
        return 1
    except (KeyboardInterrupt, typer.Abort):
        return 130
    except BrokenPipeError:
        _let_go_of_output()
        return 1
    return code if isinstance(code, int) else 0


def _let_go_of_output() -> None:
    # Whoever read it has left, and what is still in the buffer must go somewhere at exit.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
