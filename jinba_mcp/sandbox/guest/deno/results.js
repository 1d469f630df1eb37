/**
 * Turns what a tool returned into JSON text and, where it built some, content blocks; or says why that cannot be.
 * Run by boot.js in one scope with harness.js.
 */

const MAX_DEPTH = 200;
/** How authoring.js marks what it makes; it is loaded only by tools that import it. */
const BLOCK = Symbol.for("jinba-mcp.block");
const CONTENT = Symbol.for("jinba-mcp.content");
const PLAIN_TAGS = new Set(["[object Object]", "[object Array]"]);

/** Carries the error with which the run fails. */
class ResultUnusable extends Error {
  constructor(name, message) {
    super(message);
    this.error = { name, message, traceback: null };
  }
}

/** Whether the value is, or holds, content blocks: what a schema of the output says nothing about. */
function isRich(value) {
  return isMarked(value, CONTENT) || isMarked(value, BLOCK) || (Array.isArray(value) && value.some(isBlock));
}

/**
 * JSON text of the output, and of the blocks or null. `maxBytes` bounds the JSON of the whole result.
 *
 * Throws ResultUnusable: `OutputInvalid`, not JSON; `OutputLimit`, too long.
 */
function converted(value, maxBytes) {
  if (isMarked(value, CONTENT)) return rich(value.blocks, value.data, maxBytes);
  if (isMarked(value, BLOCK)) return rich([value], undefined, maxBytes);
  if (isRich(value)) return rich(value, undefined, maxBytes);
  return { output: json(value ?? null, maxBytes), content: null };
}

function rich(items, data, maxBytes) {
  const blocks = items.map(asBlock);
  // Looked at before base64 makes a third more of it.
  if (blocks.reduce((sum, block) => sum + (block.bytes?.length ?? 0), 0) > maxBytes) tooLong(maxBytes);
  for (const block of blocks) {
    if (block.bytes !== null) block.holder[block.bytesField] = block.bytes.toBase64();
  }
  const content = json(blocks.map((block) => block.wire), maxBytes);
  return { output: data === undefined ? content : json(data, maxBytes), content };
}

function asBlock(item) {
  if (isBlock(item)) return item;
  if (typeof item === "string") return { wire: { type: "text", text: item }, bytes: null };
  invalid(
    `A list of content blocks may hold blocks and strings, not ${kindOf(item)}; put data into content(blocks, data).`,
  );
}

function isBlock(value) {
  return isMarked(value, BLOCK);
}

function isMarked(value, mark) {
  return typeof value === "object" && value !== null && value[mark] === true;
}

function json(value, maxBytes) {
  const text = JSON.stringify(new Plain(maxBytes).of(value, 0, ""));
  if (text.length > maxBytes || (text.length * 3 > maxBytes && new TextEncoder().encode(text).length > maxBytes)) {
    tooLong(maxBytes);
  }
  return text;
}

/** Copies a value as plain JSON data, refusing what JSON.stringify would change or drop without a word. */
class Plain {
  #ancestors = [];
  #room;
  #maxBytes;

  constructor(maxBytes) {
    this.#room = this.#maxBytes = maxBytes;
  }

  of(value, depth, path) {
    // Counted on the way, because a few arrays that hold each other many times are short here and endless as text.
    this.#take(1);
    switch (typeof value) {
      case "string":
        return this.#string(value, path);
      case "number":
        if (!Number.isFinite(value)) invalid(`The result is not JSON (NaN or infinity${at(path)}).`);
        return value;
      case "boolean":
        return value;
      case "object":
        return value === null ? null : this.#object(value, depth, path);
      default:
        return invalid(`The result is not JSON: ${kindOf(value)} has no JSON form${at(path)}.`);
    }
  }

  #string(value, path) {
    this.#take(value.length);
    if (!value.isWellFormed()) invalid(`The result is not JSON: surrogates without their other half${at(path)}.`);
    return value;
  }

  #object(value, depth, path) {
    if (this.#ancestors.includes(value)) invalid(`The result is not JSON: Circular reference${at(path)}.`);
    if (depth >= MAX_DEPTH) invalid("The result is not JSON (nesting over 200, a depth that clients refuse).");
    this.#ancestors.push(value);
    const plain = this.#members(value, depth + 1, path);
    this.#ancestors.pop();
    return plain;
  }

  #members(value, depth, path) {
    if (typeof value.toJSON === "function") {
      if (value instanceof Date && Number.isNaN(value.getTime())) {
        invalid(`The result is not JSON: an invalid Date${at(path)}.`);
      }
      return this.of(value.toJSON(), depth, path);
    }
    if (value instanceof Set) return this.#members([...value], depth, path);
    if (value instanceof Map) return this.#members(Object.fromEntries(value), depth, path);
    if (Array.isArray(value)) return value.map((item, index) => this.of(item, depth, `${path}.${index}`));
    if (!PLAIN_TAGS.has(Object.prototype.toString.call(value))) {
      invalid(`The result is not JSON: ${kindOf(value)} has no JSON form${at(path)}.`);
    }
    const plain = {};
    for (const [key, item] of Object.entries(value)) {
      // As every JavaScript author knows it: a field that is undefined is not there.
      if (item === undefined) continue;
      // Defined, because setting __proto__ would do something else.
      Object.defineProperty(plain, this.#string(key, path), {
        value: this.of(item, depth, `${path}.${key}`),
        enumerable: true,
      });
    }
    return plain;
  }

  #take(size) {
    this.#room -= size;
    if (this.#room < 0) tooLong(this.#maxBytes);
  }
}

function kindOf(value) {
  return typeof value === "object" && value !== null ? value.constructor?.name ?? "an object" : typeof value;
}

function at(path) {
  return path ? ` at ${path.slice(1, 200)}` : "";
}

function invalid(message) {
  throw new ResultUnusable("OutputInvalid", message);
}

function tooLong(maxBytes) {
  throw new ResultUnusable(
    "OutputLimit",
    `The result is longer than ${maxBytes} bytes of JSON. Return less, or in parts.`,
  );
}
