#pragma once
// A database of its own (SQLite or PostgreSQL, tests/support/test_database.h), rows to put into it,
// and calls that wait. For the tests of src/store only; one fixture per test, not thread-safe but
// for its database.

#include <gtest/gtest.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdlib>
#include <filesystem>
#include <future>

#include "store/repositories.h"
#include "tests/support/loaned_context.h"
#include "tests/support/test_database.h"

namespace carnet::store {

constexpr Timestamp kNow = Timestamp{std::chrono::milliseconds{1'790'000'000'000}};

template <class T>
using Closure = std::function<Result<T>(Connection&)>;

class StoreTest : public ::testing::Test {
 protected:
  StoreTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "carnet-store-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    options_.path = (folder_ / "carnet.db").string();
  }
  ~StoreTest() override {
    db_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  void open() {
    if (test::on_postgresql() && !postgres_) postgres_ = std::make_unique<test::TestDatabase>();
    auto opened = postgres_ ? postgres_->open() : open_sqlite(options_);
    ASSERT_TRUE(opened) << opened.error().public_detail << " / " << opened.error().internal;
    db_ = std::move(*opened);
  }
  void close() { db_.reset(); }

  // Closures begin in the scope of the whole system, as a caller of the functions that take an id
  // alone would set it. Runs one as one write and gives its value; the test fails if the closure
  // does.
  template <class T>
  T write(const Closure<T>& closure) {
    Result<T> result = try_write<T>(closure);
    EXPECT_TRUE(result) << result.error().public_detail << " / " << result.error().internal;
    return result ? std::move(*result) : T{};
  }
  template <class T>
  Result<T> try_write(const Closure<T>& closure) {
    return wait<T>(db_->write<T>(in_system<T>(closure)));
  }
  template <class T>
  Result<T> try_read(const Closure<T>& closure) {
    return wait<T>(db_->read<T>(in_system<T>(closure)));
  }
  template <class T>
  std::optional<T> find_row(PointQuery<T> query) {
    Result<std::optional<T>> found = wait<std::optional<T>>(db_->find<T>(std::move(query)));
    EXPECT_TRUE(found) << found.error().public_detail << " / " << found.error().internal;
    return found.value_or(std::nullopt);
  }
  template <class T>
  static Closure<T> in_system(const Closure<T>& closure) {
    return [closure](Connection& c) {
      c.as_system();
      return closure(c);
    };
  }
  Result<void> run(const Database::Work& work) {
    return db_->write_blocking(in_system<void>(work));
  }
  Result<void> run_sql(std::string_view sql) {
    return run([sql](Connection& c) -> Result<void> {
      CARNET_TRY_VOID(c.run(sql));
      return {};
    });
  }

  template <class T>
  static Result<T> wait(Task<Result<T>> task) {
    const test::LoanedContext io;
    std::future<Result<T>> future =
        boost::asio::co_spawn(*io, std::move(task), boost::asio::use_future);
    io->run();
    return future.get();
  }

  std::int64_t number(std::string_view sql) {
    const Closure<std::int64_t> closure = [sql](Connection& c) -> Result<std::int64_t> {
      std::int64_t out = -1;
      c.as_system();
      CARNET_TRY_VOID(c.run(sql, {}, [&](const Row& row) { out = row.integer(0); }));
      return out;
    };
    Result<std::int64_t> result = db_->point_read<std::int64_t>(closure);
    EXPECT_TRUE(result) << result.error().internal;
    return result.value_or(-1);
  }

  // Ids whose order is the order of `n`.
  template <class IdType>
  IdType id(int n) {
    return IdType::generate(kNow + std::chrono::milliseconds(n), random_);
  }
  TenantRow add_tenant(const std::string& slug) {
    TenantRow row;
    row.id = id<TenantId>(++sequence_);
    row.name = "Name of " + slug;
    row.slug = slug;
    row.created_at = kNow;
    EXPECT_TRUE(run([&](Connection& c) { return tenants::insert(c, row); }));
    return row;
  }
  ScanRow make_scan(const TenantId& tenant, const std::string& status) {
    ScanRow row;
    row.id = id<ScanId>(++sequence_);
    row.tenant_id = tenant;
    row.status = status;
    row.label = "label";
    row.target = "example.org:443";
    row.profile = "standard";
    row.request = R"({"target":"example.org"})";
    row.created_at = kNow;
    return row;
  }
  ScanRow add_scan(const TenantId& tenant, const std::string& status = "queued",
                   bool sample = false) {
    ScanRow row = make_scan(tenant, status);
    row.sample = sample;
    EXPECT_TRUE(run([&](Connection& c) { return scans::insert(c, row); }));
    return row;
  }
  ShareRow make_share(const TenantId& tenant, const ScanId& scan, const std::string& public_id) {
    ShareRow row;
    row.public_id = public_id;
    row.id = id<ShareId>(++sequence_);
    row.tenant_id = tenant;
    row.scan_id = scan;
    row.secret_mac = std::string("\0\xff\x01mac", 6);
    row.hint = "abcd";
    row.scope = "passport";
    row.label = "Auditor";
    row.created_by = id<KeyId>(1);
    row.created_at = kNow;
    row.expires_at = kNow + std::chrono::hours(1);
    return row;
  }

  std::filesystem::path folder_;
  SqliteOptions options_;                         // for SQLite
  std::unique_ptr<test::TestDatabase> postgres_;  // for PostgreSQL
  std::unique_ptr<Database> db_;
  SystemRandom random_;
  int sequence_ = 0;
};

}  // namespace carnet::store
