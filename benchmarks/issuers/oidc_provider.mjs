// Node oidc-provider with the same client, user and codes as ours. Arguments: the file of the package,
// the descriptor of the listening socket, the file for the seed, how many codes, and the database
// ("" keeps everything in memory).
import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';

const [library, descriptor, seedFile, count, database] = process.argv.slice(2);
const { default: Provider } = await import(library);
const ISSUER = 'http://localhost:9000';
const RESOURCE = 'http://localhost:9000/mcp';
const SCOPE = 'mcp:read mcp:tools';
const CALLBACK = 'http://127.0.0.1:41000/callback';
const CHALLENGE = process.env.CHALLENGE;

class MemoryAdapter {
  static rows = new Map();
  constructor(model) { this.model = model; }
  key(id) { return `${this.model}:${id}`; }
  async upsert(id, payload) { MemoryAdapter.rows.set(this.key(id), payload); }
  async find(id) { return MemoryAdapter.rows.get(this.key(id)); }
  async consume(id) { MemoryAdapter.rows.get(this.key(id)).consumed = Math.floor(Date.now() / 1000); }
  async destroy(id) { MemoryAdapter.rows.delete(this.key(id)); }
  async revokeByGrantId() {}
  async findByUid() {}
  async findByUserCode() {}
}

async function durableAdapter(path) {
  const { DatabaseSync } = await import('node:sqlite');
  const db = new DatabaseSync(path);
  db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
  db.exec('CREATE TABLE rows (id TEXT PRIMARY KEY, grant_id TEXT, payload TEXT NOT NULL)');
  db.exec('CREATE INDEX by_grant ON rows (grant_id)');
  const upsert = db.prepare(
    'INSERT INTO rows VALUES (?, ?, ?) ON CONFLICT (id) DO UPDATE SET payload = excluded.payload',
  );
  const find = db.prepare('SELECT payload FROM rows WHERE id = ?');
  const consume = db.prepare("UPDATE rows SET payload = json_set(payload, '$.consumed', ?) WHERE id = ?");
  const destroy = db.prepare('DELETE FROM rows WHERE id = ?');
  const revoke = db.prepare('DELETE FROM rows WHERE grant_id = ?');
  return class {
    static db = db;
    constructor(model) { this.model = model; }
    key(id) { return `${this.model}:${id}`; }
    async upsert(id, payload) { upsert.run(this.key(id), payload.grantId ?? null, JSON.stringify(payload)); }
    async find(id) {
      const row = find.get(this.key(id));
      return row && JSON.parse(row.payload);
    }
    async consume(id) { consume.run(Math.floor(Date.now() / 1000), this.key(id)); }
    async destroy(id) { destroy.run(this.key(id)); }
    async revokeByGrantId(grantId) { revoke.run(grantId); }
    async findByUid() {}
    async findByUserCode() {}
  };
}

const adapter = database ? await durableAdapter(database) : MemoryAdapter;
const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = { ...privateKey.export({ format: 'jwk' }), alg: 'ES256', use: 'sig', kid: 'bench' };
const provider = new Provider(ISSUER, {
  adapter,
  jwks: { keys: [key] },
  clients: [{
    client_id: 'bench',
    token_endpoint_auth_method: 'none',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    redirect_uris: [CALLBACK],
    id_token_signed_response_alg: 'ES256',
  }],
  scopes: SCOPE.split(' '),
  findAccount: (_context, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  issueRefreshToken: () => true,
  rotateRefreshToken: true,
  ttl: { AccessToken: 600, AuthorizationCode: 3600, Grant: 86400, RefreshToken: 86400 },
  features: {
    devInteractions: { enabled: false },
    resourceIndicators: {
      enabled: true,
      defaultResource: () => RESOURCE,
      useGrantedResource: () => true,
      getResourceServerInfo: () => ({
        scope: SCOPE,
        audience: RESOURCE,
        accessTokenFormat: 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
    },
  },
});

const client = await provider.Client.find('bench');
const codes = [];
if (database) adapter.db.exec('BEGIN');
for (let number = 0; number < Number(count); number += 1) {
  const grant = new provider.Grant({ accountId: 'alice', clientId: 'bench' });
  grant.addResourceScope(RESOURCE, SCOPE);
  const grantId = await grant.save();
  const code = new provider.AuthorizationCode({
    accountId: 'alice',
    client,
    grantId,
    gty: 'authorization_code',
    redirectUri: CALLBACK,
    codeChallenge: CHALLENGE,
    codeChallengeMethod: 'S256',
    scope: SCOPE,
    resource: RESOURCE,
    expiresWithSession: false,
  });
  codes.push(await code.save());
}
if (database) adapter.db.exec('COMMIT');
createServer(provider.callback()).listen({ fd: Number(descriptor) }, () => {
  writeFileSync(seedFile, JSON.stringify({ client_id: 'bench', codes }));
});
