// A server on the official TypeScript SDK.
//
// server.mjs NODE_MODULES

import { setTimeout as sleep } from "node:timers/promises";

const [modules] = process.argv.slice(2);
const sdk = `${modules}/@modelcontextprotocol/sdk/dist/esm/server`;
const { McpServer, ResourceTemplate } = await import(`${sdk}/mcp.js`);
const { StdioServerTransport } = await import(`${sdk}/stdio.js`);
const { completable } = await import(`${sdk}/completable.js`);
const { z } = await import(`${modules}/zod/index.js`);

const server = new McpServer({ name: "typescript", version: "1.0.0" }, { capabilities: { logging: {} } });
const text = (words) => ({ content: [{ type: "text", text: words }] });

async function progress(extra, value, total) {
  const progressToken = extra._meta?.progressToken;
  if (progressToken === undefined) return;
  await extra.sendNotification({ method: "notifications/progress", params: { progressToken, progress: value, total } });
}

server.registerTool("echo", { inputSchema: { text: z.string() } }, async ({ text: words }) => text(words));
server.registerTool("count", { inputSchema: { to: z.number() } }, async ({ to }, extra) => {
  for (let number = 1; number <= to; number++) await progress(extra, number, to);
  return text("counted");
});
server.registerTool("log", {}, async () => {
  await server.sendLoggingMessage({ level: "info", data: "so it goes" });
  await server.sendLoggingMessage({ level: "warning", data: { mind: "the gap" } });
  return text("logged");
});
server.registerTool("fail", {}, async () => {
  throw new Error("that was to be expected");
});
server.registerTool("large", { inputSchema: { size: z.number() } }, async ({ size }) => text("ä".repeat(size)));
server.registerTool("slow", {}, async (extra) => {
  await progress(extra, 1, 2);
  await sleep(60_000, undefined, { signal: extra.signal });
  return text("slept");
});
server.registerTool("sample", {}, async () => {
  const messages = [{ role: "user", content: { type: "text", text: "what now?" } }];
  const answer = await server.server.createMessage({ messages, maxTokens: 10 });
  return text(answer.content.text);
});
server.registerTool("elicit", {}, async () => {
  const requestedSchema = { type: "object", properties: { name: { type: "string" } } };
  const answer = await server.server.elicitInput({ message: "who are you?", requestedSchema });
  return text(`${answer.action} ${answer.content.name}`);
});
server.registerTool("roots", {}, async () => text((await server.server.listRoots()).roots[0].uri));

const names = (value) => ["ada", "adele", "bob"].filter((name) => name.startsWith(value));
server.registerPrompt("greet", { argsSchema: { name: completable(z.string(), names) } }, ({ name }) => ({
  messages: [{ role: "user", content: { type: "text", text: `Say hello to ${name}.` } }],
}));
server.registerResource("note", "memo://note", {}, async (uri) => ({
  contents: [{ uri: uri.href, text: "remember the milk" }],
}));
server.registerResource("memo", new ResourceTemplate("memo://of/{name}", {}), {}, async (uri, { name }) => ({
  contents: [{ uri: uri.href, text: `a note of ${name}` }],
}));

await server.connect(new StdioServerTransport());
