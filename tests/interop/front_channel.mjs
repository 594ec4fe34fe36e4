// A certified OpenID provider of an earlier version (npm oidc-provider 6), for later ones have no front-channel logout.
// usage: node front_channel.mjs '{"port": 9000, "clients": [{"client_id": …, "client_secret": …, "redirect_uris": […]}]}'
//
// Prints {"issuer": …} when it listens, and ends when its standard input does.
import { generateKeyPairSync } from 'node:crypto';
import process from 'node:process';
import { Provider } from 'oidc-provider-6';

// Its notices go to standard output, where one line of ours is expected.
console.info = console.error;
console.warn = console.error;

const settings = JSON.parse(process.argv[2]);
const issuer = `http://127.0.0.1:${settings.port}`;
const key = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' });

const provider = new Provider(issuer, {
  clients: settings.clients,
  jwks: { keys: [{ ...key, alg: 'RS256', use: 'sig', kid: 'front-channel' }] },
  conformIdTokenClaims: false,
  claims: { openid: ['sub', 'sid', 'auth_time', 'upn', 'group'], email: ['email'], profile: ['name'] },
  cookies: { keys: ['front-channel'] },
  features: {
    devInteractions: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    frontchannelLogout: { enabled: true, ack: 'draft-04' },
  },
  findAccount: (_ctx, login) => ({
    accountId: login,
    claims: () => ({
      sub: login, upn: `${login}@contoso.com`, name: login, email: `${login}@contoso.com`, group: ['Staff'],
    }),
  }),
});
for (const event of ['authorization.error', 'grant.error', 'end_session.error', 'server_error']) {
  provider.on(event, (_ctx, error) => console.error(event, error.message, error.error_detail ?? ''));
}

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
provider.listen(settings.port, '127.0.0.1', () => console.log(JSON.stringify({ issuer })));
