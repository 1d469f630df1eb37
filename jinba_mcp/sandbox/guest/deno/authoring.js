// @ts-self-types="./authoring.d.ts"
/** What tools import as `jinba-mcp/authoring`: rich content to return, and a way to say how far a run is. */

const BLOCK = Symbol.for("jinba-mcp.block");
const CONTENT = Symbol.for("jinba-mcp.content");
const REPORT = Symbol.for("jinba-mcp.report");

export function progress(done, total, message) {
  globalThis[REPORT]?.(done, total, message);
}

/** `bytes`, where there are any, become base64 in the field `bytesField` of `holder`, a part of `wire`. */
class Block {
  constructor(wire, holder = wire, bytesField = null, bytes = null) {
    this[BLOCK] = true;
    this.wire = wire;
    this.holder = holder;
    this.bytesField = bytesField;
    this.bytes = bytes;
  }
}

class Content {
  constructor(blocks, data) {
    this[CONTENT] = true;
    this.blocks = blocks;
    this.data = data;
  }
}

export function text(text) {
  return new Block({ type: "text", text: string(text, "text") });
}

export function image(data, mimeType = "image/png") {
  return binary({ type: "image", mimeType: string(mimeType, "mimeType") }, "data", data);
}

export function audio(data, mimeType = "audio/wav") {
  return binary({ type: "audio", mimeType: string(mimeType, "mimeType") }, "data", data);
}

export function resourceLink({ uri, name, title, description, mimeType, size }) {
  const wire = { type: "resource_link", uri: address(uri), name: string(name, "name") };
  return new Block({ ...wire, ...present({ title, description, mimeType, size }) });
}

export function embeddedResource({ uri, text, blob, mimeType }) {
  const resource = { uri: address(uri), ...present({ mimeType }) };
  const wire = { type: "resource", resource };
  if (blob !== undefined) return binary(wire, "blob", blob, resource);
  resource.text = string(text, "text");
  return new Block(wire);
}

export function content(blocks, data) {
  return new Content(Array.from(blocks), data);
}

function binary(wire, field, data, holder = wire) {
  if (data instanceof ArrayBuffer) data = new Uint8Array(data);
  if (!(data instanceof Uint8Array)) {
    throw new TypeError(`'${field}' takes bytes: a Uint8Array or an ArrayBuffer.`);
  }
  return new Block(wire, holder, field, data);
}

function string(value, name) {
  if (typeof value !== "string") throw new TypeError(`'${name}' takes a string.`);
  return value;
}

function address(uri) {
  const text = string(uri instanceof URL ? uri.href : uri, "uri");
  if (!URL.canParse(text)) {
    throw new TypeError("'uri' takes an absolute URI, such as https://example.com/a or file:///a.");
  }
  return text;
}

function present(fields) {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
