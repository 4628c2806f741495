// Ten thousand requests that are wrong in every way a generator can think of. The server must go on
// answering, answer nothing with 5xx, and not grow.

#include <random>

#include <gtest/gtest.h>
#include <boost/json.hpp>

#include "api/metrics.h"
#include "tests/integration/stack.h"

namespace carnet::test {
namespace {

constexpr int kRequests = 10000;
#if __has_feature(address_sanitizer)
constexpr std::uint64_t kGrowthMax = 512ULL * 1024 * 1024;  // freed memory is held back for a while
#else
constexpr std::uint64_t kGrowthMax = 48ULL * 1024 * 1024;
#endif

// Seeded, so that a failure can be repeated.
class Torturer {
 public:
  Torturer(const Tenant& tenant, unsigned seed) : tenant_(tenant), random_(seed) {}

  // The bytes of one bad request.
  std::string next() {
    switch (below(12)) {
      case 0:
        return noise(1 + below(300));
      case 1:
        return valid("POST", share_path(), noise(below(400)));
      case 2:
        return valid("POST", share_path(), "{\"label\":" + nested(40 + below(2000)) + "}");
      case 3:
        return valid("POST", "/pqc/scan", "{\"targets\":[" + std::string(below(5000), '1') + "]}");
      case 4:
        return valid("POST", share_path(), "{\"label\":\"" + noise(20) + "\xff\xfe\"}");
      case 5:
        return valid(std::string(1 + below(20), 'X'), path(), "");
      case 6:
        return "GET /" + noise(below(60)) + " HTTP/1.1\r\nHost: a\r\n\r\n";
      case 7:
        return mutated(valid("POST", "/pqc/scan", R"({"target":"example.org","ports":[443]})"));
      case 8:
        return valid("PUT", "/tenant/settings", "{\"retentionDays\":" + noise_text(12) + "}");
      case 9:
        return "POST /pqc/scan HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" +
               noise(below(200));
      case 10:
        return "GET /health HTTP/1.1\r\nHost: a\r\nX: " + std::string(below(20000), 'a') +
               "\r\n\r\n";
      default:
        return valid("GET", path() + "?" + noise_text(30), "");
    }
  }
  std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }

 private:
  std::string share_path() const { return "/tenant/scans/" + tenant_.scan_id + "/share"; }
  std::string path() {
    const std::array<std::string, 8> paths = {"/tenant/me",     "/tenant/shares",
                                              "/pqc/inventory", "/r/" + noise_text(54),
                                              "/tenant/audit",  "/pqc/scan/" + noise_text(10),
                                              "/%2e%2e/%2e%2e", "/docs"};
    return paths[below(paths.size())];
  }
  std::string valid(const std::string& method, const std::string& target, const std::string& body) {
    return request_text(method, target, Stack::bearer(tenant_.admin), body);
  }
  std::string noise(std::size_t size) {
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>(random_());
    return out;
  }
  std::string noise_text(std::size_t size) {
    std::string out(size, '\0');
    for (char& c : out) c = static_cast<char>('!' + below(94));
    return out;
  }
  static std::string nested(std::size_t depth) {
    return std::string(depth, '[') + std::string(depth, ']');
  }
  std::string mutated(std::string text) {
    for (std::size_t i = 0; i < 3; ++i) text[below(text.size())] = static_cast<char>(random_());
    return text;
  }

  const Tenant& tenant_;
  std::mt19937 random_;
};

TEST(TortureTest, TenThousandBadRequestsLeaveTheServerAsItWas) {
  StackOptions options;
  options.log_level = LogLevel::kError;
  options.api.public_rate_per_minute = 0;
  options.server.header_timeout = std::chrono::milliseconds(50);
  options.server.body_timeout = std::chrono::milliseconds(50);
  options.server.sweep_interval = std::chrono::milliseconds(10);
  Stack stack(options);
  const Tenant tenant = stack.make_tenant("Example Bank");
  Torturer torturer(tenant, 20261124);
  std::uint64_t warm = 0;
  std::map<int, int> by_status;
  for (int i = 0; i < kRequests; ++i) {
    const std::string bytes = torturer.next();
    HttpClient client = stack.connect();
    ASSERT_TRUE(client.connected()) << i;
    // Whole, cut off in the middle with the connection closed, or left hanging until the server's
    // patience ends.
    const std::size_t manner = torturer.below(20);
    if (manner < 3) {
      client.send(std::string_view(bytes).substr(0, torturer.below(bytes.size())));
      client.close();
      continue;
    }
    client.send(bytes);
    if (manner > 3) client.shutdown_send();
    const auto answer = client.read();
    if (answer) {
      ++by_status[answer->status];
      ASSERT_LT(answer->status, 500) << i << "\n" << answer->body << "\n" << bytes.substr(0, 500);
      ASSERT_FALSE(answer->header("X-Request-Id").empty());
    }
    if (i == kRequests / 10) warm = api::resident_bytes();
  }
  EXPECT_LT(api::resident_bytes(), warm + kGrowthMax);
  for (const int status : {400, 404, 405, 408, 422, 431}) EXPECT_GT(by_status[status], 0) << status;
  EXPECT_EQ(stack.ask("GET", "/tenant/me", Stack::bearer(tenant.viewer)).status, 200);
  EXPECT_EQ(stack.ask("GET", "/r/" + tenant.share_token).status, 200);
}

TEST(TortureTest, HugeBodiesAreCutShort) {
  Stack stack;
  const Tenant tenant = stack.make_tenant("Example Bank");
  const std::uint64_t before = api::resident_bytes();
  const std::string piece(65536, 'x');
  for (int i = 0; i < 20; ++i) {
    HttpClient client = stack.connect();
    client.send("POST /pqc/scan HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer " +
                tenant.operator_key + "\r\nTransfer-Encoding: chunked\r\n\r\n");
    // More than the limit, for as long as the server listens.
    for (int k = 0; k < 40 && client.send("10000\r\n" + piece + "\r\n"); ++k) {
    }
    const auto answer = client.read();
    if (answer) EXPECT_EQ(answer->status, 413);
  }
  EXPECT_LT(api::resident_bytes(), before + kGrowthMax);
  EXPECT_EQ(stack.ask("GET", "/health").status, 200);
}

}  // namespace
}  // namespace carnet::test
