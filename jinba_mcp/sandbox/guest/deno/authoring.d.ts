/**
 * What TypeScript tools import from `jinba-mcp/authoring`.
 *
 * Return plain data, one block, a list of blocks and strings, or `content(blocks, data)`.
 */

/**
 * Tell a client that asked for it how far this run is; nothing happens when nobody asked.
 *
 * @param done Must grow from call to call.
 * @param total Where it is known, in the same unit as `done`.
 */
export function progress(done: number, total?: number, message?: string): void;

/** One MCP content block, as the functions below make them. */
export interface Block {
  readonly __block: unique symbol;
}

/** Several blocks at once, with or without data. */
export interface Content {
  readonly __content: unique symbol;
}

/** Text for the model to read. */
export function text(text: string): Block;

/** A picture: raw bytes and their media type, `image/png` unless told. */
export function image(data: Uint8Array | ArrayBuffer, mimeType?: string): Block;

/** A sound: raw bytes and their media type, `audio/wav` unless told. */
export function audio(data: Uint8Array | ArrayBuffer, mimeType?: string): Block;

/** A pointer to something that the client may fetch itself; `size` in bytes. */
export function resourceLink(link: {
  uri: string | URL;
  name: string;
  title?: string;
  description?: string;
  mimeType?: string;
  size?: number;
}): Block;

/** A whole document inside the answer: text, or bytes. */
export function embeddedResource(
  resource:
    | { uri: string | URL; text: string; mimeType?: string }
    | { uri: string | URL; blob: Uint8Array | ArrayBuffer; mimeType?: string },
): Block;

/** Several blocks, and `data` as the structured part of the answer. */
export function content(blocks: Iterable<Block | string>, data?: unknown): Content;
