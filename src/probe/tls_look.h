#pragma once
// What the questions to a TLS endpoint brought, before it is put into words: filled by tls_probe.cc
// while it asks, turned into an observation by tls_report.cc. Plain values of one coroutine.

#include <optional>
#include <string>
#include <vector>

#include "inventory/model.h"
#include "probe/tls_chain.h"
#include "probe/tls_groups.h"
#include "probe/tls_handshake.h"
#include "probe/tls_legacy.h"

namespace carnet::probe {

struct TlsLook {
  HandshakeResult main;  // the handshake that counts
  GroupResult groups;
  LegacyResult legacy;
  CurveResult curves;                      // of TLS 1.2, for servers without 1.3
  std::vector<std::vector<Bytes>> chains;  // one per different leaf, the main one first
  std::vector<std::uint16_t> schemes;      // that the server signed with
  std::string http_server;                 // value of the Server header, if it was asked for
  std::vector<inventory::Finding> findings;

  void note(std::string code, std::string severity, std::string detail) {
    findings.push_back({std::move(code), std::move(severity), std::move(detail)});
  }
};

struct ReportContext {
  std::string server_name;
  inventory::Profile profile;
  ChainContext chain;
  bool out_of_time = false;
};

[[nodiscard]] inventory::TlsObservation report(TlsLook look, const ReportContext& context);

}  // namespace carnet::probe
