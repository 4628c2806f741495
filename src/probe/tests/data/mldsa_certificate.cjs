// node mldsa_certificate.cjs FOLDER SET: a self-signed ML-DSA certificate (RFC 9881) for localhost
// and 127.0.0.1 as FOLDER/mldsaSET.crt and .key. The tool for it, OpenSSL 3.5, has no command line
// in Node.js, so the certificate is put together here.
const crypto = require('crypto');
const fs = require('fs');

const [folder, set] = process.argv.slice(2);
const length = (n) =>
  Buffer.from(n < 128 ? [n] : n < 256 ? [0x81, n] : [0x82, n >> 8, n & 255]);
const tlv = (tag, ...parts) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag]), length(body.length), body]);
};
const oid = (dotted) => {
  const [first, second, ...rest] = dotted.split('.').map(Number);
  const out = [first * 40 + second];
  for (const value of rest) {
    const base128 = [value & 127];
    for (let left = value >> 7; left > 0; left >>= 7) base128.unshift(128 | (left & 127));
    out.push(...base128);
  }
  return tlv(6, Buffer.from(out));
};
const day = (offset) => {
  const text = new Date(Date.now() + offset * 864e5).toISOString().replace(/[-:T]/g, '');
  return tlv(0x17, Buffer.from(text.slice(2, 14) + 'Z'));
};

const { publicKey, privateKey } = crypto.generateKeyPairSync('ml-dsa-' + set);
const algorithm = tlv(0x30, oid('2.16.840.1.101.3.4.3.' + { 44: 17, 65: 18, 87: 19 }[set]));
const name = tlv(0x30, tlv(0x31, tlv(0x30, oid('2.5.4.3'), tlv(12, Buffer.from('mldsa' + set)))));
const names = tlv(0x30, tlv(0x82, Buffer.from('localhost')), tlv(0x87, Buffer.from([127, 0, 0, 1])));
const extension = tlv(0x30, oid('2.5.29.17'), tlv(4, names));
const content = tlv(
  0x30,
  tlv(0xa0, tlv(2, Buffer.from([2]))),
  tlv(2, Buffer.from([1])),
  algorithm,
  name,
  tlv(0x30, day(-1), day(30)),
  name,
  publicKey.export({ type: 'spki', format: 'der' }),
  tlv(0xa3, tlv(0x30, extension)),
);
const signature = crypto.sign(null, content, privateKey);
const certificate = tlv(0x30, content, algorithm, tlv(3, Buffer.from([0]), signature));
const pem = certificate.toString('base64').match(/.{1,64}/g).join('\n');
fs.writeFileSync(
  `${folder}/mldsa${set}.crt`,
  `-----BEGIN CERTIFICATE-----\n${pem}\n-----END CERTIFICATE-----\n`,
);
fs.writeFileSync(`${folder}/mldsa${set}.key`, privateKey.export({ type: 'pkcs8', format: 'pem' }));
