// A client on the official TypeScript SDK that takes the steps of a plan and prints what came of each.
//
// client.mjs NODE_MODULES PLAN COMMAND…

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

const [modules, plan, command, ...args] = process.argv.slice(2);
const sdk = `${modules}/@modelcontextprotocol/sdk/dist/esm`;
const { Client } = await import(`${sdk}/client/index.js`);
const { StdioClientTransport } = await import(`${sdk}/client/stdio.js`);
const types = await import(`${sdk}/types.js`);

const capabilities = { sampling: {}, elicitation: { form: {}, url: {} }, roots: { listChanged: true } };
const client = new Client({ name: "client", version: "1" }, { capabilities });
const heard = [];

client.setRequestHandler(types.CreateMessageRequestSchema, () => ({
  role: "assistant",
  content: { type: "text", text: "as the model says" },
  model: "stub",
}));
client.setRequestHandler(types.ElicitRequestSchema, () => ({ action: "accept", content: { name: "an answer" } }));
client.setRequestHandler(types.ListRootsRequestSchema, () => ({ roots: [{ uri: "file:///project", name: "project" }] }));
client.setNotificationHandler(types.LoggingMessageNotificationSchema, ({ params }) => {
  heard.push(String(params.data));
});

async function list(ask, field) {
  const found = [];
  for (let cursor; ; ) {
    const page = await ask(cursor ? { cursor } : undefined);
    found.push(...page[field].map((entry) => entry.name));
    cursor = page.nextCursor;
    if (!cursor) return found;
  }
}

const lists = {
  tools: () => list((params) => client.listTools(params), "tools"),
  prompts: () => list((params) => client.listPrompts(params), "prompts"),
  resources: () => list((params) => client.listResources(params), "resources"),
  templates: () => list((params) => client.listResourceTemplates(params), "resourceTemplates"),
};

const call = (name, args, options) => client.callTool({ name, arguments: args }, undefined, options);

const steps = {
  ping: () => client.ping(),
  list: (kind) => lists[kind](),
  call,
  prompt: (name, args) => client.getPrompt({ name, arguments: args }),
  read: (uri) => client.readResource({ uri }),
  level: (level) => client.setLoggingLevel(level),
  complete: (name, argument, value) =>
    client.complete({ ref: { type: "ref/prompt", name }, argument: { name: argument, value } }),
  subscribe: (uri) => client.subscribeResource({ uri }),
  unsubscribe: (uri) => client.unsubscribeResource({ uri }),
  together: async (parallel) => (await Promise.all(parallel.map(([verb, ...rest]) => steps[verb](...rest)))).length,
  pause: (seconds) => sleep(seconds * 1000).then(() => null),
  // What is seen of the progress depends on timing: this SDK drops what comes together with the result.
  watch: (name, args) => call(name, args, { onprogress: () => {} }),
  cancel: async (name, args) => {
    const control = new AbortController();
    const onprogress = () => control.abort("enough");
    await call(name, args, { signal: control.signal, onprogress }).catch(() => {});
    return "cancelled";
  },
  hear: async (text) => {
    for (let round = 0; !heard.some((one) => one.includes(text)); round++) {
      if (round === 2000) throw new Error(`never heard ${text}`);
      await sleep(10);
    }
    return null;
  },
};

await client.connect(new StdioClientTransport({ command, args, env: process.env }));
for (const [verb, ...rest] of JSON.parse(readFileSync(plan, "utf8"))) {
  const outcome = await steps[verb](...rest).catch((error) => `error: ${error.message}`);
  const text = JSON.stringify(outcome) ?? "null";
  console.log(JSON.stringify([verb, ...rest.slice(0, 1).filter((word) => typeof word === "string")]), text.slice(0, 300), text.length);
}
await client.close();
