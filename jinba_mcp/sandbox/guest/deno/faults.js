/** Turns whatever tool code throws into words for its author: class, message, and the tool's own lines. */

const MAX_MESSAGE_CHARS = 4 * 1024;
const MAX_NAME_CHARS = 200;
const MAX_LINE_CHARS = 200;
const MAX_FRAMES = 20;
const MAX_STACK_CHARS = 64 * 1024;
const MAX_FAULTS = 5;
const MAX_PLACE_CHARS = 24;

// What Deno says of imports that lead nowhere.
const MISSING = /^(?:Import "|Could not find a matching package for 'npm:)((?:@[^"'/]+\/)?[^"'/@]+)/;
const REMOTE = /^A remote specifier was requested: "([^"]*)"/;
const NO_FILE = /^Module not found "([^"]*)"/;

/** Code that cannot be loaded or described; `line` and `column` count from 1. */
export class CodeFault extends Error {
  constructor(message, { line = null, column = null } = {}) {
    super(message);
    this.fault = { message: safe(message), line, column };
  }
}

/**
 * The error as a run records it. `source` is where the tool's code lies (`url`), what its author calls that file
 * (`shown`) and its text (`code`); frames of any other file are left out, so that no path of the server is told.
 */
export function described(error, source) {
  const name = nameOf(error);
  const message = messageOf(error, source);
  const frames = framesOf(error, source);
  const headline = message ? `${name}: ${message}` : name;
  return {
    name,
    message,
    traceback: frames.length ? safe([headline, ...frames].join("\n"), 4 * MAX_MESSAGE_CHARS) : null,
  };
}

/** What kept a module from loading, with the place that the compiler or the stack names. */
export function loadFault(error, source) {
  const place = placeOf(error, source);
  const missing = found(MISSING, error);
  const said = missing
    ? `There is no package '${missing}' here. Add it to the packages of the ToolSet`
    : importFault(error, source) ?? `${loadName(error)}: ${loadMessage(error, source)}`;
  const where = place ? `${source.shown} line ${place.line}, column ${place.column}` : source.shown;
  return new CodeFault(`${where}: ${said.replace(/\.$/, "")}.`, place ?? {}).fault;
}

/** The fault of a module that does not have the function. */
export function noEntrypoint(name) {
  return new CodeFault(
    `There is no function '${name}'; write 'export async function ${name}(input)' or set the entrypoint.`,
  ).fault;
}

/** Each field that does not fit and why, without the value, which may be large or secret. */
export function issuesMessage(issues) {
  const parts = issues.slice(0, MAX_FAULTS).map((issue) => `${pathOf(issue)}: ${issue.message}`);
  if (issues.length > MAX_FAULTS) parts.push(`and ${issues.length - MAX_FAULTS} more`);
  return safe(parts.join("; "));
}

/** Text that every encoding and database takes, bounded. */
export function safe(text, maxChars = MAX_MESSAGE_CHARS) {
  const cut = text.length > maxChars ? `${text.slice(0, maxChars - 1)}…` : text;
  return cut.toWellFormed().replaceAll("\0", "\\x00");
}

function pathOf(issue) {
  const path = (issue.path ?? []).map((part) => String(typeof part === "object" ? part.key : part));
  return path.join(".") || "value";
}

function nameOf(error) {
  try {
    if (!(error instanceof Error)) return "Error";
    // A class that extends Error is called Error unless its author says so.
    const name = error.name === "Error" ? error.constructor.name : error.name;
    return safe(String(name || "Error"), MAX_NAME_CHARS);
  } catch {
    return "Error";
  }
}

function messageOf(error, source) {
  try {
    if (error instanceof Error && Array.isArray(error.issues)) return issuesMessage(error.issues);
    const text = error instanceof Error ? error.message : error;
    return safe(withoutFolder(String(text), source));
  } catch (failure) {
    return `(its message cannot be read: ${failure instanceof Error ? failure.constructor.name : typeof failure})`;
  }
}

function withoutFolder(text, source) {
  const folder = source.url.slice(0, -source.shown.length);
  return text.replaceAll(folder, "").replaceAll(folder.slice("file://".length), "");
}

function framesOf(error, source) {
  const frames = [];
  for (const line of stackOf(error).split("\n")) {
    const place = line.startsWith("    at ") ? placeIn(line, source) : null;
    if (place === null) continue;
    const called = line.slice("    at ".length, line.indexOf(source.url)).replace(/^async /, "").replace(/ ?\($/, "");
    frames.push(frameText(called, place.line, place.column, source));
  }
  return frames.slice(0, MAX_FRAMES);
}

function frameText(called, line, column, source) {
  const place = `${source.shown}:${line}:${column}`;
  const code = (source.code.split("\n")[line - 1] ?? "").trim().slice(0, MAX_LINE_CHARS);
  return `    at ${called ? `${called} (${place})` : place}${code ? `\n      ${code}` : ""}`;
}

function stackOf(error) {
  try {
    return error instanceof Error ? String(error.stack).slice(-MAX_STACK_CHARS) : "";
  } catch {
    return "";
  }
}

function placeOf(error, source) {
  return placeIn(stackOf(error), source);
}

function placeIn(text, source) {
  const start = text.indexOf(`${source.url}:`);
  const place = start < 0
    ? null
    : /^:(\d+):(\d+)/.exec(text.slice(start + source.url.length).slice(0, MAX_PLACE_CHARS));
  return place === null ? null : { line: Number(place[1]), column: Number(place[2]) };
}

function importFault(error, source) {
  const remote = found(REMOTE, error);
  if (remote) return `'${remote}' cannot be imported: a tool imports npm packages from the list of its ToolSet`;
  const file = found(NO_FILE, error);
  return file ? `There is no file '${withoutFolder(file, source)}': a tool is one file` : null;
}

function found(pattern, error) {
  return pattern.exec(String(error?.message))?.[1] ?? null;
}

/** Deno wraps what its compiler says into a TypeError that begins with the real name. */
function loadName(error) {
  return found(/^(\w*Error): /, error) ?? nameOf(error);
}

function loadMessage(error, source) {
  const message = messageOf(error, source).replace(/^\w*Error: /, "");
  // What follows is the place, which stands in front, and a drawing of the line.
  return message.split(/\n {2}\||\n {4}at | at file:/)[0].replace(` at ${source.shown}`, "").replace(/:\d+:\d+$/, "")
    .trim();
}
