// Node oidc-provider as a server's identity provider: it signs anybody in on its own pages, lets
// clients register, and makes JWTs for the one resource that is named. Ends with its input.
import Provider, { errors } from 'oidc-provider';
import { createServer } from 'node:http';

const [wanted] = process.argv.slice(2);
const scopes = ['mcp:read', 'mcp:tools'];
process.stdin.resume().on('end', () => process.exit(0));
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://localhost:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [],
    scopes: ['openid', 'offline_access', ...scopes],
    cookies: { keys: ['of no worth: everybody may sign in here'] },
    issueRefreshToken: async (_context, client) => client.grantTypeAllowed('refresh_token'),
    rotateRefreshToken: true,
    features: {
      devInteractions: { enabled: true },
      deviceFlow: { enabled: true },
      introspection: { enabled: true },
      registration: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: async () => true,
        getResourceServerInfo: async (_context, resource) => {
          if (resource !== wanted) throw new errors.InvalidTarget();
          return {
            scope: scopes.join(' '),
            audience: resource,
            accessTokenFormat: 'jwt',
            accessTokenTTL: 600,
          };
        },
      },
    },
  });
  server.on('request', provider.callback());
  process.stdout.write(JSON.stringify({ issuer }) + '\n');
});
