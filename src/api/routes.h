#pragma once
// The route table: one row per operation. From it come the router, the OpenAPI document, the docs
// page, the Allow lists, the loggable form of a path, the metrics' labels and the test that tries
// every role on every route. Constant data.

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/http.h"
#include "base/error.h"
#include "base/task.h"
#include "store/rows.h"

namespace carnet::api {

struct Site;
struct Call;

// Who may call a route. There is no default, so a row without one does not compile.
class Access {
 public:
  enum class Kind { kPublic, kVerify, kLog, kLink, kTenant, kPlatform, kPlatformOrLoopback };
  Access() = delete;
  static constexpr Access open() { return Access(Kind::kPublic, store::Role::kViewer); }
  // Verifying what anybody hands in: no key, but a limit per address of its own.
  static constexpr Access verify() { return Access(Kind::kVerify, store::Role::kViewer); }
  // The transparency log: no key, but a limit per address of its own.
  static constexpr Access log() { return Access(Kind::kLog, store::Role::kViewer); }
  // A share link: no key, but a limit per address and the headers of docs/sharing.md.
  static constexpr Access link() { return Access(Kind::kLink, store::Role::kViewer); }
  static constexpr Access viewer() { return Access(Kind::kTenant, store::Role::kViewer); }
  static constexpr Access operator_role() { return Access(Kind::kTenant, store::Role::kOperator); }
  static constexpr Access admin() { return Access(Kind::kTenant, store::Role::kAdmin); }
  static constexpr Access platform() { return Access(Kind::kPlatform, store::Role::kViewer); }
  static constexpr Access platform_or_loopback() {
    return Access(Kind::kPlatformOrLoopback, store::Role::kViewer);
  }

  [[nodiscard]] constexpr Kind kind() const { return kind_; }
  [[nodiscard]] constexpr store::Role role() const { return role_; }  // the lowest, for kTenant
  [[nodiscard]] std::string_view word() const;  // "public", "viewer", … for the docs

 private:
  constexpr Access(Kind kind, store::Role role) : kind_(kind), role_(role) {}
  Kind kind_;
  store::Role role_;
};

// A handler that waits, or one that answers on the spot (no coroutine frame). Exactly one is set.
class Handle {
 public:
  using Waiting = Task<Result<Response>> (*)(Site&, Call&);
  using Ready = Result<Response> (*)(Site&, Call&);
  Handle() = delete;
  constexpr Handle(Waiting waiting) : waiting_(waiting) {}  // NOLINT(google-explicit-constructor)
  constexpr Handle(Ready ready) : ready_(ready) {}          // NOLINT(google-explicit-constructor)
  [[nodiscard]] constexpr Waiting waiting() const { return waiting_; }
  [[nodiscard]] constexpr Ready ready() const { return ready_; }

 private:
  Waiting waiting_ = nullptr;
  Ready ready_ = nullptr;
};

inline constexpr std::size_t kBodyBytesMax = 1024 * 1024;
// What may be handed in to be verified.
inline constexpr std::size_t kVerifyBodyBytesMax = 16 * 1024 * 1024;
inline constexpr std::size_t kUploadBodyBytesMax = 32 * 1024 * 1024;
// A route that takes no body reads and ignores a small one: some clients send "{}" with everything.
inline constexpr std::size_t kIgnoredBodyMax = 16 * 1024;

struct Route {
  Method method;
  std::string_view path;          // "/tenant/scans/{scan_id}/share"
  std::string_view operation_id;  // "share.create": also the audit action
  Access access;
  std::size_t body_bytes_max;  // 0: a small one at most; one that is not expected is ignored
  int rate_cost;
  bool idempotent;            // takes Idempotency-Key
  bool etag;                  // its 200 carries a strong ETag and honours If-None-Match
  std::string_view tag;       // group in the docs
  std::string_view request;   // name of a component schema; "" = no body
  std::string_view response;  // likewise for the answer; "" = described by `produces` alone
  std::string_view produces;  // media types in order of preference, separated by ", "
  int success;                // status of the good answer
  bool needs_if_match;  // a write that replaces: 428 without If-Match where there is something to
                        // lose
  std::string_view summary;
  bool form;                  // takes an HTML form as well as JSON
  std::string_view consumes;  // media types that it takes instead, separated by ", "; "" = JSON
  std::string_view
      query;  // names of component parameters besides those in the path, separated by ","
  Handle handle;
};

[[nodiscard]] std::span<const Route> all_routes();

// Finds the row for a path, whose segments it decodes once. A parameter at the end of a row whose
// name ends in "_path" takes all segments that are left, with their slashes.
class Router {
 public:
  explicit Router(std::span<const Route> routes);
  ~Router();

  static constexpr std::size_t kParamsMax = 2;  // limit: internal
  struct Match {
    const Route* route = nullptr;  // null: no such path, or not with this method
    const std::vector<const Route*>* path_routes = nullptr;  // null: no such path
    std::array<std::string, kParamsMax> params;
    bool malformed = false;  // a bad escape, or an encoded slash or NUL in a segment
  };
  // HEAD is looked up as GET. "/v1" in front is the same path.
  [[nodiscard]] Match find(Method method, std::string_view path) const;
  // "GET, HEAD, POST"
  [[nodiscard]] static std::string allow(const std::vector<const Route*>& path_routes);

 private:
  struct Node;
  std::unique_ptr<Node> root_;
};

// True for /r and everything below it, with or without /v1.
[[nodiscard]] bool is_link_path(std::string_view path);

}  // namespace carnet::api
