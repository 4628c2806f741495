#pragma once
// Bodies and query parameters as typed requests. Every fault of a request is collected and named
// with field, pointer, code and detail before anything is done: unknown member, wrong type, out of
// range, too long, control characters. An explicit null counts as absent. Pure functions;
// thread-safe.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/json/fwd.hpp>

#include "api/http.h"
#include "base/error.h"
#include "service/fields.h"
#include "service/plans.h"
#include "service/remediation.h"
#include "service/scans.h"
#include "service/sharing.h"
#include "service/tenancy.h"

namespace carnet::api {

// Reads the members of one object and remembers which were asked for; done() reports the others.
// The object must outlive it.
class Members {
 public:
  Members(const boost::json::object& object, service::FieldErrors& errors, std::string path = {})
      : object_(object), errors_(errors), path_(std::move(path)) {}

  struct Length {
    std::size_t min = 0, max = service::kTextMax;  // in characters, not bytes
  };
  [[nodiscard]] std::optional<std::string> text(std::string_view name, Length length);
  [[nodiscard]] std::optional<std::string> one_of(std::string_view name,
                                                  std::initializer_list<std::string_view> words);
  [[nodiscard]] std::optional<int> integer(std::string_view name, int min, int max);
  [[nodiscard]] std::optional<double> number(std::string_view name, double min, double max);
  [[nodiscard]] std::optional<bool> flag(std::string_view name);
  [[nodiscard]] std::optional<std::vector<std::string>> texts(std::string_view name,
                                                              std::size_t count_max, Length each);
  [[nodiscard]] std::optional<std::vector<int>> integers(std::string_view name,
                                                         std::size_t count_max, int min, int max);
  [[nodiscard]] const boost::json::object* object(std::string_view name);
  // Entries of other types are an error and left out. Their members are named "name.0.member".
  struct Entry {
    const boost::json::object* object = nullptr;
    std::string path;
  };
  [[nodiscard]] std::vector<Entry> objects(std::string_view name, std::size_t count_max);
  void required(std::string_view name);  // an error if it is absent
  [[nodiscard]] std::string path_of(std::string_view name) const;
  void done();

 private:
  [[nodiscard]] const boost::json::value* find(std::string_view name);
  void wrong_type(std::string_view name, std::string_view wanted);
  void add(std::string_view name, std::string_view code, std::string_view detail);
  struct Place {
    std::string field, pointer;  // pointer "": the field's own
  };
  [[nodiscard]] Place place_of(std::string_view name, std::size_t index) const;
  [[nodiscard]] bool check_text(const Place& place, std::string_view value, Length length);

  const boost::json::object& object_;
  service::FieldErrors& errors_;
  std::string path_;
  std::vector<std::string_view> known_;
};

[[nodiscard]] Result<service::NewTenant> decode_new_tenant(std::string_view body);
[[nodiscard]] Result<service::NewKey> decode_new_key(std::string_view body);
[[nodiscard]] Result<service::Settings> decode_settings(std::string_view body);
[[nodiscard]] Result<service::AuthorizedTargets> decode_authorized_targets(std::string_view body);
// The one member of a request to prove a handshake.
[[nodiscard]] Result<std::string> decode_handshake_target(std::string_view text);
[[nodiscard]] Result<service::ScanRequest> decode_scan_request(std::string_view body);
// The same for an object within a body; `path` is its member's name.
[[nodiscard]] service::ScanRequest read_scan(const boost::json::object& object,
                                             service::FieldErrors& errors, const std::string& path);
// The passcode in the body of opening a link; the body may be left out.
[[nodiscard]] Result<std::optional<Secret>> decode_open_link(std::string_view text);
[[nodiscard]] Result<service::NewShare> decode_new_share(
    std::string_view body);  // "" is a body without members

struct SharePatch {
  std::optional<std::string> label, recipient;
  std::optional<int> expires_hours;
  std::optional<bool> paused;
};
[[nodiscard]] Result<SharePatch> decode_share_patch(std::string_view body);

[[nodiscard]] Result<service::PlanRequest> decode_plan_request(std::string_view body);
[[nodiscard]] Result<service::RemediationUpdate> decode_remediation_update(std::string_view body);
struct RemediationVerifyRequest {
  std::string item;
  ScanId later;
};
[[nodiscard]] Result<RemediationVerifyRequest> decode_remediation_verify(std::string_view body);
[[nodiscard]] Result<std::vector<std::string>> decode_remediation_ids(std::string_view body);

// The cosigned checkpoint of a witness.
[[nodiscard]] Result<std::string> decode_cosigned(std::string_view body);

// The value of a query parameter as a whole number; `fallback` if it is absent.
[[nodiscard]] Result<int> query_integer(const Request& request, std::string_view name, int min,
                                        int max, int fallback);
// Text of at most 255 characters without control characters; "" if it is absent.
[[nodiscard]] Result<std::string> query_text(const Request& request, std::string_view name);
[[nodiscard]] tl::unexpected<Error> query_error(std::string_view name, std::string_view code,
                                                std::string_view detail);

}  // namespace carnet::api
