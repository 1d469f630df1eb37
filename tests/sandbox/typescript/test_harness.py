"""A TypeScript tool from loading to its answer."""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest

from tests.sandbox.typescript.conftest import DESCRIBE, SHOWN, Talk


def test_a_tool_is_called_with_its_arguments(talk: Talk) -> None:
    told = talk(
        """
        interface Pair { a: number; b: number }
        enum Sign { Plus = 1 }
        export async function run(input: Pair): Promise<{ sum: number }> {
          return { sum: Sign.Plus * (input.a + input.b) };
        }
        """,
        {"a": 1, "b": 2},
    )

    assert told.ready == {}
    assert told.result == {"ok": True, "output": {"sum": 3}, "content": None}


def test_another_entrypoint_may_be_named_and_be_an_arrow(talk: Talk) -> None:
    assert (
        talk(
            "export const greet = ({ name }: { name: string }) => `Hi ${name}`;", {"name": "A"}, entrypoint="greet"
        ).output
        == "Hi A"
    )


def test_variables_are_in_the_environment_and_steer_nothing(talk: Talk) -> None:
    code = "export function run() { return [process.env.TOKEN, Deno.env.get('TOKEN'), process.env.LD_PRELOAD] }"

    assert talk(code, env={"TOKEN": "s3cret", "LD_PRELOAD": "/x.so", "NODE_OPTIONS": "--inspect"}).output == [
        "s3cret",
        "s3cret",
        "/x.so",
    ]


def test_what_is_printed_keeps_its_order_and_its_stream(talk: Talk) -> None:
    told = talk(
        """
        console.log("loading");
        export function run() { console.log("a", { b: 1 }); console.warn("w"); console.error("e"); console.info("z"); }
        """
    )

    assert told.stdout == "loading\na { b: 1 }\nz\n"
    assert told.stderr == "w\ne\n"


def test_what_is_printed_beyond_the_log_is_dropped_and_the_tool_goes_on(talk: Talk) -> None:
    told = talk("export function run() { for (let i = 0; i < 5000; i++) console.log('x'.repeat(99)); return 1; }")

    assert told.output == 1
    assert len(told.stdout) == 1001  # one more than fits, so that the host marks the cut


def test_each_run_of_one_process_has_a_log_of_its_own(talk: Talk) -> None:
    told = talk(
        "console.log('load'); export const run = (text: string) => console.log(text);", "aaaaaaaaa", "bbb", log_bytes=9
    )

    assert told.stdout == "load\naaaaabbb\n"


def test_an_error_is_told_with_the_tools_own_lines(talk: Talk) -> None:
    told = talk(
        """\
        interface Unused { a: number }

        function inner(text: string): never {
          JSON.parse(text);
          throw new Error();
        }
        export function run() { inner("{"); }
        """
    )

    assert told.error[0] == "SyntaxError"
    assert told.result["error"]["traceback"] == (
        f"SyntaxError: {told.error[1]}\n"
        f"    at inner ({SHOWN}:4:8)\n      JSON.parse(text);\n"
        f'    at run ({SHOWN}:7:25)\n      export function run() {{ inner("{{"); }}'
    )


@pytest.mark.parametrize(
    ("thrown", "error"),
    [
        ("new (class QuotaExceeded extends Error {})('full')", ("QuotaExceeded", "full")),
        ("Object.assign(new Error('x'), { name: 'Named' })", ("Named", "x")),
        ("'text'", ("Error", "text")),
        ("null", ("Error", "null")),
        ("{ toString() { throw new RangeError() } }", ("Error", "(its message cannot be read: RangeError)")),
        ("Object.defineProperty(new Error(), 'stack', { get() { throw 1 } })", ("Error", "")),
        ("new Error('a\\0\\ud800')", ("Error", "a\\x00�")),
        ("new Error('at ' + import.meta.filename)", ("Error", f"at {SHOWN}")),
        ("{ __proto__: Error.prototype, get name() { throw 1 }, message: 'm' }", ("Error", "m")),
    ],
)
def test_whatever_is_thrown_has_a_name_and_a_message(talk: Talk, thrown: str, error: tuple[str, str]) -> None:
    assert talk(f"export function run() {{ throw {thrown}; }}").error == error


def test_messages_and_tracebacks_are_bounded(talk: Talk) -> None:
    told = talk(
        """
        function dive(n: number): never { if (n > 500) throw new Error("x".repeat(1e6)); return dive(n + 1); }
        export function run() { return dive(0); }
        """
    )

    assert len(told.error[1]) == 4096
    assert told.result["error"]["traceback"].count("at dive") == 20


@pytest.mark.parametrize(
    ("code", "message", "line", "column"),
    [
        ("export function run() {\n  return 1 +;\n}", "SyntaxError: Expression expected.", 2, 13),
        ("const y: number = 1; let y = 2;\nexport function run() {}", "'y' has already been declared.", 1, 26),
        ("type A = string;\nthrow new Error('at once');\nexport function run() {}", "Error: at once.", 2, 7),
        ("import x from 'lodash/fp';\nexport const run = x;", "There is no package 'lodash' here.", 1, 15),
        ("import x from '@a/b';\nexport const run = x;", "There is no package '@a/b' here.", 1, 15),
        (
            "import x from 'https://example.com/a.ts';\nexport const run = x;",
            "'https://example.com/a.ts' cannot be imported",
            1,
            15,
        ),
        ("import x from 'npm:lodash';\nexport const run = x;", "There is no package 'lodash' here.", 1, 15),
        (
            "import x from './other.ts';\nexport const run = x;",
            "There is no file 'greeting-tools/greet/other.ts'",
            1,
            15,
        ),
    ],
)
def test_code_that_does_not_load_says_where(talk: Talk, code: str, message: str, line: int, column: int) -> None:
    told = talk(code)

    assert told.ready == told.result
    assert told.fault["message"].startswith(f"{SHOWN} line {line}, column {column}: ")
    assert message in told.fault["message"]
    assert (told.fault["line"], told.fault["column"]) == (line, column)
    assert "file:" not in told.fault["message"]


def test_a_missing_entrypoint_is_named(talk: Talk) -> None:
    message = "There is no function 'go'; write 'export async function go(input)' or set the entrypoint."

    assert talk("export function run() {}", entrypoint="go").fault["message"] == message


def test_a_lazy_tool_is_loaded_by_its_first_call(talk: Talk) -> None:
    told = talk("throw new Error('late');\nexport function run() {}", is_lazy=True)

    assert told.ready == {}
    assert "Error: late" in told.fault["message"]


def test_packages_are_found(talk: Talk, schemas: Path) -> None:
    code = """
    import { shape } from "schemas";
    export function run() { return typeof shape; }
    """

    assert talk(code, packages=schemas).output == "function"


def test_arguments_and_results_pass_through_their_schemas(talk: Talk, schemas: Path) -> None:
    code = """
    import { shape } from "schemas";
    export const Input = shape({ name: "string" }, ({ name }) => ({ name: name.trim() }));
    export const Output = shape({ hello: "string" }, ({ hello }) => ({ hello }));
    export function run(input: { name: string }) { return { hello: input.name || 0, more: 1 }; }
    """

    told = talk(code, {"name": " A "}, {"name": 1}, {"name": ""}, packages=schemas)

    assert told.results[0]["output"] == {"hello": "A"}
    assert told.results[1]["error"] == {
        "name": "ArgumentsInvalid",
        "message": "The arguments do not fit: name: expected string",
        "traceback": None,
    }
    assert told.results[2]["error"]["name"] == "OutputInvalid"
    assert told.results[2]["error"]["message"].endswith("promises: hello: expected string")


def test_a_process_answers_many_calls(talk: Talk) -> None:
    told = talk("let n = 0; export function run() { return ++n; }", {}, {}, DESCRIBE, {})

    assert [result.get("output") for result in told.results] == [1, 2, None, 3]


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("process.exit(0)", "Exited"),
        ("Deno.exit(7)", "Exited"),
        ("await new Promise(() => {})", "NeverSettled"),
        ("Promise.reject(new TypeError('stray')); await new Promise((r) => setTimeout(r, 60_000))", "TypeError"),
        (
            "setTimeout(() => { throw new RangeError('x') }); await new Promise((r) => setTimeout(r, 60_000))",
            "RangeError",
        ),
    ],
)
def test_an_end_that_nobody_waits_for_is_the_answer(talk: Talk, code: str, name: str) -> None:
    assert talk(f"export async function run() {{ {code}; return 1; }}").error[0] == name


def test_a_rejection_at_loading_ends_the_process_with_its_reason(talk: Talk) -> None:
    told = talk("Promise.reject(new Error('early')); await new Promise((r) => setTimeout(r)); export function run() {}")

    assert told.results == []
    assert "early" in told.stderr


def test_every_way_out_goes_through_the_proxy(talk: Talk) -> None:
    asked: list[str] = []

    class Proxy(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.requestline)
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"hi")

        def do_CONNECT(self) -> None:
            asked.append(self.requestline)
            self.send_error(403)

        def log_message(self, *_: object) -> None:
            """Nothing: pytest shows what matters."""

    code = """
    import http from "node:http";
    import https from "node:https";
    const got = (module: any, url: string) =>
      new Promise((go) => module.get(url, (answer: any) => go(answer.statusCode)).on("error", () => go("refused")));
    export async function run() {
      return [
        await (await fetch("http://a.example/")).text(),
        await fetch("https://b.example/").catch(() => "refused"),
        await got(http, "http://c.example/"),
        await got(https, "https://d.example/"),
      ];
    }
    """
    with ThreadingHTTPServer(("127.0.0.1", 0), Proxy) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_port}"
        env = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), address)
        told = talk(code, env=env, bundle={"network": "on"})
        server.shutdown()

    assert told.output == ["hi", "refused", 200, "refused"]
    assert [line.split()[1] for line in asked] == [
        "http://a.example/",
        "b.example:443",
        "http://c.example/",
        "d.example:443",
    ]
