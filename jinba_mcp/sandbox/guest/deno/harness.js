/**
 * The program, run by boot.js after results.js and in one scope with it: loads one tool, says what came of it, then
 * answers one frame after the other until the host lets go.
 *
 * Frames are those of guest/channel.py: one byte of kind, four of length in little endian, the payload. What a call
 * that goes well does not need stands in modules that are imported late.
 */

const CALL = 99;
const READY = 114;
const PROGRESS = 112;
const RESULT = 111;
const HEADER_BYTES = 5;
const WARNING = 2;
const OUT = "/dev/fd/3";
const MAX_PROGRESS_CHARS = 1_000;

// Beside the tool's own there are frames of libraries, which faults.js leaves out.
Error.stackTraceLimit = 40;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const out = Deno.openSync(OUT, { write: true });
// So that the tool cannot open it too and write between our frames.
Deno.permissions.revokeSync({ name: "write", path: OUT });

const setup = JSON.parse(read().text);
// Set here rather than at the start, so that no variable of a ToolSet (LD_PRELOAD, NODE_OPTIONS, DENO_…) steers Deno.
for (const [key, value] of Object.entries(setup.env)) Deno.env.set(key, value);
const source = { url: `file://${Deno.cwd()}/${setup.shown}`, shown: setup.shown, code: setup.code };
/** What the tool's module offers, once it is loaded. */
let tool = null;
/** Why it cannot be called, if it cannot. */
let fault = null;
/** Whether the host waits for a result now. */
let isCalled = false;
/** Whether there was a run before: what was printed while loading belongs to the first. */
let isUsed = false;

addEventListener("unhandledrejection", (event) => stray(event, event.reason));
addEventListener("error", (event) => stray(event, event.error));
addEventListener("beforeunload", () => end("NeverSettled", "The tool waits for something that never comes."));
addEventListener("unload", () => end("Exited", "The tool ended its process. Return a value or throw instead."));
/** Bytes that the log of this run still takes. */
let room = fullRoom();
// The console's own class, which there is no public name for.
globalThis.console = new Deno[Deno.internal].Console((text, level) =>
  log(level >= WARNING ? "stderr" : "stdout", text)
);
// V8 sets aside half a gigabyte for the code of each worker, which no run has; better said at once.
delete globalThis.Worker;
// For authoring.js, which only a tool that imports it loads.
globalThis[Symbol.for("jinba-mcp.report")] = report;
// Not awaited: an event loop that runs dry under an unfinished top level ends Deno before `beforeunload`.
serve();

async function serve() {
  if (!setup.is_lazy) await start();
  write(READY, fault === null ? "" : JSON.stringify({ fault }));
  for (let frame = read(); frame !== null; frame = read()) {
    isCalled = true;
    if (isUsed) room = fullRoom();
    isUsed = true;
    answer(await answered(frame));
  }
  Deno.exit(0);
}

async function start() {
  try {
    const path = source.url.slice("file://".length);
    Deno.mkdirSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
    Deno.writeTextFileSync(path, setup.code);
    const module = await load(source.url);
    const run = module[setup.entrypoint];
    tool = { run, input: module.Input?.["~standard"], output: module.Output?.["~standard"], module };
    fault = typeof run === "function" ? null : (await faults()).noEntrypoint(setup.entrypoint);
    prepare();
  } catch (error) {
    fault = (await faults()).loadFault(error, source);
  }
}

/** What takes time when it is done first, done before a call waits for it: Zod compiles a schema as it is first used. */
function prepare() {
  converted({ list: [""] }, Infinity);
  for (const schema of [tool.input, tool.output]) {
    // An invalid value, most likely; whatever comes of it is of no interest.
    Promise.try(() => schema?.validate({})).catch(() => {});
  }
}

async function answered({ kind, text }) {
  if (tool === null && fault === null) await start();
  if (fault !== null) return JSON.stringify({ fault });
  if (kind !== CALL) return (await load("./describing.js")).described(tool.module, setup);
  try {
    return await called(JSON.parse(text));
  } catch (error) {
    return failed(error instanceof ResultUnusable ? error.error : (await faults()).described(error, source));
  }
}

async function called(given) {
  const { run, input, output } = tool;
  const value = await run(input ? await fitting(input, given, "ArgumentsInvalid", "The arguments do not fit") : given);
  const promise = "The result does not fit the schema that the tool promises";
  const promised = output && !isRich(value) ? await fitting(output, value, "OutputInvalid", promise) : value;
  const json = converted(promised, setup.output_bytes);
  return `{"ok":true,"output":${json.output},"content":${json.content}}`;
}

/** The value as a schema reads it (https://standardschema.dev). Throws ResultUnusable. */
async function fitting(schema, value, name, sentence) {
  const read = await schema.validate(value);
  if (read.issues) throw new ResultUnusable(name, `${sentence}: ${(await faults()).issuesMessage(read.issues)}`);
  return read.value;
}

function faults() {
  return load("./faults.js");
}

/** An error that the tool let go of ends its run; before any run it ends the process, as Deno has it. */
async function stray(event, error) {
  if (!isCalled) return;
  event.preventDefault();
  answer(failed((await faults()).described(error, source)));
  Deno.exit(1);
}

function end(name, message) {
  answer(failed({ name, message, traceback: null }));
}

function failed(error) {
  return JSON.stringify({ ok: false, error });
}

/** Sends the one result that a frame is owed; what comes after it is nobody's. */
function answer(text) {
  if (!isCalled) return;
  isCalled = false;
  write(RESULT, text);
}

/** One byte more than the log takes tells the host to mark the cut; a pipe that nobody reads would stop the tool. */
function fullRoom() {
  return { stdout: setup.log_bytes + 1, stderr: setup.log_bytes + 1 };
}

function log(stream, text) {
  const bytes = encoder.encode(text).subarray(0, room[stream]);
  room[stream] -= bytes.length;
  for (let sent = 0; sent < bytes.length;) sent += Deno[stream].writeSync(bytes.subarray(sent));
}

function report(done, total, message) {
  if (!isCalled || !Number.isFinite(done)) return;
  const known = Number.isFinite(total) ? total : null;
  const said = typeof message === "string" ? message.slice(0, MAX_PROGRESS_CHARS).toWellFormed() : null;
  write(PROGRESS, JSON.stringify([done, known, said]));
}

/** Waits for the next frame and nothing else: timers of the tool stand still meanwhile. Null when the host let go. */
function read() {
  const header = readExactly(HEADER_BYTES);
  if (header === null) return null;
  const payload = readExactly(new DataView(header.buffer).getUint32(1, true));
  return payload === null ? null : { kind: header[0], text: decoder.decode(payload) };
}

function readExactly(length) {
  const bytes = new Uint8Array(length);
  for (let got = 0; got < length;) {
    const count = Deno.stdin.readSync(bytes.subarray(got));
    if (count === null) return null;
    got += count;
  }
  return bytes;
}

function write(kind, text) {
  const payload = encoder.encode(text);
  const frame = new Uint8Array(HEADER_BYTES + payload.length);
  frame[0] = kind;
  new DataView(frame.buffer).setUint32(1, payload.length, true);
  frame.set(payload, HEADER_BYTES);
  for (let sent = 0; sent < frame.length;) sent += out.writeSync(frame.subarray(sent));
}
