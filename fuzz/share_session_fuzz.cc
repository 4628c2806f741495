// Any text as the sessions that a visitor of a protected link shows. The key and one session, which
// is among the seeds, are known here; every other session is a forgery.
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "base/encoding.h"
#include "base/text.h"
#include "service/share_session.h"

namespace {

using carnet::service::ShareSessions;

class Zeros final : public carnet::Random {
 public:
  void fill(std::span<std::uint8_t> out) override {
    for (std::uint8_t& byte : out) byte = 0;
  }
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const ShareSessions sessions(carnet::Secret(std::string(32, 'k')));
  static const carnet::ShareId share = carnet::ShareId::trusted("share_of_the_fuzz_target");
  static const carnet::Timestamp until = carnet::from_millis(2'000'000'000'000);
  static const carnet::Timestamp before = until - std::chrono::seconds(1);
  static const std::string real = [] {
    Zeros random;
    return sessions.issue({share, 1}, until, random);
  }();

  const std::string text(carnet::as_text({data, size}));
  const auto end = sessions.check(text, {share, 1}, before);
  if (end) CARNET_CHECK(*end == until && text.find(real) != std::string::npos);
  CARNET_CHECK(!sessions.check(text, {share, 1}, until));
  CARNET_CHECK(!sessions.check(text, {share, 2}, before));

  const std::string joined = carnet::service::join_sessions(real, text);
  CARNET_CHECK(carnet::split(joined, '.').size() <= ShareSessions::kTogetherMax);
  CARNET_CHECK(sessions.check(joined, {share, 1}, before) == until);
  // Only what a cookie may hold gets into it, whatever was shown.
  for (const char c : joined)
    CARNET_CHECK((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                 c == '-' || c == '_' || c == '.');
  return 0;
}
