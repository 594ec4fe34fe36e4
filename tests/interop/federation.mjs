// A WS-Federation provider, told by one JSON argument what to be: npm wsfed (SAML 1.1, WS-Trust 2005/02), or a
// responder around npm saml (SAML 1.1 or 2.0, plain or encrypted, WS-Trust 1.3).
// usage: node federation.mjs '{"kind": "wsfed", "port": 9000, "key": …, "certificate": …, "reply_to": […]}'
//
//   kind            wsfed, saml11 or saml20
//   key, certificate            PEM; the provider's own
//   published       the certificate in its metadata, where it is another
//   audience        whom tokens are for, where it is not wtrealm
//   reply_to        where answers may go: wreply if it is one of these, else the first
//   lifetime        3600; seconds of a token
//   encryption      undefined, or {"certificate": PEM, "public_key": PEM, "algorithm": URI, "key_algorithm": URI}
//   clock_file      a file with seconds to be added to the wall clock, read whenever the time is asked for
//
// Prints {"issuer": …, "metadata": …} when it listens, and ends when its standard input does.
import { readFileSync } from 'node:fs';
import process from 'node:process';
import express from 'express';
import saml from 'saml';
import wsfed from 'wsfed';

const settings = { kind: 'wsfed', lifetime: 3600, ...JSON.parse(process.argv[2]) };
const origin = `http://127.0.0.1:${settings.port}`;
const issuer = `${origin}/trust`;
const METADATA = '/FederationMetadata/2007-06/FederationMetadata.xml';
const CLAIMS = 'http://schemas.xmlsoap.org/ws/2005/05/identity/claims';

if (settings.clock_file) {
  const wall = Date.now;
  const WallDate = Date;
  const shifted = () => wall() + 1000 * Number(readFileSync(settings.clock_file, 'utf8'));
  globalThis.Date = class extends WallDate {
    constructor(...given) { super(...(given.length ? given : [shifted()])); }
    static now() { return shifted(); }
  };
}

const signedIn = new Map();
const escape = (text) => String(text).replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const person = (login) => ({ login, upn: `${login}@contoso.com`, groups: ['Sales', 'Staff'] });
const sessionOf = (request) => signedIn.get(/(?:^|; )idp=([^;]+)/.exec(request.headers.cookie ?? '')?.[1]);
const replyTo = (asked) => (settings.reply_to.includes(asked) ? asked : settings.reply_to[0]);

const attributes = (user) => ({
  [`${CLAIMS}/upn`]: user.upn,
  [`${CLAIMS}/name`]: user.login,
  'http://schemas.xmlsoap.org/claims/Group': user.groups,
});

class Profile {
  constructor(user) { this.user = user; }
  getClaims() { return attributes(this.user); }
  getNameIdentifier() { return { nameIdentifier: this.user.login }; }
}
Profile.prototype.metadata = [{ id: `${CLAIMS}/upn`, displayName: 'UPN', description: 'UPN' }];

const encrypted = () => (settings.encryption ? {
  encryptionCert: settings.encryption.certificate,
  encryptionPublicKey: settings.encryption.public_key,
  encryptionAlgorithm: settings.encryption.algorithm,
  keyEncryptionAlgorithm: settings.encryption.key_algorithm,
  disallowEncryptionWithInsecureAlgorithm: false,
} : {});

// WS-Trust 1.3: a collection, with lifetime, audience and token type beside the token.
const collection = (assertion, realm) => {
  const now = new Date(Date.now());
  const ends = new Date(Date.now() + 1000 * settings.lifetime);
  const type = settings.kind === 'saml20'
    ? 'http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV2.0'
    : 'http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1';
  return '<trust:RequestSecurityTokenResponseCollection xmlns:trust="http://docs.oasis-open.org/ws-sx/ws-trust/200512">'
    + '<trust:RequestSecurityTokenResponse><trust:Lifetime>'
    + '<wsu:Created xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd">'
    + `${now.toISOString()}</wsu:Created>`
    + '<wsu:Expires xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd">'
    + `${ends.toISOString()}</wsu:Expires></trust:Lifetime>`
    + '<wsp:AppliesTo xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy"><wsa:EndpointReference '
    + `xmlns:wsa="http://www.w3.org/2005/08/addressing"><wsa:Address>${escape(realm)}</wsa:Address>`
    + '</wsa:EndpointReference></wsp:AppliesTo>'
    + `<trust:RequestedSecurityToken>${assertion}</trust:RequestedSecurityToken>`
    + `<trust:TokenType>${type}</trust:TokenType>`
    + '</trust:RequestSecurityTokenResponse></trust:RequestSecurityTokenResponseCollection>';
};

const form = (action, fields) => `<!doctype html><title>Working</title><form method="post" action="${escape(action)}">${
  Object.entries(fields).map(([name, value]) => `<input type="hidden" name="${name}" value="${escape(value)}">`).join('')
}<button>Go on</button></form><script>document.forms[0].submit()</script>`;

const issue = (request, response, next, user) => {
  const realm = settings.audience ?? request.query.wtrealm;
  const options = {
    issuer, key: settings.key, cert: settings.certificate, audiences: realm, attributes: attributes(user),
    nameIdentifier: user.login, lifetimeInSeconds: settings.lifetime, signatureAlgorithm: 'rsa-sha256',
    digestAlgorithm: 'sha256', ...encrypted(),
  };
  const maker = settings.kind === 'saml20' ? saml.Saml20 : saml.Saml11;
  const done = (error, assertion) => {
    if (error) return next(error);
    const fields = { wa: 'wsignin1.0', wresult: collection(assertion, realm), wctx: request.query.wctx };
    return response.send(form(replyTo(request.query.wreply), fields));
  };
  maker.create(options, done);
};

const plain = wsfed.auth({
  issuer, key: settings.key, cert: settings.certificate, lifetime: settings.lifetime, audience: settings.audience,
  profileMapper: (user) => new Profile(user),
  signatureAlgorithm: 'rsa-sha256', digestAlgorithm: 'sha256',
  getPostURL: (_realm, wreply, _request, callback) => callback(null, replyTo(wreply)),
});

const application = express();
application.use(express.urlencoded({ extended: false }));
application.get(METADATA, wsfed.metadata({
  issuer, cert: settings.published ?? settings.certificate, profileMapper: Profile, endpointPath: '/ls',
}));
const answer = (request, response, next, user) => {
  request.user = user;
  return settings.kind === 'wsfed' ? plain(request, response, next) : issue(request, response, next, user);
};
application.get('/ls', (request, response, next) => {
  if (request.query.wa === 'wsignout1.0') {
    response.set('Set-Cookie', 'idp=; Path=/; Max-Age=0');
    return response.send('<!doctype html><title>Signed out</title>Signed out');
  }
  const user = sessionOf(request);
  if (user && request.query.wfresh !== '0') return answer(request, response, next, user);
  return response.send(`<!doctype html><title>Sign in</title><form method="post" action="${escape(request.originalUrl)}">`
    + '<input name="login"><input name="password" type="password"><button>Sign in</button></form>');
});
application.post('/ls', (request, response, next) => {
  const user = person(request.body.login);
  const id = `${Math.random()}`.slice(2);
  signedIn.set(id, user);
  response.set('Set-Cookie', `idp=${id}; Path=/; HttpOnly`);
  return answer(request, response, next, user);
});
application.use((error, _request, response, _next) => {
  console.error(error);
  response.status(500).send('error');
});

process.stdin.resume();
process.stdin.on('end', () => process.exit(0));
application.listen(settings.port, '127.0.0.1', () => {
  console.log(JSON.stringify({ issuer, metadata: `${origin}${METADATA}` }));
});
