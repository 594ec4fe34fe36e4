// A certified OpenID provider (npm oidc-provider), told by one JSON argument what to be.
// usage: node provider.mjs '{"port": 9000, "clients": [{"client_id": …, "client_secret": …, "redirect_uris": […]}]}'
//
//   host          127.0.0.1; the issuer is http://host:port
//   clients       client metadata as OpenID Connect Dynamic Client Registration names it
//   people        {login: {upn, name, email, group}}; whoever else signs in is made up from the login
//   keys          algorithms, one key each, ["RS256"]; the first signs unless a client's metadata says otherwise
//   ttl           seconds: {"IdToken": 3600, "AccessToken": 3600, "Session": 28800}
//   pkce          true: every client must send S256
//   resources     audiences of access tokens that are to be JWTs (RFC 8707)
//   clock_file    a file with seconds to be added to the wall clock, read whenever the time is asked for
//   refresh       true: a refresh token for every code; each is good once, and its second use revokes the whole grant
//   conform       false: claims stand in the id token; true: at userinfo alone
//
// Prints {"issuer": …} when it listens, and ends when its standard input does.
import { createPrivateKey, generateKeyPairSync, randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import process from 'node:process';
import Provider from 'oidc-provider';

const settings = {
  host: '127.0.0.1', people: {}, keys: ['RS256'], ttl: {}, pkce: true, resources: [], conform: false, refresh: false,
  ...JSON.parse(process.argv[2]),
};
const issuer = `http://${settings.host}:${settings.port}`;

if (settings.clock_file) {
  const wall = Date.now;
  Date.now = () => wall() + 1000 * Number(readFileSync(settings.clock_file, 'utf8'));
}

const KINDS = {
  RS256: ['rsa', { modulusLength: 2048 }],
  PS256: ['rsa', { modulusLength: 2048 }],
  ES256: ['ec', { namedCurve: 'P-256' }],
  ES384: ['ec', { namedCurve: 'P-384' }],
  ES512: ['ec', { namedCurve: 'P-521' }],
  EdDSA: ['ed25519', {}],
};
const PEM = {
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' }, publicKeyEncoding: { type: 'spki', format: 'pem' },
};
// By way of PEM: a key object that is exported while the job that made it is being collected can stand still for good.
const generated = ([kind, options]) => createPrivateKey(generateKeyPairSync(kind, { ...options, ...PEM }).privateKey);
const keys = settings.keys.map((alg) => ({
  ...generated(KINDS[alg]).export({ format: 'jwk' }), alg, use: 'sig', kid: `${alg}-${randomBytes(4).toString('hex')}`,
}));

const person = (login) => ({
  upn: `${login}@contoso.com`, name: login, email: `${login}@contoso.com`, group: ['Sales', 'Staff'],
  ...settings.people[login],
});

const provider = new Provider(issuer, {
  clients: settings.clients.map((client) => ({
    response_types: ['code'], grant_types: ['authorization_code', 'refresh_token'],
    id_token_signed_response_alg: settings.keys[0], ...client,
  })),
  jwks: { keys },
  enabledJWA: { idTokenSigningAlgValues: settings.keys },
  pkce: { required: () => settings.pkce },
  cookies: { keys: [randomBytes(16).toString('hex')] },
  ...(settings.refresh && {
    issueRefreshToken: (_ctx, client) => client.grantTypeAllowed('refresh_token'), rotateRefreshToken: () => true,
  }),
  conformIdTokenClaims: settings.conform,
  claims: {
    openid: ['sub', 'sid', 'auth_time', 'acr', 'amr', 'upn', 'group'],
    email: ['email', 'email_verified'],
    profile: ['name'],
  },
  responseModes: ['query', 'form_post'],
  ttl: {
    IdToken: 3600, AccessToken: 3600, AuthorizationCode: 60, Grant: 86400, Interaction: 600, RefreshToken: 86400,
    Session: 28800, ...settings.ttl,
  },
  features: {
    devInteractions: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    revocation: { enabled: true },
    backchannelLogout: { enabled: true },
    resourceIndicators: {
      enabled: settings.resources.length > 0,
      defaultResource: () => undefined,
      useGrantedResource: () => true,
      getResourceServerInfo: (_ctx, indicator) => {
        if (!settings.resources.includes(indicator)) throw new Error(`unknown resource ${indicator}`);
        return {
          scope: 'openid', audience: indicator, accessTokenFormat: 'jwt', accessTokenTTL: settings.ttl.AccessToken,
          jwt: { sign: { alg: settings.keys[0] } },
        };
      },
    },
  },
  extraTokenClaims: (_ctx, token) => (token.accountId ? { upn: person(token.accountId).upn } : undefined),
  // The parties of a test listen on loopback addresses, which the provider's own fetch would not reach.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
  findAccount: (_ctx, login) => ({
    accountId: login,
    claims: () => ({ sub: login, email_verified: true, ...person(login) }),
  }),
});

// The ready-made login form knows no methods; a real provider states how somebody signed in.
const finished = provider.interactionFinished.bind(provider);
provider.interactionFinished = (request, response, result, options) => {
  const how = { amr: ['pwd'], acr: 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport' };
  return finished(request, response, result.login ? { ...result, login: { ...how, ...result.login } } : result, options);
};
for (const [event, what] of [['grant.success', 'granted'], ['refresh_token.saved', 'saved'],
  ['refresh_token.destroyed', 'destroyed'], ['grant.revoked', 'revoked']]) {
  provider.on(event, (context) => settings.refresh && console.error(what, context?.oidc?.params?.grant_type ?? ''));
}
provider.on('server_error', (_ctx, error) => console.error(error));
for (const event of ['authorization.error', 'grant.error', 'end_session.error', 'backchannel.error']) {
  provider.on(event, (_ctx, error) => console.error(event, error.message, error.error_detail ?? ''));
}

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
provider.listen(settings.port, settings.host, () => console.log(JSON.stringify({ issuer })));
