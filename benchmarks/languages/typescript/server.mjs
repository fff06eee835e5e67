// The official TypeScript SDK on express, with jose as its verifier. Arguments: the descriptor of the
// listening socket, the address of the issuer's keys, and "remember" to keep what was verified.
import { createServer } from 'node:http';
import { createMcpExpressApp, requireBearerAuth } from '@modelcontextprotocol/express';
import { toNodeHandler } from '@modelcontextprotocol/node';
import { createMcpHandler, McpServer, OAuthError, OAuthErrorCode } from '@modelcontextprotocol/server';
import { createLocalJWKSet, jwtVerify } from 'jose';
import * as z from 'zod';

const [descriptor, keysUrl, remember] = process.argv.slice(2);
const issuer = 'https://issuer.example';
const resource = 'http://127.0.0.1:9000/mcp';
const keys = createLocalJWKSet(await (await fetch(keysUrl)).json());

async function verify(token) {
  try {
    const { payload } = await jwtVerify(token, keys, {
      issuer, audience: resource, algorithms: ['RS256'], requiredClaims: ['exp'],
    });
    return {
      token,
      clientId: payload.client_id,
      scopes: payload.scope.split(' '),
      expiresAt: payload.exp,
      resource: new URL(resource),
    };
  } catch (error) {
    throw new OAuthError(OAuthErrorCode.InvalidToken, String(error));
  }
}

// The SDK has no cache of verified tokens. Ours remembers the newest ten thousand.
const known = new Map();
async function remembered(token) {
  const found = known.get(token);
  if (found && Date.now() / 1000 < found.expiresAt) return found;
  const info = await verify(token);
  if (known.size >= 10_000) known.clear();
  known.set(token, info);
  return info;
}

const operands = z.object({ a: z.number().int(), b: z.number().int() });
const sum = z.object({ result: z.number().int() });
function build() {
  const server = new McpServer({ name: 'bench', version: '1' });
  server.registerTool(
    'add',
    { description: 'Add two numbers.', inputSchema: operands, outputSchema: sum },
    async ({ a, b }) => ({
      content: [{ type: 'text', text: String(a + b) }],
      structuredContent: { result: a + b },
    }),
  );
  return server;
}

const app = createMcpExpressApp();
const verifier = { verifyAccessToken: remember === 'remember' ? remembered : verify };
const handler = toNodeHandler(createMcpHandler(build));
app.post(
  '/mcp',
  requireBearerAuth({ verifier, requiredScopes: ['mcp:tools'] }),
  (request, response) => handler(request, response, request.body),
);
createServer(app).listen({ fd: Number(descriptor) });
