/** Reads from a tool's module what a registry shows: its schemas and its description. */

import { CodeFault } from "./faults.js";

const DIALECT = { target: "draft-2020-12" };

/** JSON text of the signature, or of the fault that keeps the tool from having one. */
export function described(module, { code, entrypoint }) {
  try {
    const signature = {
      input_schema: inputSchema(module, module[entrypoint]),
      output_schema: module.Output === undefined ? null : schemaOf(module.Output, "output", "Output"),
      description: documentation(code, entrypoint),
    };
    return JSON.stringify({ signature });
  } catch (error) {
    const { fault } = error instanceof CodeFault ? error : new CodeFault(`The schemas cannot be read: ${error}`);
    return JSON.stringify({ fault });
  }
}

function inputSchema(module, run) {
  if (module.Input === undefined) {
    if (run.length === 0) return { type: "object", properties: {}, additionalProperties: false };
    throw new CodeFault(
      "There is no schema of the input; export one with Zod, 'export const Input = z.object({…})', " +
        "or give inputSchema in tool.yml.",
    );
  }
  const schema = { type: "object", ...schemaOf(module.Input, "input", "Input") };
  if (schema.type !== "object") {
    throw new CodeFault(`'Input' must be an object, not ${schema.type}; use z.object({…}).`);
  }
  return schema;
}

function schemaOf(declared, side, name) {
  const standard = declared?.["~standard"];
  if (typeof standard?.validate !== "function") {
    throw new CodeFault(`'${name}' is no schema; export one with Zod: 'export const ${name} = z.object({…})'.`);
  }
  // https://standardschema.dev/json-schema
  if (typeof standard.jsonSchema?.[side] !== "function") {
    throw new CodeFault(
      `'${name}' cannot write itself as JSON Schema; use zod 4.2 or newer, or give the schema in tool.yml.`,
    );
  }
  try {
    const { $schema: _, ...schema } = standard.jsonSchema[side](DIALECT);
    return schema;
  } catch (error) {
    throw new CodeFault(`'${name}' has no JSON Schema: ${String(error?.message).split("\n")[0]}.`);
  }
}

/** The comment right above the entrypoint, up to its tags. */
function documentation(code, entrypoint) {
  const name = RegExp.escape(entrypoint);
  const declared = `export\\s+(?:default\\s+)?(?:(?:async\\s+)?function|const|let|var)\\s+${name}(?![\\w$])`;
  const found = new RegExp(`/\\*\\*((?:(?!\\*/)[^])*)\\*/\\s*${declared}`).exec(code);
  if (found === null) return "";
  const lines = found[1].split("\n").map((line) => line.replace(/^\s*\* ?/, "").trimEnd());
  return lines.join("\n").split(/^\s*@\w/m)[0].trim();
}
