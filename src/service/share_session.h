#pragma once
// The sessions that opening a protected link gives. Stateless: a session is its end and a MAC over
// link, revision and end under a key of the server, so nothing is stored and changing or revoking
// the link, which raises its revision, ends every session at once. Immutable; thread-safe.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "base/random.h"
#include "base/secret.h"

namespace carnet::service {

inline constexpr std::chrono::minutes kSessionLife{15};

class ShareSessions {
 public:
  explicit ShareSessions(const Secret& pepper);

  struct Subject {
    const ShareId& share;
    int revision = 0;
  };
  // 75 characters of base64url.
  [[nodiscard]] std::string issue(const Subject& subject, Timestamp until, Random& random) const;
  // The end of the first of `presented` (sessions separated by dots, as one browser may have
  // several links open) that is this link's, of this revision and not over; nullopt if there is
  // none.
  [[nodiscard]] std::optional<Timestamp> check(std::string_view presented, const Subject& subject,
                                               Timestamp now) const;

  // Sessions that one cookie holds; the oldest leaves.
  static constexpr std::size_t kTogetherMax = 4;

 private:
  [[nodiscard]] std::string mac(const Subject& subject, std::string_view head) const;
  Secret key_;
};

// `fresh` and what is well formed of `presented`, at most kTogetherMax.
[[nodiscard]] std::string join_sessions(std::string_view fresh, std::string_view presented);

}  // namespace carnet::service
