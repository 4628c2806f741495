#include "probe/starttls_preamble.h"

#include <algorithm>
#include <array>

namespace carnet::probe {
namespace {

using State = StarttlsDialogue::State;

// How long a first connection is listened to after the go-ahead. An honest server says nothing now:
// it is the client's turn.
constexpr auto kEarlyBytesWait = std::chrono::milliseconds(5);
constexpr std::size_t kReadBytes = 4096;

// A go-ahead outweighs a refusal on a busier connection, and any verdict a broken connection.
int weight(State state) {
  switch (state) {
    case State::kReady:
      return 3;
    case State::kRefused:
      return 2;
    case State::kNotOffered:
      return 1;
    case State::kTalking:
    case State::kFailed:
      return 0;
  }
  return 0;
}

std::string sentence(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 32);
  return text + ".";
}

}  // namespace

Task<Result<void>> StarttlsPreamble::talk(StarttlsDialogue& dialogue, net::Connection& connection,
                                          SteadyTime deadline) {
  std::array<std::uint8_t, kReadBytes> buffer{};
  while (true) {
    const Bytes out = dialogue.take_output();
    if (!out.empty()) {
      auto sent = co_await connection.write_all(out, deadline);
      if (!sent) co_return sent;
    }
    if (dialogue.state() != State::kTalking) co_return Result<void>();
    const auto got = co_await connection.read_some(buffer, deadline);
    if (!got) co_return tl::unexpected(got.error());
    if (*got == 0) {
      co_return make_error(ErrorCode::kUnavailable, "the server closed the connection");
    }
    dialogue.feed(std::span<const std::uint8_t>(buffer).first(*got));
  }
}

Task<void> StarttlsPreamble::drop_early_bytes(net::Connection& connection) {
  // Once an endpoint has shown itself clean, its other connections are not kept waiting.
  if (looked_for_early_bytes_ && early_bytes_ == 0) co_return;
  looked_for_early_bytes_ = true;
  std::array<std::uint8_t, kReadBytes> buffer{};
  const SteadyTime until = clock_.steady_now() + kEarlyBytesWait;
  const auto got = co_await connection.read_some(buffer, until);
  if (got) early_bytes_ = std::max(early_bytes_, *got);
}

void StarttlsPreamble::keep(const StarttlsDialogue& dialogue) {
  recognised_ |= dialogue.recognised();
  wrong_domain_ |= dialogue.wrong_domain();
  if (greeting_.empty()) greeting_ = dialogue.greeting();
  early_bytes_ = std::max(early_bytes_, dialogue.early_bytes());
  if (best_ && weight(dialogue.state()) < weight(*best_)) return;
  best_ = dialogue.state();
  detail_ = dialogue.detail();
}

Task<Result<void>> StarttlsPreamble::run(net::Connection& connection, SteadyTime deadline) {
  if (patience_) deadline = std::min(deadline, clock_.steady_now() + *patience_);
  const auto dialogue = make_starttls_dialogue(protocol_, domain_);
  const auto talked = co_await talk(*dialogue, connection, deadline);
  keep(*dialogue);
  if (dialogue->state() == State::kReady && talked) {
    co_await drop_early_bytes(connection);
    co_return Result<void>();
  }
  const std::string label(row_of(protocol_).label);
  if (dialogue->state() == State::kTalking || dialogue->state() == State::kReady) {
    const bool first_time = !best_ || weight(*best_) == 0;
    if (first_time) detail_ = talked.error().public_detail;
    co_return tl::unexpected(talked.error());
  }
  if (dialogue->state() == State::kNotOffered) {
    co_return make_error(ErrorCode::kUnavailable, label + " without TLS: " + dialogue->detail());
  }
  if (dialogue->state() == State::kRefused) {
    co_return make_error(ErrorCode::kUnavailable, label + " refuses TLS: " + dialogue->detail());
  }
  co_return make_error(ErrorCode::kUnavailable, "not " + label + ": " + dialogue->detail());
}

inventory::StarttlsObservation StarttlsPreamble::observation() const {
  const std::string label(row_of(protocol_).label);
  inventory::StarttlsObservation out;
  out.greeting = greeting_;
  const auto note = [&out](std::string code, std::string severity, std::string detail) {
    out.findings.push_back({std::move(code), std::move(severity), std::move(detail)});
  };
  switch (best_.value_or(State::kFailed)) {
    case State::kReady:
      out.state = "offered";
      break;
    case State::kNotOffered:
      out.state = "not-offered";
      note("starttls_not_offered", "high",
           "The " + label + " server offers no encryption on this port: " + sentence(detail_));
      break;
    case State::kRefused:
      out.state = "refused";
      note("starttls_refused", "high",
           "The " + label +
               " server knows TLS on this port and did not begin it: " + sentence(detail_));
      break;
    case State::kTalking:
    case State::kFailed:
      out.state = "not-proven";
      note("starttls_not_proven", "medium",
           "Whether the " + label +
               " server offers encryption was not settled: " + sentence(detail_));
      break;
  }
  if (early_bytes_ > 0) {
    note(
        "starttls_early_data", "high",
        "Plain text followed the server's go-ahead before TLS began. It was dropped here; a client "
        "that keeps it takes an attacker's words for the server's (response injection).");
  }
  return out;
}

}  // namespace carnet::probe
