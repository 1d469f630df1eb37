// A client of the TypeScript SDK that does what a host does and prints each answer as a line of JSON.
// Usage: talk.mjs v1|v2 URL, with the bearer in JINBA_AUTHORIZATION.

const DEADLINE_MS = 25_000;
const ASK_EVERY_MS = 300;

const [generation, url] = process.argv.slice(2);
const say = (event, value) => console.log(JSON.stringify({ event, value }));
const deadline = setTimeout(() => {
  console.error("not done in time");
  process.exit(1);
}, DEADLINE_MS);

let changed;
const change = new Promise((resolve) => {
  changed = resolve;
});
const onChanged = (error, tools) => changed(error ? String(error) : tools.map((tool) => tool.description));

const { client, transport } = await connect();
say("version", await negotiated());
say("tools", (await client.listTools()).tools);

const steps = [];
const onprogress = ({ progress, total, message }) => steps.push([progress, total, message]);
say("added", await call("add", { a: 40, b: 2 }));
say("counted", await call("count", { to: 3 }, { onprogress }));
say("steps", steps);
say("failed", await call("fail", {}));
say("unknown", await call("nowhere", {}).catch(({ code, message }) => ({ code, message })));

// Whoever started this switches the version for each such line, until the client has heard of it.
const asking = setInterval(() => say("switch"), ASK_EVERY_MS);
say("switched", await change);
clearInterval(asking);

await client.close();
clearTimeout(deadline);

async function connect() {
  const requestInit = { headers: { Authorization: process.env.JINBA_AUTHORIZATION } };
  const info = { name: "talk", version: "1.0.0" };
  const listChanged = { tools: { onChanged, debounceMs: 0 } };
  if (generation === "v2") {
    const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client");
    const made = new Client(info, { listChanged, versionNegotiation: { mode: "auto" } });
    const way = new StreamableHTTPClientTransport(new URL(url), { requestInit });
    await made.connect(way);
    return { client: made, transport: way };
  }
  const { Client } = await import("@modelcontextprotocol/sdk/client/index.js");
  const { StreamableHTTPClientTransport } = await import("@modelcontextprotocol/sdk/client/streamableHttp.js");
  const made = new Client(info, { listChanged });
  const way = new StreamableHTTPClientTransport(new URL(url), { requestInit });
  await made.connect(way);
  return { client: made, transport: way };
}

async function negotiated() {
  return generation === "v2" ? client.getNegotiatedProtocolVersion() : transport.protocolVersion;
}

async function call(name, args, options) {
  const params = { name, arguments: args };
  return generation === "v2" ? client.callTool(params, options) : client.callTool(params, undefined, options);
}
