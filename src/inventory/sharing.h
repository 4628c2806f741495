#pragma once
// Lists that many endpoints of a scan have alike (versions, groups, suites, chains) made one in
// memory. Lives as long as the scan is gathered; used by one thread.

#include "base/shared_list.h"
#include "inventory/model.h"

namespace carnet::inventory {

class EndpointLists {
 public:
  void share(Endpoint& endpoint) {
    if (!endpoint.tls) return;
    versions_.share(endpoint.tls->versions);
    groups_.share(endpoint.tls->groups);
    suites_.share(endpoint.tls->cipher_suites);
    chains_.share(endpoint.tls->certificates);
  }

 private:
  SharedListPool<TlsVersionSupport> versions_;
  SharedListPool<TlsGroupSupport> groups_;
  SharedListPool<TlsCipherSuite> suites_;
  SharedListPool<Certificate> chains_;
};

}  // namespace carnet::inventory
