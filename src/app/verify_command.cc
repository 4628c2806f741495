#include "app/verify_command.h"

#include <unistd.h>

#include <cstdio>
#include <fstream>
#include <iostream>
#include <sstream>

#include <fmt/format.h>
#include <boost/json.hpp>

#include "app/fetch.h"
#include "base/encoding.h"
#include "base/json.h"
#include "base/terminal.h"
#include "evidence/verify.h"

namespace carnet::app {
namespace {

namespace bj = boost::json;
using evidence::Check;
using evidence::CheckState;
using evidence::KeySet;
using evidence::Verdict;

constexpr int kExitForged = 2;
constexpr int kExitUnreadable = 3;
constexpr std::size_t kDocumentBytesMax = std::size_t{512} * 1024 * 1024;
constexpr std::size_t kAnswerBytesMax = std::size_t{4} * 1024 * 1024;  // limit: internal

int unreadable(std::string_view sentence) {
  fmt::print(stderr, "carnet verify: {}\n", terminal_text(sentence));
  return kExitUnreadable;
}

Result<std::string> read_document(const std::string& path) {
  std::ostringstream out;
  if (path == "-") {
    out << std::cin.rdbuf();
  } else {
    std::ifstream file(path, std::ios::binary);
    if (!file) return make_error(ErrorCode::kUnavailable, fmt::format("cannot read {}", path));
    out << file.rdbuf();
  }
  std::string bytes = std::move(out).str();
  if (bytes.size() > kDocumentBytesMax)
    return make_error(ErrorCode::kPayloadTooLarge,
                      fmt::format("{} has more than {} bytes", path, kDocumentBytesMax));
  return bytes;
}

bool is_url(std::string_view text) {
  return text.starts_with("https://") || text.starts_with("http://");
}

// What comes in the clear proves nothing, unless it comes from this very machine.
bool may_be_asked(std::string_view url) {
  return url.starts_with("https://") || url.starts_with("http://127.0.0.1:") ||
         url.starts_with("http://[::1]:") || url.starts_with("http://localhost:");
}

Result<KeySet> fetch_keys(const std::string& url) {
  CARNET_TRY(answer, fetch(url, evidence::kKeySetBytesMax));
  if (answer.status != 200)
    return make_error(ErrorCode::kUnavailable, fmt::format("{} answers {}", url, answer.status));
  return evidence::read_key_set(answer.body);
}

// An issuer, as far as it can be asked.
class Issuer {
 public:
  Issuer(std::string url, bool offline) : url_(std::move(url)) {
    while (url_.ends_with('/')) url_.pop_back();
    can_ask_ = !offline && may_be_asked(url_);
  }
  [[nodiscard]] bool can_ask() const { return can_ask_; }
  [[nodiscard]] std::string keys_url() const { return url_ + "/.well-known/carnet-keys.json"; }

  // nullopt if the answer is that there is no such thing: 404, or 422 for a size that the log has
  // not.
  [[nodiscard]] Result<std::optional<bj::object>> ask(const std::string& path) const {
    const std::string url = url_ + path;
    CARNET_TRY(answer, fetch(url, kAnswerBytesMax));
    if (answer.status == 404 || answer.status == 422) return std::optional<bj::object>{};
    const auto value = json::parse(answer.body);
    if (answer.status != 200 || !value || !value->is_object())
      return make_error(ErrorCode::kUnavailable, fmt::format("{} answers {}", url, answer.status));
    return std::optional(value->get_object());
  }

 private:
  std::string url_;
  bool can_ask_ = false;
};

std::uint64_t number_of(const bj::object& object, std::string_view name) {
  const bj::value* value = object.if_contains({name.data(), name.size()});
  return value != nullptr && value->is_int64() && value->get_int64() >= 0
             ? static_cast<std::uint64_t>(value->get_int64())
             : 0;
}

std::string text_of(const bj::object& object, std::string_view name) {
  const bj::value* value = object.if_contains({name.data(), name.size()});
  const bj::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(text->data(), text->size());
}

// Anything that is not a list of hashes ends as a proof that does not hold.
std::vector<evidence::MerkleHash> path_of(const bj::object& object) {
  std::vector<evidence::MerkleHash> path;
  const bj::value* value = object.if_contains("path");
  const bj::array* list = value == nullptr ? nullptr : value->if_array();
  if (list == nullptr || list->size() > evidence::kProofHashesMax) return path;
  for (const bj::value& entry : *list) {
    const bj::string* text = entry.if_string();
    const auto bytes = from_hex(text == nullptr ? std::string_view{}
                                                : std::string_view(text->data(), text->size()));
    evidence::MerkleHash hash{};
    if (!bytes || bytes->size() != hash.size()) return {};
    std::copy(bytes->begin(), bytes->end(), hash.begin());
    path.push_back(hash);
  }
  return path;
}

std::vector<evidence::TrustedLogKey> trusted_log_keys(const KeySet& set) {
  std::vector<evidence::TrustedLogKey> keys;
  for (const auto& one : set.keys)
    for (const auto& two : set.keys) {
      if (one.use != evidence::KeyUse::kLog || two.use != evidence::KeyUse::kLog ||
          one.algorithm != evidence::KeyAlgorithm::kEd25519 ||
          two.algorithm != evidence::KeyAlgorithm::kMlDsa65)
        continue;
      evidence::TrustedLogKey pair{.mldsa65 = two.public_key};
      std::copy(one.public_key.begin(), one.public_key.end(), pair.ed25519.begin());
      keys.push_back(std::move(pair));
    }
  return keys;
}

// One run: what is given, what is fetched, and what is worth saying about the fetching.
class Run {
 public:
  Run(const VerifyCommand& command, const Clock& clock) : command_(command), clock_(clock) {}

  int go() {
    auto document = read_document(command_.file);
    if (!document) return unreadable(document.error().public_detail);
    document_ = std::move(*document);
    if (!command_.passport.empty()) {
      auto passport = read_document(command_.passport);
      if (!passport) return unreadable(passport.error().public_detail);
      passport_ = std::move(*passport);
    }
    const auto glance = evidence::glance({.document = document_, .passport = passport_});
    const Issuer issuer(glance ? glance->claims.issuer_url : std::string(), command_.offline);
    if (auto loaded = load_keys(issuer); !loaded) return unreadable(loaded.error().public_detail);
    if (glance) ask_log(issuer, *glance);
    if (auto kept = load_checkpoint(issuer, glance); !kept)
      return unreadable(kept.error().public_detail);
    const evidence::Verification result = evidence::verify({.document = document_,
                                                            .passport = passport_,
                                                            .log_proof = log_proof_,
                                                            .trusted = keys_ ? &*keys_ : nullptr,
                                                            .known_head = known_head_,
                                                            .absent_from_log = absent_,
                                                            .now = clock_.now()});
    print(result);
    switch (result.verdict) {
      case Verdict::kValid:
        return 0;
      case Verdict::kForged:
      case Verdict::kExpired:
        return kExitForged;
      case Verdict::kUnreadable:
        return kExitUnreadable;
    }
    return kExitUnreadable;
  }

 private:
  Result<void> load_keys(const Issuer& issuer) {
    if (command_.keys.empty()) {
      if (!issuer.can_ask()) return {};
      auto fetched = fetch_keys(issuer.keys_url());
      if (fetched) {
        keys_ = std::move(*fetched);
        notes_.push_back(fmt::format(
            "Keys: as published at {}. This says who signed only if that is the issuer you expect.",
            issuer.keys_url()));
      } else {
        notes_.push_back("Keys: none. " + fetched.error().public_detail + ".");
      }
      return {};
    }
    if (is_url(command_.keys)) {
      if (command_.offline)
        return make_error(ErrorCode::kValidationFailed,
                          "--offline and a URL in --keys contradict each other");
      CARNET_TRY(fetched, fetch_keys(command_.keys));
      keys_ = std::move(fetched);
      return {};
    }
    CARNET_TRY(text, read_document(command_.keys));
    CARNET_TRY(set, evidence::read_key_set(text));
    keys_ = std::move(set);
    return {};
  }

  // A proof for a passport that came without one, and the log's newest tree to compare with. What
  // cannot be had is left out; the check then says so.
  void ask_log(const Issuer& issuer, const evidence::Glance& glance) {
    if (!issuer.can_ask() || glance.claims.log_origin.empty()) return;
    const auto inclusion = issuer.ask("/pqc/transparency/inclusion?hash=" + glance.passport_sha256);
    if (!inclusion) {
      notes_.push_back("Log: not asked. " + inclusion.error().public_detail + ".");
      return;
    }
    absent_ = !*inclusion;
    if (*inclusion && !glance.checkpoint) take_proof(issuer, **inclusion);
    if (glance.checkpoint && command_.checkpoint.empty()) {
      const auto newest = issuer.ask("/pqc/transparency/root");
      if (newest && *newest)
        take_head(issuer, text_of(**newest, "checkpoint"), glance.checkpoint->size);
    }
  }

  void take_proof(const Issuer& issuer, const bj::object& inclusion) {
    evidence::LogProof proof;
    proof.inclusion.index = number_of(inclusion, "index");
    proof.inclusion.size = number_of(inclusion, "size");
    proof.inclusion.path = path_of(inclusion);
    const auto root =
        issuer.ask(fmt::format("/pqc/transparency/root?size={}", proof.inclusion.size));
    if (!root || !*root) return;
    proof.checkpoint = text_of(**root, "checkpoint");
    proof_size_ = proof.inclusion.size;
    log_proof_ = evidence::to_string(proof);
  }

  // A head to compare the document's checkpoint of `size` with; ignored unless the log signed it. A
  // log that has no proof of its own growth is forked or was taken back: the empty proof says so.
  void take_head(const Issuer& issuer, const std::string& note, std::uint64_t size) {
    if (!keys_) return;
    const auto opened = evidence::open_checkpoint(note, trusted_log_keys(*keys_));
    if (!opened) {
      notes_.push_back("Log: its newest checkpoint does not hold. " + opened.error().public_detail);
      return;
    }
    known_head_ = evidence::KnownLogHead{.checkpoint = *opened, .consistency = {}};
    if (size == opened->size || !issuer.can_ask()) return;
    const auto [from, to] = std::minmax(size, opened->size);
    const auto answer =
        issuer.ask(fmt::format("/pqc/transparency/consistency?from_size={}&to_size={}", from, to));
    if (!answer) {
      notes_.push_back("Log: not asked how it grew. " + answer.error().public_detail + ".");
      return;
    }
    known_head_->consistency = evidence::ConsistencyProof{
        .from = from,
        .to = to,
        .path = *answer ? path_of(**answer) : std::vector<evidence::MerkleHash>{}};
  }

  Result<void> load_checkpoint(const Issuer& issuer,
                               const std::optional<evidence::Glance>& glance) {
    if (command_.checkpoint.empty() || !glance) return {};
    CARNET_TRY(note, read_document(command_.checkpoint));
    const std::uint64_t size = glance->checkpoint ? glance->checkpoint->size : proof_size_;
    take_head(issuer, note, size);
    if (!known_head_)
      return make_error(
          ErrorCode::kValidationFailed,
          fmt::format("{} is not a checkpoint that the trusted keys signed", command_.checkpoint));
    // Whoever names a checkpoint wants the comparison: without it there is no verdict.
    const std::uint64_t kept = known_head_->checkpoint.size;
    if (size != 0 && size != kept && !known_head_->consistency)
      return make_error(
          ErrorCode::kUnavailable,
          fmt::format("{} is of size {} and the document's checkpoint of size {}: whether one tree "
                      "continues the other only the log can show, and it was not asked{}",
                      command_.checkpoint, kept, size,
                      command_.offline ? " (--offline)" : " (it cannot be reached)"));
    return {};
  }

  void print(const evidence::Verification& result) const {
    if (command_.json) {
      fmt::print("{}", json::write_pretty(evidence::verification_json(result)));
      return;
    }
    for (const Check& check : result.checks)
      fmt::print("{:<7}  {:<19}  {}\n", to_string(check.state), terminal_text(check.id),
                 terminal_text(check.words));
    for (const std::string& note : notes_) fmt::print("note     {}\n", terminal_text(note));
    std::string verdict(to_string(result.verdict));
    for (char& letter : verdict) letter = static_cast<char>(std::toupper(letter));
    fmt::print("\n{}: {}\n", verdict, terminal_text(result.summary));
    if (result.verdict == Verdict::kValid && result.passport->sample)
      fmt::print("SAMPLE: nothing in it is evidence about a real system.\n");
  }

  const VerifyCommand& command_;
  const Clock& clock_;
  std::string document_, passport_, log_proof_;
  std::optional<KeySet> keys_;
  std::optional<evidence::KnownLogHead> known_head_;
  std::uint64_t proof_size_ = 0;
  bool absent_ = false;
  std::vector<std::string> notes_;
};

}  // namespace

int run_verify_command(const VerifyCommand& command, const Clock& clock) {
  return Run(command, clock).go();
}

}  // namespace carnet::app
