#pragma once
// Runs a STARTTLS dialogue on every connection that TLS is to be spoken on, and keeps what the
// dialogues showed. Belongs to one endpoint's coroutines on one strand, like the Wire that it is
// set on; it must outlive that Wire's last open_tls().

#include <optional>
#include <string>

#include "base/clock.h"
#include "inventory/model.h"
#include "probe/starttls.h"
#include "probe/wire.h"

namespace carnet::probe {

class StarttlsPreamble final : public Preamble {
 public:
  // `domain`: see make_starttls_dialogue. `patience` bounds one dialogue below the connection's own
  // deadline; nullopt: the deadline alone.
  StarttlsPreamble(Protocol protocol, std::string domain, const Clock& clock,
                   std::optional<std::chrono::milliseconds> patience = std::nullopt)
      : protocol_(protocol), domain_(std::move(domain)), clock_(clock), patience_(patience) {}

  // kUnavailable with the reason as public_detail unless the server gave the go-ahead.
  [[nodiscard]] Task<Result<void>> run(net::Connection& connection, SteadyTime deadline) override;

  // Whether any dialogue showed that the server speaks this protocol.
  [[nodiscard]] bool recognised() const { return recognised_; }
  [[nodiscard]] bool wrong_domain() const { return wrong_domain_; }
  // Why the last dialogue that did not reach the go-ahead ended.
  [[nodiscard]] const std::string& failure() const { return detail_; }
  // State, greeting and findings over all dialogues so far. One go-ahead is enough for "offered".
  [[nodiscard]] inventory::StarttlsObservation observation() const;

 private:
  Task<Result<void>> talk(StarttlsDialogue& dialogue, net::Connection& connection,
                          SteadyTime deadline);
  Task<void> drop_early_bytes(net::Connection& connection);
  void keep(const StarttlsDialogue& dialogue);

  const Protocol protocol_;
  const std::string domain_;
  const Clock& clock_;
  const std::optional<std::chrono::milliseconds> patience_;
  std::optional<StarttlsDialogue::State> best_;
  std::string detail_, greeting_;
  bool recognised_ = false, wrong_domain_ = false;
  bool looked_for_early_bytes_ = false;
  std::size_t early_bytes_ = 0;
};

}  // namespace carnet::probe
