// A portfolio of a thousand children, and a history of a hundred thousand scans that is too old, on
// SQLite in a folder given as the first argument (default: the temporary folder), or on the empty
// PostgreSQL database of a URL, which it fills. Prints one line a figure.
//
//   ninja -C build/release bench_estate
//   build/release/bench/bench_estate [DIR | postgresql://…] [CHILDREN] [SCANS]

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <optional>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "base/check.h"
#include "service/portfolio.h"
#include "service/retention.h"
#include "store/repositories.h"

namespace carnet::service {
namespace {

using Seconds = std::chrono::duration<double>;

constexpr int kEndpoints = 20, kAssetsOfEach = 5;  // of a child's inventory
constexpr int kOldAssets = 10;                     // of a scan that is too old
constexpr double kLongest_s = 1800;                // of the deletion; it is given up then

double since(std::chrono::steady_clock::time_point start) {
  return Seconds(std::chrono::steady_clock::now() - start).count();
}

template <class T>
T wait(Task<Result<T>> task) {
  boost::asio::io_context context;
  std::optional<Result<T>> out;
  const auto keep = [](Task<Result<T>> inner, std::optional<Result<T>>& into) -> Task<void> {
    into.emplace(co_await std::move(inner));
  };
  boost::asio::co_spawn(context, keep(std::move(task), out), [](std::exception_ptr error) {
    if (error) std::rethrow_exception(error);
  });
  context.run();
  if (!*out) std::fprintf(stderr, "%s\n", out->error().internal.c_str());
  CARNET_CHECK(out->has_value());
  return std::move(**out);
}

class Estate {
 public:
  explicit Estate(store::Database& db) : db_(db) {}

  TenantId add_tenant(const std::string& name) {
    const store::TenantRow row{.id = TenantId::generate(clock.now(), random),
                               .name = name,
                               .slug = name,
                               .settings = "{\"retentionDays\":30}",
                               .created_at = clock.now()};
    write([&](store::Connection& c) { return store::tenants::insert(c, row); });
    return row.id;
  }
  void add_child(const TenantId& parent, const TenantId& child) {
    const store::PartnerLinkRow link{.id = PartnerLinkId::generate(clock.now(), random),
                                     .tenant_id = parent,
                                     .child_id = child,
                                     .scope = "summary"};
    write([&](store::Connection& c) -> Result<void> {
      CARNET_TRY_VOID(store::partners::insert_link(c, link));
      const store::ScanRow scan = scan_of(child, clock.now());
      CARNET_TRY_VOID(store::scans::insert(c, scan));
      std::vector<store::scans::EndpointKey> reached;
      std::vector<store::AssetRow> assets;
      for (int e = 0; e < kEndpoints; ++e) {
        reached.push_back({fmt::format("host{}.example", e), 443});
        for (int a = 0; a < kAssetsOfEach; ++a)
          assets.push_back({.asset_id = fmt::format("ast_{}_{}", e, a),
                            .kind = "tls",
                            .host = reached.back().host,
                            .port = 443,
                            .status = a == 0 ? "broken" : "safe",
                            .body = "{}"});
      }
      CARNET_TRY_VOID(store::scans::put_assets(c, child, scan.id, assets));
      return store::scans::mark_latest(c, child, scan.id, reached);
    });
  }
  // Scans that ended a year ago.
  void add_history(const TenantId& tenant, int scans) {
    constexpr int kAtOnce = 500;
    const Timestamp then = clock.now() - std::chrono::days(365);
    for (int done = 0; done < scans; done += kAtOnce)
      write([&](store::Connection& c) -> Result<void> {
        for (int i = 0; i < kAtOnce && done + i < scans; ++i) {
          store::ScanRow scan = scan_of(tenant, then + std::chrono::milliseconds(done + i));
          scan.asset_count = kOldAssets;
          CARNET_TRY_VOID(store::scans::insert(c, scan));
          std::vector<store::AssetRow> assets;
          for (int a = 0; a < kOldAssets; ++a)
            assets.push_back({.asset_id = fmt::format("ast_{}", a),
                              .kind = "tls",
                              .host = "h",
                              .port = 443,
                              .status = "safe",
                              .body = "{}"});
          CARNET_TRY_VOID(store::scans::put_assets(c, tenant, scan.id, assets));
        }
        return {};
      });
  }
  void write(const store::Database::Work& work) {
    const Result<void> done = db_.write_blocking(work);
    if (!done) std::fprintf(stderr, "%s\n", done.error().internal.c_str());
    CARNET_CHECK(done.has_value());
  }

  SystemClock clock;
  SystemRandom random;

 private:
  store::ScanRow scan_of(const TenantId& tenant, Timestamp at) {
    store::ScanRow row;
    row.id = ScanId::generate(at, random);
    row.tenant_id = tenant;
    row.status = "success";
    row.request = "{}";
    row.readiness_score = 50;
    row.readiness_band = "At Risk";
    row.created_at = at;
    row.finished_at = at;
    return row;
  }
  store::Database& db_;
};

void measure_portfolio(store::Database& db, Estate& estate, int children) {
  const TenantId parent = estate.add_tenant("parent");
  for (int i = 0; i < children; ++i)
    estate.add_child(parent, estate.add_tenant(fmt::format("child-{}", i)));
  const Secret pepper(std::string(32, 'p'));
  Portfolio portfolio(db, estate.clock, estate.random, pepper);
  constexpr int kRounds = 20;
  std::vector<double> times;
  for (int i = 0; i < kRounds; ++i) {
    const auto start = std::chrono::steady_clock::now();
    const PortfolioPage page = wait(portfolio.portfolio(parent, {}));
    times.push_back(since(start) * 1e3);
    CARNET_CHECK(page.totals.children == children);
    CARNET_CHECK(page.totals.sum.broken == std::int64_t{children} * kEndpoints);
  }
  std::sort(times.begin(), times.end());
  std::printf("portfolio of %d children     median %8.1f ms, slowest %8.1f ms\n", children,
              times[kRounds / 2], times.back());
}

// Another tenant that goes on writing; how long each of its writes took is what it was kept.
class Beside {
 public:
  Beside(Estate& estate, TenantId tenant)
      : thread_([this, &estate, tenant = std::move(tenant)] {
          while (!stop_.load()) {
            const auto start = std::chrono::steady_clock::now();
            estate.write([&](store::Connection& c) -> Result<void> {
              CARNET_TRY_VOID(store::tenants::update_settings(c, tenant, "{}"));
              return {};
            });
            times_.push_back(since(start) * 1e3);
            std::this_thread::sleep_for(std::chrono::milliseconds(1));
          }
        }) {}
  // Sorted, in milliseconds.
  std::vector<double> end() {
    stop_.store(true);
    thread_.join();
    std::sort(times_.begin(), times_.end());
    return std::move(times_);
  }

 private:
  std::atomic<bool> stop_{false};
  std::vector<double> times_;
  std::thread thread_;
};

struct Deletion {
  double scans_per_second = 0;
  double longest_ms = 0;  // that the other writer waited
};

Deletion print_deletion(std::string_view what, int scans, double took,
                        const std::vector<double>& writes) {
  const double rate = scans / took;
  std::printf("%-28s %7d in %6.1f s, %8.0f scans/s\n", std::string(what).c_str(), scans, took,
              rate);
  std::printf("  another's writes meanwhile  median %8.1f ms, p99 %8.1f ms, longest %8.1f ms\n",
              writes[writes.size() / 2], writes[writes.size() * 99 / 100], writes.back());
  std::fflush(stdout);
  return {.scans_per_second = rate, .longest_ms = writes.back()};
}

Deletion measure_retention(store::Database& db, Estate& estate, int scans) {
  const TenantId tenant = estate.add_tenant("history");
  estate.add_history(tenant, scans);
  const Log log(estate.clock, STDERR_FILENO, LogFormat::kJson, LogLevel::kError);
  Retention retention(db, estate.clock, estate.random, log, {});
  Beside beside(estate, estate.add_tenant("other"));
  const auto start = std::chrono::steady_clock::now();
  std::int64_t erased = 0;
  for (bool more = true; more;) {
    const Retention::Round round = wait(retention.tick(estate.clock.now()));
    erased += round.scans;
    more = round.more;
    CARNET_CHECK(since(start) < kLongest_s);
  }
  const double took = since(start);
  CARNET_CHECK(erased == scans - 1);  // the newest stays
  return print_deletion("retention", scans, took, beside.end());
}

// The peer: the same rows by the one statement that a script would send.
Deletion measure_one_statement(Estate& estate, int scans) {
  const TenantId tenant = estate.add_tenant("peer");
  estate.add_history(tenant, scans);
  Beside beside(estate, estate.add_tenant("other-2"));
  const auto start = std::chrono::steady_clock::now();
  estate.write([&](store::Connection& c) -> Result<void> {
    c.as_tenant(tenant.str());
    CARNET_TRY(gone,
               c.run("DELETE FROM scans WHERE tenant_id = $1", {std::string_view(tenant.str())}));
    CARNET_CHECK(gone == scans);
    return {};
  });
  return print_deletion("one DELETE statement", scans, since(start), beside.end());
}

// What the peer does at once is a tenth: in one transaction it must end within the time of a
// statement.
void compare_deletions(store::Database& db, Estate& estate, int scans) {
  const Deletion ours = measure_retention(db, estate, scans);
  const Deletion peer = measure_one_statement(estate, std::max(1, scans / 10));
  std::printf(
      "retention / one statement     %.2f of its rate; the other waits %.0f ms at most, not %.0f "
      "ms for "
      "a tenth\n",
      ours.scans_per_second / peer.scans_per_second, ours.longest_ms, peer.longest_ms);
}

int run(const std::string& place, int children, int scans) {
  store::SqliteOptions options;
  options.path = (std::filesystem::path(place) / fmt::format("estate-{}.db", ::getpid())).string();
  const bool postgres = store::is_postgres_url(place);
  auto opened = postgres ? store::open_postgres({.url = place}) : store::open_sqlite(options);
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().public_detail.c_str());
    return 1;
  }
  Estate estate(**opened);
  std::printf("%s\n", (*opened)->description().c_str());
  measure_portfolio(**opened, estate, children);
  compare_deletions(**opened, estate, scans);
  (*opened)->stop();
  if (!postgres)
    for (const char* end : {"", "-wal", "-shm"}) std::filesystem::remove(options.path + end);
  return 0;
}

}  // namespace
}  // namespace carnet::service

int main(int argc, char** argv) {
  constexpr int kChildren = 1000, kScans = 100'000;
  return carnet::service::run(argc > 1 ? argv[1] : std::filesystem::temp_directory_path().string(),
                              argc > 2 ? std::stoi(argv[2]) : kChildren,
                              argc > 3 ? std::stoi(argv[3]) : kScans);
}
