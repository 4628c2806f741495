// Times of signing and verifying a passport, and its parts one by one. With a folder as argument
// the messages and keys are left there, so that bench/evidence_sign_bench.py does the same work
// with other people's libraries: bench_evidence_sign [FOLDER]

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <string>

#include <fmt/format.h>

#include "crypto/ed25519.h"
#include "crypto/mldsa.h"
#include "evidence/dsse.h"
#include "evidence/passport.h"
#include "evidence/verify.h"

namespace carnet {
namespace {

template <class Work>
double median_us(int runs, Work work) {
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    work();
    times.push_back(
        std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - begin)
            .count());
  }
  std::nth_element(times.begin(), times.begin() + runs / 2, times.end());
  return times[static_cast<std::size_t>(runs) / 2];
}

inventory::ScanDocument document(int endpoints) {
  inventory::ScanDocument out;
  out.scan_id = "scan_01k5zv8m3qf7rtn2x4hy6w9bcd";
  out.judgement.score = 41.5;
  out.judgement.band = "At Risk";
  for (int i = 0; i < endpoints; ++i) {
    inventory::Endpoint endpoint;
    endpoint.host = fmt::format("host{}.example.org", i);
    endpoint.port = 443;
    out.endpoints.push_back(std::move(endpoint));
  }
  return out;
}

void leave(const std::string& folder, const std::string& name, std::string_view bytes) {
  std::ofstream(folder + "/" + name, std::ios::binary) << bytes;
}

int run(int argc, char** argv) {
  SystemRandom random;
  const auto ed25519 = crypto::ed25519_generate(random);
  const auto mldsa = crypto::mldsa_generate(crypto::MlDsa::k65, random);
  const Timestamp now = from_millis(1'795'500'400'000);
  const evidence::PublicKey one =
      evidence::public_key(evidence::KeyAlgorithm::kEd25519, evidence::KeyUse::kPassport,
                           Bytes(ed25519.public_key.begin(), ed25519.public_key.end()), now);
  const evidence::PublicKey two = evidence::public_key(
      evidence::KeyAlgorithm::kMlDsa65, evidence::KeyUse::kPassport, mldsa.public_key, now);
  evidence::KeySet trusted;
  trusted.keys = {one, two};
  const evidence::Issue issue{.issuer_url = "https://carnet.example.org",
                              .tenant_name = "Example Bank",
                              .log_origin = {},
                              .issued_at = now,
                              .previous = {}};
  const std::vector<evidence::Subject> subjects{
      {.name = "report.json", .sha256 = std::string(64, 'a')}};
  const std::string statement =
      evidence::passport_statement(document(100), subjects, issue).value();
  const evidence::Envelope envelope =
      evidence::sign_passport(statement, {.ed25519 = ed25519, .mldsa = mldsa}, random).value();
  const std::string message =
      evidence::pre_authentication_encoding(envelope.payload_type, envelope.payload);
  const std::string text = evidence::envelope_json(envelope);

  constexpr int kRuns = 200;
  bool good = true;
  const auto print = [](const char* name, double us) {
    fmt::print("{:<28} {:>9.1f} us\n", name, us);
  };
  print("statement", median_us(kRuns, [&] {
          good &= evidence::passport_statement(document(100), subjects, issue).has_value();
        }));
  print("sign both", median_us(kRuns, [&] {
          good &= evidence::sign_passport(statement, {.ed25519 = ed25519, .mldsa = mldsa}, random)
                      .has_value();
        }));
  print("sign Ed25519", median_us(kRuns, [&] {
          good &= crypto::ed25519_sign(ed25519, as_bytes(message)).has_value();
        }));
  print("sign ML-DSA-65", median_us(kRuns, [&] {
          good &= crypto::mldsa_sign(crypto::MlDsa::k65, mldsa.private_key,
                                     {.message = as_bytes(message)}, random)
                      .has_value();
        }));
  print("verify Ed25519", median_us(kRuns, [&] {
          good &= crypto::ed25519_verify({.public_key = one.public_key,
                                          .message = as_bytes(message),
                                          .signature = envelope.signatures[0].sig});
        }));
  print("verify ML-DSA-65", median_us(kRuns, [&] {
          good &= crypto::mldsa_verify(crypto::MlDsa::k65, two.public_key,
                                       {.message = as_bytes(message)}, envelope.signatures[1].sig);
        }));
  print("verify passport", median_us(kRuns, [&] {
          good &= evidence::verify({.document = text, .trusted = &trusted, .now = now}).verdict ==
                  evidence::Verdict::kValid;
        }));
  if (argc > 1) {
    leave(argv[1], "message", message);
    leave(argv[1], "ed25519.spki", as_text(evidence::spki_of(one)));
    leave(argv[1], "mldsa.spki", as_text(evidence::spki_of(two)));
    leave(argv[1], "ed25519.sig", as_text(envelope.signatures[0].sig));
    leave(argv[1], "mldsa.sig", as_text(envelope.signatures[1].sig));
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace carnet

int main(int argc, char** argv) { return carnet::run(argc, argv); }
