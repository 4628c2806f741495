// Verifies the passport behind a link in the visitor's own browser: both signatures, the digests that the page names, and the
// proof that the passport stands in the transparency log. Ed25519 by the browser, ML-DSA-65 and the hashes by @noble, from
// our own origin. Nothing is taken from the passport that vouches for itself: keys come from the published set.

// Fetched when somebody asks for a check: together they weigh several times the page.
let ml_dsa65, sha256;
async function load() {
  [{ ml_dsa65 }, { sha256 }] = await Promise.all([
    import("/assets/noble-post-quantum-ml-dsa.js"), import("/assets/noble-hashes-sha2.js")]);
}

const PAYLOAD_TYPE = "application/vnd.in-toto+json";
const encoder = new TextEncoder();

const hex = (bytes) => Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
const fromHex = (text) => Uint8Array.from(text.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const fromBase64 = (text) => Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
const joined = (...parts) => Uint8Array.from(parts.flatMap((part) => [...part]));
const equal = (a, b) => a.length === b.length && a.every((byte, i) => byte === b[i]);

async function bytesOf(address) {
  const answer = await fetch(address, { headers: { accept: "application/json" } });
  if (!answer.ok) throw new Error(`${new URL(address, location).pathname.split("/").pop()} was answered with ${answer.status}`);
  return new Uint8Array(await answer.arrayBuffer());
}
const jsonOf = async (address) => JSON.parse(new TextDecoder().decode(await bytesOf(address)));

// What DSSE signs: the type and the payload, each behind its length.
function preAuthenticationEncoding(type, payload) {
  return joined(encoder.encode(`DSSEv1 ${encoder.encode(type).length} ${type} ${payload.length} `), payload);
}

// undefined where the browser has no Ed25519 (old ones, and pages that came without https).
async function ed25519(publicKey, message, signature) {
  if (globalThis.crypto?.subtle === undefined) return undefined;
  let key;
  try {
    key = await crypto.subtle.importKey("raw", publicKey, { name: "Ed25519" }, false, ["verify"]);
  } catch {
    return undefined;
  }
  return crypto.subtle.verify({ name: "Ed25519" }, key, signature, message);
}
function mlDsa65(publicKey, message, signature) {
  return signature.length === ml_dsa65.lengths.signature && ml_dsa65.verify(signature, message, publicKey);
}

async function signedBy(keys, algorithm, message, signatures) {
  let able = true;
  for (const key of keys.filter((one) => one.algorithm === algorithm)) {
    for (const { keyid, sig } of signatures) {
      if (keyid !== undefined && keyid !== key.keyid) continue;
      const publicKey = fromBase64(key.publicKey);
      const good = algorithm === "Ed25519"
        ? sig.length === 64 && await ed25519(publicKey, message, sig) : mlDsa65(publicKey, message, sig);
      if (good) return true;
      if (good === undefined) able = false;
    }
  }
  return able ? false : undefined;
}

// RFC 9162 section 2.1.3.2: the root that a leaf at `index` of a tree of `size` leads to.
function rootFrom(leaf, index, size, path) {
  const node = (left, right) => sha256(joined([1], left, right));
  let [f, s, root] = [BigInt(index), BigInt(size) - 1n, leaf];
  for (const step of path) {
    if (s === 0n) return undefined;
    if ((f & 1n) === 1n || f === s) {
      root = node(step, root);
      while ((f & 1n) === 0n && f !== 0n) { f >>= 1n; s >>= 1n; }
    } else {
      root = node(root, step);
    }
    f >>= 1n;
    s >>= 1n;
  }
  return s === 0n ? root : undefined;
}

// The text of a signed note and its signatures, without the key ids before them.
function readNote(note) {
  const end = note.lastIndexOf("\n\n") + 1;
  const signatures = note.slice(end + 1).trimEnd().split("\n").map((line) => ({ sig: fromBase64(line.split(" ").pop()).slice(4) }));
  return { text: note.slice(0, end), signatures };
}

const CHECKS = [
  ["The passport is the one that this page names", async (at) => {
    at.bytes = await bytesOf(at.address);
    at.digest = sha256(at.bytes);
    if (hex(at.digest) !== at.expected) return "its SHA-256 is another";
    const envelope = JSON.parse(new TextDecoder().decode(at.bytes));
    if (envelope.payloadType !== PAYLOAD_TYPE) return "it is not an in-toto statement";
    at.payload = fromBase64(envelope.payload);
    at.message = preAuthenticationEncoding(PAYLOAD_TYPE, at.payload);
    at.signatures = envelope.signatures.map(({ keyid, sig }) => ({ keyid, sig: fromBase64(sig) }));
    return true;
  }],
  ["Each published key is what its name says", async (at) => {
    at.keys = (await jsonOf("/.well-known/carnet-keys.json")).keys;
    const wrong = at.keys.filter((key) => hex(sha256(fromBase64(key.publicKey))) !== key.keyid);
    at.passportKeys = at.keys.filter((key) => key.use === "passport");
    at.logKeys = at.keys.filter((key) => key.use === "log");
    return wrong.length === 0 && at.passportKeys.length > 0 ? true : "a key id is not its key's";
  }],
  ["Signature of today: Ed25519", (at) => signedBy(at.passportKeys, "Ed25519", at.message, at.signatures)],
  ["Signature that a quantum computer cannot forge: ML-DSA-65", (at) => signedBy(at.passportKeys, "ML-DSA-65", at.message, at.signatures)],
  ["It speaks of this scan and is still valid", (at) => {
    const statement = JSON.parse(new TextDecoder().decode(at.payload));
    at.subjects = new Set(statement.subject.map(({ digest }) => digest.sha256));
    const { predicate } = statement;
    if (predicate.scanId !== at.scan) return "it is another scan's";
    return Date.parse(predicate.notAfter) > Date.now() ? true : `it was valid until ${predicate.notAfter}`;
  }],
  ["The files on this page are the ones that were signed", (at) => {
    const strangers = at.files.filter(({ sha256: digest }) => !at.subjects.has(digest)).map(({ name }) => name);
    if (strangers.length === 0) return true;
    // A PDF with its recipient's name on every page is made for this link; the bundle holds the one that was signed.
    if (at.personal && strangers.every((name) => name === "PDF")) return { note: "but the PDF, which bears its recipient's name; the signed one is in the bundle" };
    return `not named: ${strangers.join(", ")}`;
  }],
  ["It stands in the transparency log", async (at) => {
    at.head = await jsonOf("/pqc/transparency/root");
    const proof = await jsonOf(`/pqc/transparency/inclusion?hash=${hex(at.digest)}&size=${at.head.size}`);
    const root = rootFrom(sha256(joined([0], at.digest)), proof.index, at.head.size, proof.path.map(fromHex));
    return root !== undefined && hex(root) === at.head.root ? true : "the proof does not lead to the log's root";
  }],
  ["The log's head carries both signatures", async (at) => {
    const { text, signatures } = readNote(at.head.checkpoint);
    const [origin, size, root] = text.split("\n");
    if (origin !== at.head.origin || Number(size) !== at.head.size || hex(fromBase64(root)) !== at.head.root) return "it names another root";
    const message = encoder.encode(text);
    const classical = await signedBy(at.logKeys, "Ed25519", message, signatures);
    const postQuantum = await signedBy(at.logKeys, "ML-DSA-65", message, signatures);
    return postQuantum === true ? classical : postQuantum;
  }],
];

const WORDS = { good: "Holds", bad: "Does not hold", unable: "Cannot be checked in this browser" };

function show(list, words, outcome, detail) {
  const item = document.createElement("li");
  item.className = `check ${outcome}`;
  const verdict = document.createElement("strong");
  verdict.textContent = WORDS[outcome];
  item.append(verdict, ` ${words}${detail === "" ? "" : `: ${detail}`}`);
  list.append(item);
}

async function verify(section, list) {
  const at = {
    personal: document.querySelector(".prepared") !== null,
    address: section.dataset.passport, expected: section.dataset.sha256, scan: section.dataset.scan,
    // The passport cannot name itself, nor the bundle, which holds it.
    files: Array.from(document.querySelectorAll(".downloads li:not([data-format=passport], [data-format=bundle])"), (item) => ({
      name: item.querySelector("strong").textContent, sha256: item.querySelector(".digest")?.textContent ?? "",
    })),
  };
  let worst = "good";
  for (const [words, check] of CHECKS) {
    let outcome;
    try {
      outcome = await check(at);
    } catch (failure) {
      outcome = String(failure.message);
    }
    const kind = outcome === true || outcome?.note !== undefined ? "good" : outcome === undefined ? "unable" : "bad";
    if (kind === "bad" || worst === "good") worst = kind;
    show(list, words, kind, typeof outcome === "string" ? outcome : outcome?.note ?? "");
    if (kind === "bad") break;
  }
  return worst;
}

const section = document.getElementById("verify");
const button = document.getElementById("verify-button");
button.parentElement.hidden = false;
button.addEventListener("click", async () => {
  const list = document.getElementById("verify-list");
  const verdict = document.getElementById("verify-verdict");
  button.disabled = true;
  list.replaceChildren();
  verdict.textContent = "Checking …";
  const worst = await load().then(() => verify(section, list), () => "unloaded");
  verdict.className = worst;
  verdict.textContent = worst === "good" ? "Everything holds: this passport is genuine and unaltered."
    : worst === "bad" ? "Do not rely on this passport: one of the checks does not hold."
      : worst === "unloaded" ? "The scripts that check could not be fetched; try again, or verify offline as described below."
      : "What this browser can check holds. For the rest, verify offline as described below.";
  button.disabled = false;
});
