#pragma once
// The nouns of the product: what was observed at an endpoint, and what it means. Probes fill
// observations, assess/ turns them into assets and a judgement, evidence/ writes them down, the
// store keeps them. Plain values, no behaviour, no thread-safety concerns. Field names follow the
// JSON of docs/api (camelCase there, snake_case here).

#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/shared_list.h"

namespace carnet::inventory {

// ---- What was observed
// -------------------------------------------------------------------------------------------

// A probe result is one of these five words and they are never confused: `kUnsupported` needs proof
// by refusal, `kNotProven` means the server's answers did not settle it, `kNotTested` that nobody
// asked.
enum class Support { kPreferred, kSupported, kUnsupported, kNotTested, kNotProven };

struct Finding {
  std::string code;      // snake_case: "certificate_expired"
  std::string severity;  // "critical" | "high" | "medium" | "low" | "info"
  std::string detail;    // one sentence
  friend auto operator<=>(const Finding&, const Finding&) = default;
};

struct TlsVersionSupport {
  std::string version;  // "TLS 1.3", "TLS 1.2", "TLS 1.1", "TLS 1.0", "SSL 3.0"
  Support state = Support::kNotTested;
  friend auto operator<=>(const TlsVersionSupport&, const TlsVersionSupport&) = default;
};

struct TlsGroupSupport {
  std::uint16_t codepoint = 0;
  std::string name;  // registry name: "X25519MLKEM768"
  std::string kind;  // "hybrid" | "pq" | "classical" | "experimental"
  Support state = Support::kNotTested;
  friend auto operator<=>(const TlsGroupSupport&, const TlsGroupSupport&) = default;
};

struct TlsCipherSuite {
  std::string version;
  std::string name;  // IANA name
  std::uint16_t codepoint = 0;
  friend auto operator<=>(const TlsCipherSuite&, const TlsCipherSuite&) = default;
};

struct Certificate {
  int chain = 0;                // a server with two certificates has two chains
  int position = 0;             // 0 = leaf
  std::string subject, issuer;  // RFC 4514 text
  std::string serial_number;    // lower-case hex
  Timestamp not_before{}, not_after{};
  std::vector<std::string> sans;    // "dns:example.org", "ip:192.0.2.1"
  std::string key_algorithm;        // registry name: "RSA", "ECDSA P-256", "ML-DSA-65"
  int key_bits = 0;                 // RSA modulus bits, EC field bits, else 0
  std::string curve;                // "P-256" for EC keys
  std::string signature_algorithm;  // registry name: "sha256WithRSAEncryption"
  // RSASSA-PSS: "hash SHA-256, MGF1 SHA-256, salt 32"; "" without parameters.
  std::string signature_parameters;
  // Of a dual-algorithm certificate (X.509 2019 clause 9.8): registry names; "" if there is none.
  std::string alt_key_algorithm, alt_signature_algorithm;
  std::string sha256;             // lower-case hex of the DER
  std::string spki_sha256;        // likewise of the SubjectPublicKeyInfo
  std::vector<Finding> findings;  // what is odd about this certificate itself
  friend auto operator<=>(const Certificate&, const Certificate&) = default;
};

// A handshake carried to the server's Finished.
struct HandshakeProof {
  bool proven = false;
  std::string version, group, cipher_suite, signature_scheme;
  int client_hello_bytes = 0;
};

// Its lists are shared with other endpoints that have the same (inventory/sharing.h).
struct TlsObservation {
  SharedList<TlsVersionSupport> versions;
  SharedList<TlsGroupSupport> groups;  // every group that was asked for, preferred first
  std::optional<bool> server_order;    // nullopt: not proven
  SharedList<TlsCipherSuite> cipher_suites;
  // TLS 1.2 and older: the key exchanges seen: "ECDHE", "DHE", "RSA"; `dh_bits` of the DHE group if
  // any.
  std::vector<std::string> legacy_key_exchanges;
  int dh_bits = 0;
  HandshakeProof handshake_proof;
  SharedList<Certificate> certificates;
  std::vector<Finding> findings;
  std::string server_name;  // SNI that was sent, "" if none
  std::string alpn;
};

// The key of the authority that signed a host certificate (OpenSSH PROTOCOL.certkeys).
struct SshSigner {
  std::string type;
  int bits = 0;
  std::string fingerprint;
};

struct SshHostKey {
  std::string type;  // "ssh-ed25519"
  int bits = 0;
  std::string fingerprint;               // "SHA256:…"; of a certificate: of the key inside it
  std::optional<SshSigner> signed_by{};  // certificates only
};

// A post-quantum or hybrid key exchange on the server's list.
struct SshPqKex {
  std::string name;
  std::string kind;                     // "hybrid" | "pq" | "experimental"
  Support state = Support::kSupported;  // kPreferred: first in the server's order
};

struct SshObservation {
  std::string banner;
  std::vector<std::string> kex, host_key_algorithms, ciphers,
      macs;                    // in the server's order, as sent
  std::string negotiated_kex;  // with a client that offers everything, hybrids first
  std::vector<SshHostKey> host_keys;
  bool strict_kex = false;
  std::vector<Finding> findings;
  std::vector<SshPqKex> post_quantum_kex{};  // in the server's order
  std::vector<std::string> compression{};
};

// What an endpoint that upgrades to TLS in its own protocol said before TLS.
struct StarttlsObservation {
  // "offered": it gave the go-ahead. "not-offered": it does not list or know the upgrade.
  // "refused": it lists it and would not begin. "not-proven": its answers did not settle it.
  std::string state;
  std::string greeting;  // its first line, made printable and cut; "" if it says none
  std::vector<Finding> findings;
};

// One key of a JSON Web Key Set. Secret members never get here.
struct JwksKey {
  std::string kid, kty, alg, crv, use;    // as written, bounded and cleaned; "" if absent
  std::string algorithm;                  // registry name of the key: "RSA", "ML-DSA-65"
  int bits = 0;                           // RSA modulus or EC field
  std::string thumbprint;                 // RFC 7638, base64url; "" if it could not be built
  std::vector<Certificate> certificates;  // x5c
};

struct JwksObservation {
  std::string url;  // where the set was read; "" for a file
  std::vector<JwksKey> keys;
  std::vector<Finding> findings;
};

// One thing found in a file. A private key is here by its type, size and public part alone.
struct FileEntry {
  std::string kind;    // "certificate" | "certificate-request" | "revocation-list" | "public-key" |
                       // "private-key" | "encrypted-private-key" | "known-host" | "algorithm" |
                       // "protocol" | "secret"
  std::string format;  // "PKCS #8", "SEC 1", "OpenSSH", "PKCS #7", …
  int line = 0;        // from 1; 0: not a text file
  std::int64_t offset = 0;  // byte in the file (or in the decoded container)
  std::string label;        // subject, comment, alias, host: bounded and cleaned
  std::string algorithm;    // registry name, "unknown (OID 1.2.3)", "" if it cannot be seen
  int bits = 0;
  std::string curve;
  std::string signature_algorithm;  // requests and revocation lists
  std::string fingerprint;          // "SHA256:…" of the public part; "" if it cannot be known
  int certificate = -1;             // index into `certificates` for kind "certificate"
};

struct FileError {
  int line = 0;             // from 1; 0: not a text file
  std::int64_t offset = 0;  // byte
  std::string code;         // snake_case: "bad_base64", "passphrase_needed"
  std::string detail;       // one sentence
};

// What one file holds. Nothing of a private key but its public facts.
struct FileObservation {
  std::string name;    // as given: an upload's file name or a path below the walked folder
  std::string format;  // "PEM" | "DER" | "PKCS #7" | "PKCS #12" | "JKS" | "JWKS" | "OpenSSH" |
                       // "known_hosts" | "CSV" | "CycloneDX" …
  std::int64_t bytes = 0;
  std::vector<FileEntry> entries;
  std::vector<Certificate> certificates;
  std::vector<FileError> errors;
  std::vector<Finding> findings;
};

// An address of the endpoint's name beside the one that is reported.
struct OtherAddress {
  std::string address;
  // "same" | "differs" | "unreachable" | "not-looked-at". Compared is what readiness rests on:
  // protocol, versions, groups, the first certificate's key, SSH's lists and host keys.
  std::string state;
  std::string detail;  // what differs, why it was not reached; "" for "same"
};

struct Endpoint {
  std::string id;  // "ep_1", stable for one host, port and name within a scan
  std::string host;
  std::uint16_t port = 0;
  std::string address;                 // the address that was connected to
  std::vector<std::string> aliases{};  // the names that DNS sends `host` on to (CNAME), in order
  std::vector<OtherAddress> other_addresses{};  // of the name, in the order in which it has them
  // "tls" | "ssh" | "smtp" | "imap" … | "jwks" | "file"; "" if it was never reached
  std::string protocol;
  // What `protocol` rests on: "request" (the kind that was asked for), "port" (the port's own
  // service), "greeting" (the server spoke first), "answer" (it answered a protocol's opening).
  std::string recognised_by{};
  bool reached = false;
  std::string unreached_reason;  // "connection refused", "timed out after 3 s", …; "" if reached
  std::int64_t duration_ms = 0;
  int connections = 0;
  std::optional<TlsObservation> tls;
  std::optional<SshObservation> ssh;
  std::optional<StarttlsObservation> starttls;
  std::optional<JwksObservation> jwks;
  std::optional<FileObservation> file;  // protocol "file": `host` is its name, `port` 0
};

// ---- What it means
// -----------------------------------------------------------------------------------------------

enum class AssetStatus { kBroken, kAtRisk, kSafe, kUnknown };
enum class Exposure { kKeyEstablishment, kAuthentication };

struct Vulnerability {
  AssetStatus status = AssetStatus::kUnknown;
  bool hndl_exposed = false;
  std::string severity;
  std::string summary;
  std::string pqc_replacement;
  std::optional<int> shor_logical_qubits;  // order of magnitude
  std::optional<int> classical_security_bits;
  int nist_category = 0;  // 0: quantum-vulnerable
};

struct Asset {
  std::string id;  // "ast_" + 16 hex of SHA-256 over what identifies it: stable from scan to scan
  std::string endpoint_id;
  std::string kind;  // "tls" | "ssh" | "certificate" | …
  Exposure exposure = Exposure::kKeyEstablishment;
  std::string host;
  std::uint16_t port = 0;
  std::string label;      // "Key establishment of example.org:443"
  std::string algorithm;  // registry name
  int key_size = 0;
  double mosca_priority = 0;  // 0–100
  SharedList<std::string> standards_refs;
  Vulnerability vulnerability;
  // 1: a post-quantum group is negotiated by default; 0.6: supported only; 0: none. Key
  // establishment only.
  double pq_credit = 0;
};

struct BacklogItem {
  std::string id;  // "rem_" + 16 hex; the same cause on the same asset keeps it from scan to scan
  std::string asset_id;
  double priority = 0;  // 0–100
  std::string title;
  std::string action;  // plain words with the exact setting where the server software is known
  std::string pqc_algorithm;
  std::string deadline;  // "2030-12-31", "" if none
  std::string deadline_source;
  double effort_days = 0;
  std::string severity;
  SharedList<std::string> standards_refs;
  std::string status = "open";  // open | in_progress | accepted_risk | done
  std::string owner, target_date;
};

struct FrameworkRequirement {
  std::string id, text, result, source, date;
  SharedList<std::string> asset_ids;  // those that decide it
};

struct FrameworkResult {
  std::string id, name;
  std::string result;  // "met" | "not-met" | "not-applicable" | "cannot-tell"
  std::vector<FrameworkRequirement> requirements;
};

struct MoscaParameters {
  double data_shelf_life_years = 10;
  double migration_time_years = 5;
  double years_to_qday = 0;
  std::vector<std::string> defaults;  // JSON names of the values that were not given
};

struct MoscaJudgement {
  MoscaParameters parameters;
  bool inequality_holds = false;
  std::string summary;
};

struct Coverage {
  int requested = 0;
  int reached = 0;
  double confidence = 0;  // percent, a heuristic
};

struct StatusCounts {
  int assets = 0, broken = 0, at_risk = 0, safe = 0, unknown = 0, hndl_exposed = 0;
};

struct Judgement {
  std::optional<double> score;  // nullopt: nothing was classified
  std::string band;  // "Critical" | "At Risk" | "Developing" | "Prepared"; "" without a score
  std::optional<double> score_low, score_high;
  Coverage coverage;
  MoscaJudgement mosca;
  StatusCounts counts;
  std::vector<Asset> assets;
  std::vector<BacklogItem> backlog;
  std::vector<FrameworkResult> frameworks;
  std::vector<std::string> notes;  // what was not looked at, which values are estimates
  std::string method_version;
};

struct TimelineEvent {
  int seq = 0;        // from 1, without gaps
  std::string key;    // "queued", "started", "endpoint", "assessed", "finished", …
  std::string label;  // for people
  Timestamp at{};
  std::int64_t duration_ms = 0;
  std::string status;  // "ok" | "running" | "error" | "skipped"
};

enum class Profile { kQuick, kStandard, kDeep };

// One finished scan, whole: what the result, the report and every artifact are written from.
struct ScanDocument {
  std::string scan_id, label, profile;
  bool sample = false;
  Timestamp created_at{}, finished_at{};
  std::vector<Endpoint> endpoints;
  Judgement judgement;
  std::vector<TimelineEvent> timeline;
};

}  // namespace carnet::inventory
