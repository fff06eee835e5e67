// A real authorization server whose access tokens are opaque: node oidc-provider, on a port of 127.0.0.1.
// Its first line says its issuer; then each line of JSON on standard input asks for one token, and each
// line on standard output is that token. Ends when its standard input does.
import Provider from 'oidc-provider';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

// What the library notes on standard output would stand among our lines.
console.info = console.log = console.error;
const say = (line) => process.stdout.write(JSON.stringify(line) + '\n');
const [resource, publicJwk] = process.argv.slice(2);
const server = createServer();

// A token as the endpoints save it once a person has agreed; they save the same models.
async function minted(provider, { kind, sub, client: id, scope, aud, expires }) {
  const client = await provider.Client.find(id);
  const grant = new provider.Grant({ accountId: sub, clientId: id });
  grant.addResourceScope(aud, scope);
  const grantId = await grant.save();
  const Model = kind === 'refresh' ? provider.RefreshToken : provider.AccessToken;
  const token = new Model({ accountId: sub, client, grantId, scope, gty: 'authorization_code', expiresWithSession: false });
  if (kind === 'refresh') token.resource = aud;
  else token.resourceServer = new provider.ResourceServer(aud, { audience: aud, scope, accessTokenFormat: 'opaque', accessTokenTTL: expires ?? 600 });
  return token.save();
}

server.listen(0, '127.0.0.1', () => {
  const issuer = `http://localhost:${server.address().port}`;
  const asking = { redirect_uris: [], response_types: [], grant_types: [] };
  const provider = new Provider(issuer, {
    clients: [
      { client_id: 'basic', client_secret: 'basic: secret+%', token_endpoint_auth_method: 'client_secret_basic', ...asking },
      { client_id: 'post', client_secret: 'post-secret', token_endpoint_auth_method: 'client_secret_post', ...asking },
      {
        client_id: 'signing', token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [JSON.parse(publicJwk)] }, ...asking,
      },
      { client_id: 'robot', client_secret: 'robot-secret', redirect_uris: [], response_types: [], grant_types: ['client_credentials'] },
      { client_id: 'app', client_secret: 'app-secret', redirect_uris: ['https://app.example/cb'], grant_types: ['authorization_code', 'refresh_token'] },
    ],
    features: {
      devInteractions: { enabled: false },
      clientCredentials: { enabled: true },
      introspection: { enabled: true, allowedPolicy: () => true },
      revocation: { enabled: true },
      resourceIndicators: {
        enabled: true,
        getResourceServerInfo: (_context, uri) => ({ scope: 'mcp:read mcp:tools', audience: uri, accessTokenFormat: 'opaque' }),
        useGrantedResource: () => true,
        defaultResource: () => resource,
      },
    },
  });
  server.on('request', provider.callback());
  createInterface({ input: process.stdin })
    .on('line', async (line) => say({ token: await minted(provider, JSON.parse(line)) }))
    .on('close', () => process.exit(0));
  say({ issuer });
});
