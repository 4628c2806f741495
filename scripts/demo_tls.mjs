// Two real TLS servers on loopback for the ./run demonstration: one that negotiates only classical groups, one that
// prefers X25519MLKEM768. Needs a Node.js with OpenSSL 3.5. Arguments: the folder with the throw-away certificates.
// Prints one line of JSON with the two ports, then serves until it is ended.
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';

const dir = process.argv[2];

function start(name, ecdhCurve) {
  const server = createServer(
    {
      key: readFileSync(join(dir, `${name}.key`)),
      cert: readFileSync(join(dir, `${name}.crt`)),
      ecdhCurve,
      minVersion: 'TLSv1.2',
    },
    (request, response) => response.end(`Carnet demonstration: ${name}\n`),
  );
  // A probe ends its handshakes half-way; that is its trade, not an error to stop for.
  server.on('tlsClientError', () => {});
  server.on('clientError', (error, socket) => socket.destroy());
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(0, '127.0.0.1', () => resolve(server.address().port));
  });
}

const classical = await start('classical', 'X25519:P-256:P-384');
const hybrid = await start('hybrid', 'X25519MLKEM768:X25519:P-256');
console.log(JSON.stringify({ classical, hybrid }));
