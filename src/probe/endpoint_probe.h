#pragma once
// One endpoint from connect to result: finds out what the service is, unless the request says, and
// has it looked at. Created by the engine; belongs to one coroutine on one strand.
//
// What is tried, and that `recognised_by` tells it:
// - a kind that was asked for: just that; "tls" on a port whose protocol upgrades means its
// upgrade;
// - a port with a service of its own: that service first ("port");
// - otherwise the server's first words within four round trips, 100 to 300 ms ("greeting"), then
// TLS, then, for servers that
//   wait for their client, PostgreSQL, LDAP and XMPP ("answer").

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "inventory/model.h"
#include "probe/protocols.h"
#include "probe/recognise.h"
#include "probe/tls_probe.h"
#include "probe/wire.h"

namespace carnet::probe {

class EndpointProbe {
 public:
  struct Start {
    std::string id;
    std::vector<net::IpAddress> addresses;            // as resolve_checked() gave them
    std::chrono::steady_clock::duration resolving{};  // what that took, part of the target's time
  };

  // `services` and what `tools` refers to outlive the probe.
  EndpointProbe(const Services& services, TlsTools tools, inventory::Profile profile,
                PlannedEndpoint planned, Start start);

  [[nodiscard]] Task<inventory::Endpoint> probe();

 private:
  void note_passed_over();
  Task<void> look();
  Task<void> find_out();
  Task<void> find_out_by_listening();
  Task<bool> try_greeting(const Greeting& greeting);
  // `heard`: what came instead of TLS.
  Task<bool> try_answer(Bytes heard, std::string tls_reason);
  Task<void> as_protocol(const ProtocolRow& row);
  Task<void> try_jwks();
  Task<bool> try_ssh(std::string how);
  // `name` is what stands inside TLS: "tls" if nobody knows.
  Task<bool> try_tls(std::string name, std::string how);
  Task<bool> try_upgrade(const ProtocolRow& row, std::string how);
  // nullopt: the server serves another domain, and there is a next one to try.
  Task<std::optional<bool>> try_upgrade_for(const ProtocolRow& row, std::string how,
                                            std::string domain, bool last);
  [[nodiscard]] std::string name_inside_tls() const;

  const Services& services_;
  const TlsTools tools_;
  const inventory::Profile profile_;
  const PlannedEndpoint planned_;
  const SteadyTime began_;
  Wire wire_;
  inventory::Endpoint out_;
  bool speaks_ssh_ = false;  // what the last try_tls() heard instead of TLS
};

}  // namespace carnet::probe
