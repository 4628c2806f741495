#pragma once
// One attempt at one delivery: where it goes, what is signed, and what came of it. Thread-safe.
//
// A webhook's host is resolved anew, every one of its addresses must pass the policy of scans, and
// plain http goes only to addresses that the operator opened with --allow-targets. Mail goes to the
// operator's server: by TLS, but in the clear where that server is on this machine or in a block of
// --allow-targets and its URL is smtp://.

#include <optional>

#include "base/random.h"
#include "net/dialer.h"
#include "net/sender.h"
#include "service/mail_message.h"
#include "service/webhook_secret.h"
#include "store/deliveries.h"
#include "store/webhooks.h"

namespace carnet::service {

class Courier {
 public:
  // All references outlive it; so does `mail_server`, null for none.
  struct Parts {
    const Clock& clock;
    net::Resolver& resolver;
    net::Dialer& dialer;
    const net::AddressPolicy& policy;
    net::Sender& sender;
    const WebhookSecrets& secrets;
    const MailServer* mail_server = nullptr;
  };
  explicit Courier(const Parts& parts) : parts_(parts) {}

  [[nodiscard]] Task<net::Sent> call(store::WebhookRow webhook, store::DeliveryRow delivery) const;
  [[nodiscard]] Task<net::Sent> mail(store::DeliveryRow delivery) const;
  // No new attempts, and those on their way end.
  void stop() const { parts_.sender.stop(); }
  [[nodiscard]] bool has_mail_server() const { return parts_.mail_server != nullptr; }
  [[nodiscard]] int in_flight() const { return parts_.sender.in_flight(); }

 private:
  Parts parts_;
};

}  // namespace carnet::service
