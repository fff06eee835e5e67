// A real authorization server that is not ours: node oidc-provider, on a port of 127.0.0.1.
// Says one JSON line when it listens, and one for every client that somebody registers.
// Ends when its standard input does.
import Provider from 'oidc-provider';
import { createServer } from 'node:http';

const say = (line) => process.stdout.write(JSON.stringify(line) + '\n');
const [path = '', registration = 'open'] = process.argv.slice(2);
process.stdin.resume().on('end', () => process.exit(0));
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://localhost:${server.address().port}${path}`;
  const provider = new Provider(issuer, {
    clients: [],
    features: {
      devInteractions: { enabled: false },
      dPoP: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
      registration: {
        enabled: registration !== 'off',
        initialAccessToken: registration === 'token' ? 'not-a-secret' : false,
      },
      registrationManagement: { enabled: registration !== 'off' },
      resourceIndicators: { enabled: true },
    },
  });
  provider.on('registration_create.success', (_context, client) => say({ registered: client.clientId }));
  const answer = provider.callback();
  server.on('request', (request, response) => {
    if (path && request.url.startsWith(path)) request.url = request.url.slice(path.length) || '/';
    answer(request, response);
  });
  say({ issuer });
});
