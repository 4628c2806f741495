// Measures the store alone, in this process, on SQLite in a folder given as the first argument
// (default: the temporary folder), or on the empty PostgreSQL database of a URL, which it fills.
// Prints one line a figure; bench/README.md and docs/benchmarks.md say what they mean.
//
//   ninja -C build/release carnet_store_bench
//   build/release/src/store/carnet_store_bench [DIR | postgresql://…]

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <numeric>
#include <thread>
#include <vector>

#include "base/check.h"
#include "store/repositories.h"

namespace carnet::store {
namespace {

using Seconds = std::chrono::duration<double>;

// What one operation took: on average, of this thread's processor time, and in the fastest
// hundredth of the batches, which is what it costs when nothing else runs on the machine.
struct Cost {
  double wall_us = 0;
  double cpu_us = 0;
  double calm_us = 0;
};

double thread_cpu_us() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) / 1e3;
}

template <class Operation>
Cost measure(int count, Operation operation) {
  constexpr int kBatch = 100;
  std::vector<double> batches;
  const double cpu = thread_cpu_us();
  for (int i = 0; i < count;) {
    const auto start = std::chrono::steady_clock::now();
    for (const int end = i + kBatch; i < end; ++i) operation(i);
    batches.push_back(Seconds(std::chrono::steady_clock::now() - start).count() * 1e6 / kBatch);
  }
  std::sort(batches.begin(), batches.end());
  const double sum = std::accumulate(batches.begin(), batches.end(), 0.0);
  return {.wall_us = sum / static_cast<double>(batches.size()),
          .cpu_us = (thread_cpu_us() - cpu) / count,
          .calm_us = batches[batches.size() / 100]};
}

void print(const char* what, const Cost& cost) {
  std::printf("%-26s %8.2f us, of processor time %6.2f us, at the calmest %6.2f us\n", what,
              cost.wall_us, cost.cpu_us, cost.calm_us);
}

struct Setup {
  TenantId tenant;
  ScanId scan;
  SystemClock clock;
  SystemRandom random;
};

ShareRow share_row(Setup& setup, int number) {
  ShareRow row;
  row.public_id = fmt::format("public{:08}", number);
  row.id = ShareId::generate(setup.clock.now(), setup.random);
  row.tenant_id = setup.tenant;
  row.scan_id = setup.scan;
  row.secret_mac = std::string(32, 'm');
  row.hint = "abcd";
  row.scope = "passport";
  row.label = "Auditor handoff";
  row.created_by = KeyId::generate(setup.clock.now(), setup.random);
  row.created_at = row.expires_at = setup.clock.now();
  return row;
}

Result<void> prepare(Connection& db, Setup& setup) {
  const Timestamp now = setup.clock.now();
  setup.tenant = TenantId::generate(now, setup.random);
  setup.scan = ScanId::generate(now, setup.random);
  TenantRow tenant;
  tenant.id = setup.tenant;
  tenant.name = tenant.slug = "bench";
  CARNET_TRY_VOID(tenants::insert(db, tenant));
  ScanRow scan;
  scan.id = setup.scan;
  scan.tenant_id = setup.tenant;
  scan.status = "success";
  scan.request = "{}";
  return scans::insert(db, scan);
}

Task<void> write_many(Database& db, Setup& setup, std::atomic<int>& next, int end) {
  for (int number = next++; number < end; number = next++) {
    const ShareRow row = share_row(setup, number);
    const std::function<Result<bool>(Connection&)> insert =
        [row](Connection& connection) -> Result<bool> {
      CARNET_TRY_VOID(shares::insert(connection, row));
      return true;
    };
    const Result<bool> saved = co_await db.write<bool>(insert);
    CARNET_CHECK(saved.has_value());
  }
}

double measure_writes(Database& db, Setup& setup, int writers, int first, int count) {
  boost::asio::io_context io(1);
  std::atomic<int> next{first};
  for (int i = 0; i < writers; ++i)
    boost::asio::co_spawn(io, write_many(db, setup, next, first + count), boost::asio::detached);
  const auto start = std::chrono::steady_clock::now();
  io.run();
  return count / Seconds(std::chrono::steady_clock::now() - start).count();
}

Task<void> find_many(Database& db, int rows, std::atomic<int>& next, int end) {
  for (int i = next++; i < end; i = next++) {
    auto query = shares::by_public_id(fmt::format("public{:08}", (i * 7919LL) % rows));
    const auto found = co_await db.find(std::move(query));
    CARNET_CHECK(found && *found);
  }
}

// As measure(), of find() awaited by one coroutine.
Task<void> find_in_batches(Database& db, int rows, int count, Cost& cost) {
  constexpr int kBatch = 100;
  std::vector<double> batches;
  const double cpu = thread_cpu_us();
  for (int i = 0; i < count; i += kBatch) {
    std::atomic<int> next{i};
    const auto start = std::chrono::steady_clock::now();
    co_await find_many(db, rows, next, i + kBatch);
    batches.push_back(Seconds(std::chrono::steady_clock::now() - start).count() * 1e6 / kBatch);
  }
  std::sort(batches.begin(), batches.end());
  const double sum = std::accumulate(batches.begin(), batches.end(), 0.0);
  cost = {.wall_us = sum / static_cast<double>(batches.size()),
          .cpu_us = (thread_cpu_us() - cpu) / count,
          .calm_us = batches[batches.size() / 100]};
}

Cost point_reads(Database& db, int rows, int count) {
  boost::asio::io_context io(1);
  Cost cost;
  boost::asio::co_spawn(io, find_in_batches(db, rows, count, cost), boost::asio::detached);
  io.run();
  return cost;
}

// How many a second, with so many callers that each wait for their own.
double measure_finds(Database& db, int callers, int rows, int count) {
  boost::asio::io_context io(1);
  std::atomic<int> next{0};
  for (int i = 0; i < callers; ++i)
    boost::asio::co_spawn(io, find_many(db, rows, next, count), boost::asio::detached);
  const auto start = std::chrono::steady_clock::now();
  io.run();
  return count / Seconds(std::chrono::steady_clock::now() - start).count();
}

Cost bare_reads(Database& db, int rows, int count) {
  return measure(count, [&](int i) {
    const std::string id = fmt::format("public{:08}", (i * 7919LL) % rows);
    const std::function<Result<bool>(Connection&)> find =
        [&](Connection& connection) -> Result<bool> {
      bool hit = false;
      const auto on_row = [&](const Row& row) { hit = !row.blob(0).empty(); };
      CARNET_TRY_VOID(connection.run("SELECT secret_mac FROM shares WHERE public_id = $1",
                                     {std::string_view(id)}, on_row));
      return hit;
    };
    const auto found = db.point_read(find);
    CARNET_CHECK(found && *found);
  });
}

int run(const std::filesystem::path& folder) {
  constexpr int kRows = 100000, kReads = 200000;
  const std::filesystem::path file = folder / "carnet_store_bench.db";
  for (const char* suffix : {"", "-wal", "-shm"}) std::filesystem::remove(file.string() + suffix);
  const SqliteOptions options{.path = file.string()};
  auto start = std::chrono::steady_clock::now();
  auto opened = open_sqlite(options);
  CARNET_CHECK(opened.has_value());
  std::printf("open a new database        %8.1f ms\n",
              Seconds(std::chrono::steady_clock::now() - start).count() * 1e3);
  Database& db = **opened;
  Setup setup;
  CARNET_CHECK(db.write_blocking([&](Connection& connection) {
                   return prepare(connection, setup);
                 }).has_value());
  const double alone = measure_writes(db, setup, 1, 0, 2000);
  std::printf("share inserts, 1 writer    %8.0f /s\n", alone);
  std::printf("share inserts, 64 writers  %8.0f /s\n", measure_writes(db, setup, 64, 2000, 48000));
  std::printf("share inserts, 512 writers %8.0f /s\n",
              measure_writes(db, setup, 512, 50000, kRows - 50000));
  print("point read, one column", bare_reads(db, kRows, kReads));
  print("by_public_id, joined", point_reads(db, kRows, kReads));
  std::atomic<bool> done{false};
  std::thread writer([&] {
    for (int number = kRows; !done; number += 1000) measure_writes(db, setup, 64, number, 1000);
  });
  print("the same while 64 write", point_reads(db, kRows, kReads / 4));
  done = true;
  writer.join();
  start = std::chrono::steady_clock::now();
  db.stop();
  std::printf("stop                       %8.1f ms\n",
              Seconds(std::chrono::steady_clock::now() - start).count() * 1e3);
  start = std::chrono::steady_clock::now();
  opened = open_sqlite(options);
  CARNET_CHECK(opened.has_value());
  std::printf("open an existing database  %8.1f ms\n",
              Seconds(std::chrono::steady_clock::now() - start).count() * 1e3);
  return 0;
}

int run_postgres(const std::string& url) {
  constexpr int kRows = 20000, kReads = 100000;
  auto opened = open_postgres({.url = url});
  if (!opened) {
    std::fprintf(stderr, "%s\n", opened.error().public_detail.c_str());
    return 1;
  }
  Database& db = **opened;
  Setup setup;
  CARNET_CHECK(db.write_blocking([&](Connection& connection) {
                   return prepare(connection, setup);
                 }).has_value());
  std::printf("share inserts, 1 writer    %8.0f /s\n", measure_writes(db, setup, 1, 0, 2000));
  std::printf("share inserts, 64 writers  %8.0f /s\n",
              measure_writes(db, setup, 64, 2000, kRows - 2000));
  print("by_public_id, joined", point_reads(db, kRows, kReads / 10));
  for (const int callers : {8, 64, 512})
    std::printf("the same, %3d callers      %8.0f /s\n", callers,
                measure_finds(db, callers, kRows, kReads));
  return 0;
}

}  // namespace
}  // namespace carnet::store

int main(int argc, char** argv) {
  if (argc > 1 && carnet::store::is_postgres_url(argv[1]))
    return carnet::store::run_postgres(argv[1]);
  const std::filesystem::path folder =
      argc > 1 ? std::filesystem::path(argv[1]) : std::filesystem::temp_directory_path();
  return carnet::store::run(folder);
}
