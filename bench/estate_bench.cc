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

// Another writer goes on meanwhile; how long its longest write took is what it would be kept.
void measure_retention(store::Database& db, Estate& estate, int scans) {
  const TenantId tenant = estate.add_tenant("history"), other = estate.add_tenant("other");
  estate.add_history(tenant, scans);
  const Log log(estate.clock, STDERR_FILENO, LogFormat::kJson, LogLevel::kError);
  Retention retention(db, estate.clock, estate.random, log, {});
  std::atomic<bool> stop{false};
  std::vector<double> writes;
  std::thread writer([&] {
    while (!stop.load()) {
      const auto start = std::chrono::steady_clock::now();
      estate.write([&](store::Connection& c) -> Result<void> {
        CARNET_TRY_VOID(store::tenants::update_settings(c, other, "{}"));
        return {};
      });
      writes.push_back(since(start) * 1e3);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  });
  const auto start = std::chrono::steady_clock::now();
  std::int64_t erased = 0;
  int rounds = 0;
  for (bool more = true; more; ++rounds) {
    const Retention::Round round = wait(retention.tick(estate.clock.now()));
    erased += round.scans;
    more = round.more;
  }
  const double took = since(start);
  stop.store(true);
  writer.join();
  CARNET_CHECK(erased == scans - 1);  // the newest stays
  std::sort(writes.begin(), writes.end());
  std::printf("%d old scans deleted        %8.1f s in %d rounds, %8.0f scans/s\n", scans, took,
              rounds, static_cast<double>(erased) / took);
  std::printf("another's writes meanwhile     median %8.1f ms, p99 %8.1f ms, longest %8.1f ms\n",
              writes[writes.size() / 2], writes[writes.size() * 99 / 100], writes.back());
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
  measure_retention(**opened, estate, scans);
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
