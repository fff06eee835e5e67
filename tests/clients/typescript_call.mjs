// Calls one tool with the TypeScript SDK's client, with a bearer token and no sign-in. The errand is
// a line of standard input; the names of all tools, the answer and the progress are one of output.
import { createInterface } from "node:readline";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";

for await (const line of createInterface({ input: process.stdin })) {
  const { url, token, mode, tool, args } = JSON.parse(line);
  const client = new Client(
    { name: "typescript-client", version: "1" },
    { versionNegotiation: { mode } },
  );
  await client.connect(
    new StreamableHTTPClientTransport(new URL(url), {
      requestInit: { headers: { authorization: `Bearer ${token}` } },
    }),
  );
  const progress = [];
  const tools = (await client.listTools()).tools.map((one) => one.name);
  const { content } = await client.callTool(
    { name: tool, arguments: args },
    { onprogress: (one) => progress.push(one.progress) },
  );
  const protocol = client.getNegotiatedProtocolVersion();
  await client.close();
  process.stdout.write(`${JSON.stringify({ tools, content, progress, protocol })}\n`);
}
