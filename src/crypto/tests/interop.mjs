// The other side of interop_test.cc: does with Node's crypto, that is OpenSSL 3.5, what the requests in the file named on
// the command line ask for, and prints the answers as JSON. Nothing of ours computes here.
import crypto from 'node:crypto';
import fs from 'node:fs';

const bytes = (hex) => Buffer.from(hex, 'hex');
const hex = (buffer) => Buffer.from(buffer).toString('hex');
const base64url = (text) => bytes(text).toString('base64url');

// An Algorithm Key Pair of JOSE: `pub` always, `priv` the seed.
const publicKey = ({ alg, pub }) =>
  crypto.createPublicKey({ key: { kty: 'AKP', alg, pub: base64url(pub) }, format: 'jwk' });
const privateKey = ({ alg, pub, seed }) =>
  crypto.createPrivateKey({ key: { kty: 'AKP', alg, pub: base64url(pub), priv: base64url(seed) }, format: 'jwk' });
const withContext = (key, context) => (context ? { key, context: bytes(context) } : key);

const okp = (crv, x, d) =>
  d ? crypto.createPrivateKey({ key: { kty: 'OKP', crv, x: base64url(x), d: base64url(d) }, format: 'jwk' })
    : crypto.createPublicKey({ key: { kty: 'OKP', crv, x: base64url(x) }, format: 'jwk' });

// A share as TLS writes it becomes a key, and back.
function sharedKey(group, share) {
  if (group.startsWith('X')) return okp(group, share);
  const half = (share.length - 2) / 2;
  return crypto.createPublicKey({
    key: { kty: 'EC', crv: group, x: base64url(share.slice(2, 2 + half)), y: base64url(share.slice(2 + half)) },
    format: 'jwk',
  });
}
function shareOf(key) {
  const { x, y } = key.export({ format: 'jwk' });
  const part = (text) => Buffer.from(text, 'base64url').toString('hex');
  return y === undefined ? part(x) : '04' + part(x) + part(y);
}

function expandLabel(hash, secret, label, length) {
  const name = Buffer.from('tls13 ' + label);
  const info = Buffer.concat([Buffer.from([length >> 8, length & 255, name.length]), name, Buffer.from([0, 1])]);
  return crypto.createHmac(hash, secret).update(info).digest().subarray(0, length);
}

const suites = {
  4865: ['aes-128-gcm', 'sha256', 16],
  4866: ['aes-256-gcm', 'sha384', 32],
  4867: ['chacha20-poly1305', 'sha256', 32],
};

const answers = {
  verify: (r) => ({
    valid: crypto.verify(null, bytes(r.message), withContext(publicKey(r), r.context), bytes(r.signature)),
  }),
  sign: (r) => ({ signature: hex(crypto.sign(null, bytes(r.message), withContext(privateKey(r), r.context))) }),
  generate: (r) => {
    const jwk = crypto.generateKeyPairSync(r.alg.toLowerCase()).privateKey.export({ format: 'jwk' });
    const part = (text) => Buffer.from(text, 'base64url').toString('hex');
    return { pub: part(jwk.pub), seed: part(jwk.priv) };
  },
  encapsulate: (r) => {
    const { sharedKey: secret, ciphertext } = crypto.encapsulate(publicKey(r));
    return { secret: hex(secret), ciphertext: hex(ciphertext) };
  },
  decapsulate: (r) => ({ secret: hex(crypto.decapsulate(privateKey(r), bytes(r.ciphertext))) }),
  ed25519_verify: (r) => ({ valid: crypto.verify(null, bytes(r.message), okp('Ed25519', r.pub), bytes(r.signature)) }),
  ed25519_sign: (r) => ({ signature: hex(crypto.sign(null, bytes(r.message), okp('Ed25519', r.pub, r.seed))) }),
  agree: (r) => {
    const pair = r.group.startsWith('X')
      ? crypto.generateKeyPairSync(r.group.toLowerCase())
      : crypto.generateKeyPairSync('ec', { namedCurve: r.group });
    return {
      share: shareOf(pair.publicKey),
      secret: hex(crypto.diffieHellman({ privateKey: pair.privateKey, publicKey: sharedKey(r.group, r.share) })),
    };
  },
  open_record: (r) => {
    const [cipher, hash, keyBytes] = suites[r.suite];
    const record = bytes(r.record);
    const key = expandLabel(hash, bytes(r.traffic), 'key', keyBytes);
    const nonce = Buffer.from(expandLabel(hash, bytes(r.traffic), 'iv', 12));
    nonce[11] ^= r.sequence;
    const body = record.subarray(5, record.length - 16);
    const open = crypto.createDecipheriv(cipher, key, nonce, { authTagLength: 16 });
    open.setAAD(record.subarray(0, 5), { plaintextLength: body.length });
    open.setAuthTag(record.subarray(record.length - 16));
    return { inner: hex(Buffer.concat([open.update(body), open.final()])) };
  },
};

// expandLabel above is HKDF-Expand's first block with an empty context, so the info ends with a length of zero and the
// counter 1.
const requests = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
console.log(JSON.stringify({ openssl: process.versions.openssl, answers: requests.map((r) => answers[r.ask](r)) }));
