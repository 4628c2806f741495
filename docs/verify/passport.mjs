// Verifies both signatures of a Carnet passport with nothing but Node.js 24.6 or newer (OpenSSL 3.5), whose crypto knows ML-DSA.
//
//   node passport.mjs passport.json carnet-keys.json [FOLDER]
//
// carnet-keys.json is the key set that YOU trust, from the issuer's /.well-known/carnet-keys.json; not the one of a bundle. With a
// FOLDER the files that the passport lists are read from it and their SHA-256 is compared. Ends with 0 only if all of it holds.
import crypto from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';

const [passportFile, keysFile, folder] = process.argv.slice(2);
if (!keysFile) {
  console.error('usage: node passport.mjs passport.json carnet-keys.json [FOLDER]');
  process.exit(3);
}
const fail = (words) => {
  console.error(`NOT GENUINE: ${words}`);
  process.exit(2);
};

const envelope = JSON.parse(fs.readFileSync(passportFile, 'utf8'));
const trusted = JSON.parse(fs.readFileSync(keysFile, 'utf8')).keys;
const payload = Buffer.from(envelope.payload, 'base64');
if (envelope.payloadType !== 'application/vnd.in-toto+json') fail('the payload is of another type');

// What is signed (DSSE v1): "DSSEv1" and, with a space before each, length and text of the type, length and text of the payload.
const type = Buffer.from(envelope.payloadType);
const signed = Buffer.concat([Buffer.from(`DSSEv1 ${type.length} `), type, Buffer.from(` ${payload.length} `), payload]);

const statement = JSON.parse(payload);
if (statement.predicateType !== 'urn:carnet:predicate:passport:1') fail('this is no passport');
const { issuedAt, notAfter, sample, issuer, tenant, scanId } = statement.predicate;

for (const algorithm of ['Ed25519', 'ML-DSA-65']) {
  const good = envelope.signatures.some(({ keyid, sig }) => {
    const key = trusted.find((k) => k.keyid === keyid && k.algorithm === algorithm && k.use === 'passport');
    if (!key) return false;
    const spki = Buffer.from(key.spki, 'base64');
    const raw = Buffer.from(key.publicKey, 'base64');
    // The key id is the SHA-256 of the raw key, with which the DER form ends.
    if (!spki.subarray(-raw.length).equals(raw) || crypto.createHash('sha256').update(raw).digest('hex') !== keyid) return false;
    const at = Date.parse(issuedAt);
    if (at < Date.parse(key.notBefore) || (key.notAfter && at > Date.parse(key.notAfter))) return false;
    const publicKey = crypto.createPublicKey({ key: spki, format: 'der', type: 'spki' });
    return crypto.verify(null, signed, publicKey, Buffer.from(sig, 'base64'));
  });
  if (!good) fail(`there is no ${algorithm} signature that holds, by a key that is trusted and was valid at ${issuedAt}`);
  console.log(`ok  ${algorithm} signature`);
}

if (folder) {
  for (const { name, digest } of statement.subject) {
    const file = path.join(folder, path.basename(name));
    const found = fs.existsSync(file) ? crypto.createHash('sha256').update(fs.readFileSync(file)).digest('hex') : 'missing';
    if (found !== digest.sha256) fail(`${name} was altered or taken out: ${found}`);
    console.log(`ok  ${name}`);
  }
}
if (new Date() > new Date(notAfter)) fail(`it has expired, at ${notAfter}`);
console.log(`GENUINE${sample ? ' SAMPLE (its endpoints are invented)' : ''}: scan ${scanId} for ${tenant.name}, issued by ${issuer.url} at ${issuedAt}`);
