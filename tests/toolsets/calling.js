// Loads TypeScript tools and calls them between their own schemas: one line of JSON in, one out.

const dialect = { target: "draft-2020-12" };

function schema(declared, side) {
  const { $schema: _, ...rest } = declared["~standard"].jsonSchema[side](dialect);
  return rest;
}

async function checked(declared, value) {
  const { value: read, issues } = await declared["~standard"].validate(value);
  if (issues) throw new TypeError(issues.map(({ path, message }) => `${path?.join(".")}: ${message}`).join("; "));
  return read;
}

async function answer([file, given]) {
  const tool = await import(file);
  if (given === null) return { input: schema(tool.Input, "input"), output: schema(tool.Output, "output") };
  try {
    return { output: await checked(tool.Output, await tool.run(await checked(tool.Input, given))) };
  } catch (error) {
    return { error: `${error.message}` };
  }
}

const lines = (await new Response(Deno.stdin.readable).text()).trim().split("\n");
for (const line of lines) console.log(JSON.stringify(await answer(JSON.parse(line))));
