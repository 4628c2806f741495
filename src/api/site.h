#pragma once
// What the pipeline and the handlers share: the services, the options, and the little state the
// HTTP interface has itself. One per process, owned by Api. Everything here is immutable after
// construction, atomic, or locks by itself.

#include <atomic>
#include <list>
#include <mutex>
#include <unordered_map>

#include "api/api.h"
#include "api/cursor.h"
#include "api/metrics.h"
#include "api/rate_limit.h"
#include "api/routes.h"
#include "crypto/hash.h"

namespace carnet::api {

// The platform's key, kept as a digest. Comparing takes the same time whatever was given.
class PlatformKey {
 public:
  enum class Verdict { kNotConfigured, kRight, kWrong };
  void set(std::optional<Secret> key);
  [[nodiscard]] Verdict check(std::string_view given) const;
  [[nodiscard]] bool configured() const;

 private:
  mutable std::mutex mutex_;
  std::optional<crypto::Digest256> digest_;
};

// The part of a link's JSON that is the same for all links to a scan, written once per scan.
// Bounded.
struct LinkFragment {
  std::string result_sha256;  // of the stored result it was made from
  std::string scan_json;      // {"scanId":…,…}
  struct Download {
    service::ArtifactFormat format;
    std::size_t bytes;
    std::string sha256;
  };
  std::vector<Download> downloads;  // every format that exists
  struct Passport {
    std::size_t bytes;
    std::string sha256;
  };
  std::optional<Passport> passport;
};

class LinkFragments {
 public:
  [[nodiscard]] std::shared_ptr<const LinkFragment> find(const std::string& scan_id,
                                                         std::string_view result_sha256) const;
  void put(const std::string& scan_id, std::shared_ptr<const LinkFragment> fragment);

 private:
  static constexpr std::size_t kEntriesMax = 256;  // limit: internal
  mutable std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const LinkFragment>> fragments_;
};

// Ids for requests whose caller gave none: a random start for this process and a number in it. They
// must be unique, not secret, and cost no system call.
class RequestIds {
 public:
  explicit RequestIds(Random& random);
  [[nodiscard]] std::string next();  // "req_" and 19 of base62

 private:
  std::string prefix_;
  std::atomic<std::uint64_t> count_{0};
};

struct Site {
  Site(ApiDependencies dependencies, ApiOptions given);

  ApiDependencies deps;
  ApiOptions options;
  Router router;
  Limits limits;
  Metrics metrics;
  CursorCodec cursors;
  RequestIds request_ids;
  PlatformKey platform_key;
  LinkFragments fragments;
  std::atomic<bool> draining{false};
  std::function<Server::Counts()> connection_counts;
  std::string openapi, docs_page;
  Timestamp started;
};

// One request on its way through the pipeline.
struct Call {
  explicit Call(const Request& r) : request(r) {}
  const Request& request;
  Router::Match match;
  std::string request_id;
  bool link_path = false;
  bool key_in_query = false;
  service::Actor actor;              // set by authentication
  std::optional<Verdict> allowance;  // of the key, when there is one
  int rate_per_minute = 0;
  std::string_view media_type;  // what the client takes, of what the route produces

  [[nodiscard]] const Route& route() const { return *match.route; }
  [[nodiscard]] const std::string& param(std::size_t index) const { return match.params[index]; }
};

}  // namespace carnet::api
