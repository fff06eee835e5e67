// Drives the TypeScript SDK's client against a server. Each line of standard input is an errand as a
// JSON document; each authorization URL goes out as {"event":"authorize","url":…} for somebody with a
// browser; the record of the journey is a line of standard output.
import { createServer } from "node:http";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { readFileSync } from "node:fs";
import {
  Client,
  InsufficientScopeError,
  StreamableHTTPClientTransport,
  UnauthorizedError,
} from "@modelcontextprotocol/client";

const VERSION = JSON.parse(
  readFileSync(new URL("node_modules/@modelcontextprotocol/client/package.json", import.meta.url)),
).version;
const SHOWN = ["grant_type", "resource", "scope"];
const say = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

/** A loopback listener: `redirectUri`, and `next()` with the parameters of the next redirect. */
async function listen() {
  const waiting = [];
  const came = [];
  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://127.0.0.1");
    response.writeHead(200, { "content-type": "text/plain", connection: "close" });
    response.end("You can close this.\n");
    if (url.pathname !== "/callback") return;
    const taker = waiting.shift();
    if (taker) taker(url.searchParams);
    else came.push(url.searchParams);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    redirectUri: `http://127.0.0.1:${server.address().port}/callback`,
    next: () => (came.length ? came.shift() : new Promise((resolve) => waiting.push(resolve))),
    close: () => server.close(),
  };
}

/** What the SDK asks its host to keep, in memory. */
class Host {
  constructor(errand, redirectUri) {
    this.redirectUrl = redirectUri;
    this.clientMetadataUrl = errand.client_metadata_url ?? undefined;
    // Somebody else may have registered this client.
    if (errand.client_id) this.kept = { client_id: errand.client_id };
    this.states = new Set();
    // How many browsers were sent out and did not come back yet.
    this.underWay = 0;
  }
  get clientMetadata() {
    return {
      client_name: "TypeScript SDK under test",
      redirect_uris: [this.redirectUrl],
      grant_types: ["authorization_code", "refresh_token"],
      response_types: ["code"],
      token_endpoint_auth_method: "none",
    };
  }
  state() {
    const state = crypto.randomUUID();
    this.states.add(state);
    return state;
  }
  clientInformation() {
    return this.kept;
  }
  saveClientInformation(information) {
    this.kept = information;
  }
  tokens() {
    return this.held;
  }
  saveTokens(tokens) {
    this.held = tokens;
  }
  redirectToAuthorization(url) {
    this.underWay += 1;
    say({ event: "authorize", url: url.href });
  }
  saveCodeVerifier(verifier) {
    this.verifier = verifier;
  }
  codeVerifier() {
    return this.verifier;
  }
  saveDiscoveryState(state) {
    this.discovered = state;
  }
  discoveryState() {
    return this.discovered;
  }
}

/** A fetch that takes down every exchange, without a token, a code or a secret. */
function recordingFetch(exchanges) {
  return async (input, init = {}) => {
    const response = await fetch(input, init);
    const sent = init.body instanceof URLSearchParams ? init.body : new URLSearchParams();
    exchanges.push({
      method: init.method ?? "GET",
      path: new URL(input).pathname,
      status: response.status,
      challenge: response.headers.get("www-authenticate"),
      form: Object.fromEntries(SHOWN.filter((name) => sent.has(name)).map((n) => [n, sent.get(n)])),
      has_token: new Headers(init.headers).has("authorization"),
    });
    return response;
  };
}

// Of the errand under way.
let errand, listener, host, exchanges, record;

function newTransport(options = {}) {
  return new StreamableHTTPClientTransport(new URL(errand.server), {
    authProvider: host,
    fetch: recordingFetch(exchanges),
    ...options,
  });
}

/** Connects; after a redirect to the browser, finishes the sign-in and connects anew. */
async function connect(options) {
  for (let attempt = 0; attempt < 2; attempt += 1) {
    const client = new Client(
      { name: "typescript-client", version: "1" },
      { versionNegotiation: { mode: errand.mode } },
    );
    const transport = newTransport(options);
    try {
      await client.connect(transport);
      return { client, transport };
    } catch (error) {
      if (attempt > 0 || !UnauthorizedError.isInstance(error)) throw error;
      await finish(transport);
    }
  }
}

async function finish(transport) {
  const parameters = await listener.next();
  host.underWay -= 1;
  if (!host.states.delete(parameters.get("state"))) throw new Error("the state is not ours");
  await transport.finishAuth(parameters);
}

/** Calls a tool; when the SDK steps up through the browser, finishes that and calls once more. */
async function call({ client, transport }, name, args) {
  const once = () => client.callTool({ name, arguments: args });
  try {
    return valueOf(await once());
  } catch (error) {
    if (!UnauthorizedError.isInstance(error)) throw error;
    await finish(transport);
    return valueOf(await once());
  }
}

function valueOf(result) {
  if (result.isError) throw new Error(`the tool answered with an error: ${result.content[0]?.text}`);
  const structured = result.structuredContent;
  return structured?.result ?? structured ?? JSON.parse(result.content[0].text);
}

async function travel() {
  try {
    const connection = await connect();
    record.protocol = connection.client.getNegotiatedProtocolVersion?.() ?? "";
    record.tools = (await connection.client.listTools()).tools.map((tool) => tool.name);
    record.total = await call(connection, "add", { a: 2, b: 3 });

    // A host that asks its user before it steps up gets the refusal as an error of its own.
    const asking = await connect({ onInsufficientScope: "throw" });
    try {
      record.admin_tool_answer = await call(asking, errand.admin_tool, {});
    } catch (error) {
      record.scopes_named = InsufficientScopeError.isInstance(error) ? error.requiredScope : null;
    }
    await asking.client.close();
    // A host with the defaults steps up by itself.
    try {
      record.admin_tool_answer = await call(connection, errand.admin_tool, {});
      record.admin_tool_error = null;
    } catch (error) {
      record.admin_tool_error = `${error.name}: ${error.message}`;
    }

    // This SDK refreshes when the server says 401, so the kept token is made one that is not good.
    const before = host.held;
    host.held = { ...before, access_token: `${before.access_token.slice(0, -8)}AAAAAAAA` };
    record.total_after_refresh = await call(connection, "add", { a: 20, b: 22 });
    record.access_token_changed = host.held.access_token !== before.access_token;
    record.refresh_token_changed = host.held.refresh_token !== before.refresh_token;
    await connection.client.close();
  } catch (error) {
    record.failed = `${error.stack}`;
  }
  // A step-up that was refused again has sent out another browser, for which nobody waited above.
  for (; host.underWay > 0; host.underWay -= 1) await listener.next();
  listener.close();
  record.client_id = host.kept?.client_id ?? "";
  record.registered = exchanges.some((one) => one.method === "POST" && one.status === 201);
  record.grants = exchanges
    .filter((one) => one.status === 200 && one.form.grant_type)
    .map((one) => one.form.grant_type);
  record.exchanges = exchanges;
  say(record);
}

for await (const line of createInterface({ input: process.stdin })) {
  errand = JSON.parse(line);
  listener = await listen();
  host = new Host(errand, listener.redirectUri);
  exchanges = [];
  record = { client: `@modelcontextprotocol/client ${VERSION}`, admin_tool_answer: null };
  await travel();
  if (record.failed) process.exit(1);
}
