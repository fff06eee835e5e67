// Node oidc-provider as the identity provider of an authorization server: one confidential client,
// refresh tokens that rotate strictly, logout through the back channel. Each line of its input ends
// something there, and is answered by a line. Ends with its input.
import Provider from 'oidc-provider';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

const [client] = process.argv.slice(2).map((text) => JSON.parse(text));
const server = createServer();
server.listen(0, '127.0.0.1', () => {
  const issuer = `http://localhost:${server.address().port}`;
  const grants = new Set();
  const people = new Set();
  let disabled = false;
  const provider = new Provider(issuer, {
    clients: [client],
    scopes: ['openid', 'offline_access'],
    claims: { openid: ['sub'], profile: ['name'], email: ['email', 'email_verified'] },
    cookies: { keys: ['of no worth: everybody may sign in here'] },
    rotateRefreshToken: true,
    // The default fetches nothing on this machine, where our server is.
    fetch: (url, options) => globalThis.fetch(url, { ...options, dispatcher: undefined }),
    ttl: { AccessToken: 300, IdToken: 300, Grant: 86400, RefreshToken: 86400, Session: 86400 },
    features: {
      devInteractions: { enabled: true },
      backchannelLogout: { enabled: true },
      revocation: { enabled: true },
    },
    async findAccount(_context, subject) {
      if (disabled) return undefined;
      return {
        accountId: subject,
        claims: () => ({
          sub: subject,
          name: 'Una Example',
          email: `${subject}@example.com`,
          email_verified: true,
        }),
      };
    },
  });
  provider.on('grant.success', ({ oidc }) => {
    grants.add(oidc.entities.Grant.jti);
    people.add(oidc.entities.Account.accountId);
  });
  const commands = {
    disable: () => (disabled = true),
    async revoke() {
      for (const id of grants) await (await provider.Grant.find(id))?.destroy();
    },
    async logout() {
      const { client_id: clientId } = client;
      const told = await provider.Client.find(clientId);
      for (const subject of people) await told.backchannelLogout(subject);
    },
  };
  createInterface({ input: process.stdin })
    .on('line', async (command) => {
      await commands[command]();
      process.stdout.write('done\n');
    })
    .on('close', () => process.exit(0));
  server.on('request', provider.callback());
  process.stdout.write(JSON.stringify({ issuer }) + '\n');
});
