// What the SQLite backend promises beyond the statements: groups, savepoints, durability,
// migrations, and what happens when the file, the disk or the queue gives out.

#include <sqlite3.h>

#include <atomic>
#include <fstream>
#include <latch>
#include <sstream>
#include <thread>

#include "store/tests/store_fixture.h"

namespace carnet::store {
namespace {

namespace fs = std::filesystem;

class Sqlite : public StoreTest {
 protected:
  void SetUp() override {
    if (test::on_postgresql()) GTEST_SKIP() << "about SQLite's file";
  }
  // A table to write into, made beside Carnet's own.
  void open_with_table() {
    open();
    ASSERT_TRUE(
        run_sql("CREATE TABLE IF NOT EXISTS probe (n INTEGER PRIMARY KEY, fill TEXT) STRICT"));
  }
  static Result<void> insert(Connection& c, std::int64_t n, std::string_view fill = "") {
    CARNET_TRY_VOID(c.run("INSERT INTO probe (n, fill) VALUES ($1, $2)", {n, fill}));
    return {};
  }
  std::int64_t rows() { return number("SELECT count(*) FROM probe"); }

  // Holds the writer thread inside a closure until released, so that what is submitted meanwhile
  // becomes one group.
  class Hold {
   public:
    explicit Hold(Database& db) {
      const Database::Work wait = [this](Connection&) -> Result<void> {
        entered_.count_down();
        release_.wait();
        return {};
      };
      thread_ = std::thread([&db, wait] { EXPECT_TRUE(db.write_blocking(wait)); });
      entered_.wait();
    }
    void release() {
      release_.count_down();
      thread_.join();
    }

   private:
    std::latch entered_{1}, release_{1};
    std::thread thread_;
  };

  // Starts all closures while the writer is held, so that they share one transaction, and gives
  // their results in order.
  std::vector<Result<bool>> one_group(const std::vector<Database::Work>& closures) {
    const test::LoanedContext io;
    std::vector<Result<bool>> results(closures.size(), Result<bool>(true));
    std::vector<std::future<Result<bool>>> waiting;
    Hold hold(*db_);
    for (const Database::Work& closure : closures) {
      const Closure<bool> typed = [closure](Connection& c) -> Result<bool> {
        CARNET_TRY_VOID(closure(c));
        return true;
      };
      waiting.push_back(
          boost::asio::co_spawn(*io, db_->write<bool>(typed), boost::asio::use_future));
    }
    io->poll();  // every coroutine has submitted its closure
    hold.release();
    io->restart();
    io->run();
    for (std::size_t i = 0; i < waiting.size(); ++i) results[i] = waiting[i].get();
    return results;
  }
};

void expect_unavailable(const Result<void>& result, const std::string& path) {
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kUnavailable) << result.error().internal;
  EXPECT_TRUE(result.error().retry_after_s);
  EXPECT_EQ(result.error().public_detail.find(path), std::string::npos);
  EXPECT_EQ(result.error().public_detail.find("INSERT"), std::string::npos);
}

TEST_F(Sqlite, OpensAsDesigned) {
  open();
  EXPECT_TRUE(db_->description().starts_with("SQLite 3."));
  EXPECT_TRUE(db_->persistent());
  EXPECT_TRUE(db_->healthy());
  EXPECT_EQ(number("PRAGMA foreign_keys"), 1);
  std::int64_t synchronous = 0, mode_is_wal = 0;
  ASSERT_TRUE(run([&](Connection& c) -> Result<void> {
    CARNET_TRY_VOID(
        c.run("PRAGMA synchronous", {}, [&](const Row& row) { synchronous = row.integer(0); }));
    CARNET_TRY_VOID(c.run("PRAGMA journal_mode", {},
                          [&](const Row& row) { mode_is_wal = row.text(0) == "wal"; }));
    return {};
  }));
  EXPECT_EQ(synchronous, 2);  // FULL
  EXPECT_EQ(mode_is_wal, 1);
  EXPECT_EQ(number("SELECT count(*) FROM pragma_table_list WHERE schema = 'main' AND type = "
                   "'table' AND strict = 0 "
                   "AND name NOT LIKE 'sqlite_%'"),
            0);
  for (const char* suffix : {"", "-wal", "-shm"})
    EXPECT_EQ(fs::status(options_.path + suffix).permissions(),
              fs::perms::owner_read | fs::perms::owner_write);
}

TEST_F(Sqlite, PlaceholdersAreNumbersAndValuesKeepTheirTypes) {
  open_with_table();
  const Closure<std::string> closure = [](Connection& c) -> Result<std::string> {
    std::string out;
    const auto on_row = [&](const Row& row) {
      out = fmt::format("{}|{}|{}|{}|{}|{}", row.text(0), row.integer(1), row.real(2),
                        row.is_null(3), row.blob(4).size(), row.optional_integer(3).has_value());
      EXPECT_FALSE(row.is_null(5));  // the empty text is not NULL
    };
    CARNET_TRY_VOID(c.run("SELECT $2, $1, $3, $4, $5, $6, $2",
                          {std::int64_t{7}, std::string_view("two"), 2.5, std::monostate{},
                           BlobView{std::string_view("\0\xff", 2)}, std::string_view{}},
                          on_row));
    return out;
  };
  EXPECT_EQ(try_read<std::string>(closure).value(), "two|7|2.5|true|2|false");
  for (const std::string_view bad :
       {"SELECT ?", "SELECT :a", "SELECT $1, $2", "SELECT $x", "SELEC", ""}) {
    const Result<void> refused = run([bad](Connection& c) -> Result<void> {
      CARNET_TRY_VOID(c.run(bad, {std::int64_t{1}}));
      return {};
    });
    ASSERT_FALSE(refused) << bad;
    EXPECT_EQ(refused.error().code, ErrorCode::kInternal);
  }
}

TEST_F(Sqlite, TheSameStatementMayRunInsideItsOwnCallback) {
  open_with_table();
  ASSERT_TRUE(run([](Connection& c) -> Result<void> {
    CARNET_TRY_VOID(insert(c, 1));
    return insert(c, 2);
  }));
  int inner = 0;
  const Closure<bool> nested = [&](Connection& c) -> Result<bool> {
    const auto count = [&](const Row&) { ++inner; };
    const auto again = [&](const Row&) { EXPECT_TRUE(c.run("SELECT n FROM probe", {}, count)); };
    CARNET_TRY_VOID(c.run("SELECT n FROM probe", {}, again));
    return true;
  };
  EXPECT_TRUE(try_read<bool>(nested));
  EXPECT_EQ(inner, 4);
}

TEST_F(Sqlite, OneClosureThatFailsDoesNotHurtTheOthersOfItsGroup) {
  open_with_table();
  const auto results = one_group({
      [](Connection& c) { return insert(c, 1); },
      [](Connection& c) -> Result<void> {
        CARNET_TRY_VOID(insert(c, 2));
        return insert(c, 1);  // taken
      },
      [](Connection& c) -> Result<void> {
        CARNET_TRY_VOID(insert(c, 3));
        throw std::runtime_error("boom");
      },
      [](Connection& c) -> Result<void> {
        CARNET_TRY_VOID(insert(c, 4));
        CARNET_TRY_VOID(c.run("SELECT n FROM probe", {}, [](const Row&) { throw 7; }));
        return {};
      },
      [](Connection& c) -> Result<void> {
        CARNET_TRY_VOID(insert(c, 5));
        return make_error(ErrorCode::kNotFound, "No.");
      },
      [](Connection& c) { return insert(c, 6); },
  });
  EXPECT_TRUE(results[0]);
  EXPECT_EQ(results[1].error().code, ErrorCode::kConflict);
  EXPECT_EQ(results[2].error().code, ErrorCode::kInternal);
  EXPECT_NE(results[2].error().internal.find("boom"), std::string::npos);
  EXPECT_EQ(results[3].error().code, ErrorCode::kInternal);
  EXPECT_EQ(results[4].error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(results[5]);
  EXPECT_EQ(number("SELECT group_concat(n, '') FROM probe"), 16);
  EXPECT_TRUE(db_->healthy());
}

TEST_F(Sqlite, WaitingClosuresShareOneCommit) {
  open_with_table();
  std::vector<Database::Work> closures;
  for (int n = 0; n < 20; ++n) closures.push_back([n](Connection& c) { return insert(c, n); });
  const auto size = [&] {
    return static_cast<std::int64_t>(fs::file_size(options_.path + "-wal"));
  };
  const std::int64_t before = size();
  for (const Result<bool>& result : one_group(closures)) EXPECT_TRUE(result);
  const std::int64_t grouped = size() - before;
  for (int n = 100; n < 120; ++n) ASSERT_TRUE(run([n](Connection& c) { return insert(c, n); }));
  const std::int64_t alone = size() - before - grouped;
  EXPECT_GE(alone,
            grouped * 10);  // twenty commits write their pages twenty times, one writes them once
}

TEST_F(Sqlite, ALostTransactionFailsItsGroupAndTheRestGetsANewOne) {
  open_with_table();
  const auto results = one_group({
      [](Connection& c) { return insert(c, 1); },
      [](Connection& c) -> Result<void> {
        CARNET_TRY_VOID(c.run("ROLLBACK"));  // as SQLite itself does on an I/O error
        return {};
      },
      [](Connection& c) { return insert(c, 3); },
  });
  EXPECT_FALSE(results[0]);
  EXPECT_FALSE(results[1]);
  EXPECT_TRUE(results[2]);
  EXPECT_EQ(number("SELECT group_concat(n, '') FROM probe"), 3);
}

TEST_F(Sqlite, ACommitThatFailsFailsEveryClosure) {
  open_with_table();
  ASSERT_TRUE(run_sql("CREATE TABLE parent (n INTEGER PRIMARY KEY) STRICT"));
  ASSERT_TRUE(run_sql(
      "CREATE TABLE child (n INTEGER REFERENCES parent (n) DEFERRABLE INITIALLY DEFERRED) STRICT"));
  const auto results = one_group({
      [](Connection& c) { return insert(c, 1); },
      [](Connection& c) -> Result<void> {
        CARNET_TRY_VOID(c.run("INSERT INTO child (n) VALUES (9)"));  // found wanting at COMMIT only
        return {};
      },
  });
  EXPECT_FALSE(results[0]);
  EXPECT_FALSE(results[1]);
  EXPECT_EQ(rows(), 0);
  EXPECT_TRUE(run([](Connection& c) { return insert(c, 2); }));
  EXPECT_EQ(rows(), 1);
}

TEST_F(Sqlite, ReadsSeeOneSnapshotAndCannotWrite) {
  open_with_table();
  std::int64_t first = -1, second = -1;
  const Closure<bool> closure = [&](Connection& c) -> Result<bool> {
    CARNET_TRY_VOID(
        c.run("SELECT count(*) FROM probe", {}, [&](const Row& row) { first = row.integer(0); }));
    EXPECT_TRUE(run([](Connection& w) { return insert(w, 1); }));
    CARNET_TRY_VOID(
        c.run("SELECT count(*) FROM probe", {}, [&](const Row& row) { second = row.integer(0); }));
    return true;
  };
  EXPECT_TRUE(try_read<bool>(closure));
  EXPECT_EQ(first, 0);
  EXPECT_EQ(second, 0);
  EXPECT_EQ(rows(), 1);
  const Closure<bool> writes = [](Connection& c) -> Result<bool> {
    CARNET_TRY_VOID(insert(c, 2));
    return true;
  };
  for (const Result<bool>& refused : {try_read<bool>(writes), db_->point_read<bool>(writes)}) {
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kInternal);
  }
  const Closure<bool> throws = [](Connection& c) -> Result<bool> {
    CARNET_TRY_VOID(c.run("BEGIN"));
    throw std::runtime_error("boom");
  };
  EXPECT_EQ(db_->point_read<bool>(throws).error().code, ErrorCode::kInternal);
  EXPECT_EQ(rows(), 1);
}

TEST_F(Sqlite, PointReadsRunOnManyThreadsAtOnce) {
  open_with_table();
  ASSERT_TRUE(run([](Connection& c) { return insert(c, 1); }));
  std::atomic<int> good{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i) good += rows() == 1;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, 800);
}

TEST_F(Sqlite, ResumesOnTheCoroutinesOwnExecutor) {
  open_with_table();
  const test::LoanedContext io;
  std::thread::id before, after;
  const Closure<bool> closure = [](Connection& c) -> Result<bool> {
    CARNET_TRY_VOID(insert(c, 1));
    return true;
  };
  Database& db = *db_;
  const auto body = [&]() -> Task<void> {
    before = std::this_thread::get_id();
    const Result<bool> done = co_await db.write<bool>(closure);
    EXPECT_TRUE(done);
    after = std::this_thread::get_id();
  };
  std::future<void> future = boost::asio::co_spawn(*io, body(), boost::asio::use_future);
  io->run();
  future.get();
  EXPECT_EQ(before, std::this_thread::get_id());
  EXPECT_EQ(after, before);
}

TEST_F(Sqlite, AFullQueueRefuses) {
  options_.queue_max = 2;
  open_with_table();
  const test::LoanedContext io;
  std::vector<std::future<Result<bool>>> waiting;
  Hold hold(*db_);
  for (int n = 0; n < 5; ++n) {
    const Closure<bool> closure = [n](Connection& c) -> Result<bool> {
      CARNET_TRY_VOID(insert(c, n));
      return true;
    };
    waiting.push_back(
        boost::asio::co_spawn(*io, db_->write<bool>(closure), boost::asio::use_future));
  }
  io->poll();
  hold.release();
  io->restart();
  io->run();
  int refused = 0;
  for (auto& future : waiting) {
    const Result<bool> result = future.get();
    if (result) continue;
    ++refused;
    EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(result.error().retry_after_s, 1);
  }
  EXPECT_EQ(refused, 3);
  EXPECT_EQ(rows(), 2);
}

TEST_F(Sqlite, StopFinishesWhatIsQueuedAndLeavesOneFile) {
  open_with_table();
  Hold hold(*db_);
  const test::LoanedContext io;
  std::vector<std::future<Result<bool>>> waiting;
  for (int n = 0; n < 8; ++n) {
    const Closure<bool> closure = [n](Connection& c) -> Result<bool> {
      CARNET_TRY_VOID(insert(c, n));
      return true;
    };
    waiting.push_back(
        boost::asio::co_spawn(*io, db_->write<bool>(closure), boost::asio::use_future));
  }
  io->poll();
  std::thread stopper([&] { db_->stop(); });
  hold.release();
  stopper.join();
  db_->stop();
  io->restart();
  io->run();
  for (auto& future : waiting) EXPECT_TRUE(future.get());
  EXPECT_FALSE(db_->healthy());
  expect_unavailable(run([](Connection& c) { return insert(c, 99); }), options_.path);
  const Closure<bool> nothing = [](Connection&) -> Result<bool> { return true; };
  EXPECT_EQ(try_read<bool>(nothing).error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(db_->point_read<bool>(nothing).error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(fs::exists(options_.path + "-wal"));
  close();
  open();
  EXPECT_EQ(rows(), 8);
}

TEST_F(Sqlite, AMovedFileIsNeverWrittenAndServiceReturnsWithIt) {
  open_with_table();
  ASSERT_TRUE(run([](Connection& c) { return insert(c, 1); }));
  for (const char* suffix : {"", "-wal", "-shm"}) {
    const std::string path = options_.path + suffix, away = path + ".away";
    fs::rename(path, away);
    expect_unavailable(run([](Connection& c) { return insert(c, 2); }), options_.path);
    EXPECT_FALSE(db_->healthy());
    const Closure<bool> nothing = [](Connection&) -> Result<bool> { return true; };
    EXPECT_EQ(db_->point_read<bool>(nothing).error().code, ErrorCode::kUnavailable);
    EXPECT_EQ(try_read<bool>(nothing).error().code, ErrorCode::kUnavailable);
    // Another file at the place does not count as ours.
    std::ofstream(path) << "something else";
    expect_unavailable(run([](Connection& c) { return insert(c, 2); }), options_.path);
    fs::rename(away, path);
    EXPECT_TRUE(run([&](Connection& c) { return insert(c, 10 + rows()); })) << suffix;
    EXPECT_TRUE(db_->healthy());
  }
  EXPECT_EQ(rows(), 4);
  EXPECT_EQ(number("SELECT count(*) FROM probe WHERE n = 2"), 0);
}

TEST_F(Sqlite, AFileMovedDuringAWriteIsNotAcknowledged) {
  open_with_table();
  const std::string away = options_.path + ".away";
  expect_unavailable(run([&](Connection& c) -> Result<void> {
                       CARNET_TRY_VOID(insert(c, 1));
                       fs::rename(options_.path, away);
                       return {};
                     }),
                     options_.path);
  fs::rename(away, options_.path);
}

TEST_F(Sqlite, ReadsNoticeByThemselvesThatTheFileIsGone) {
  open_with_table();
  fs::remove(options_.path);
  const Closure<bool> nothing = [](Connection&) -> Result<bool> { return true; };
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  Result<bool> answer = true;
  while (answer && std::chrono::steady_clock::now() < deadline)
    answer = db_->point_read<bool>(nothing);
  ASSERT_FALSE(answer);
  EXPECT_EQ(answer.error().code, ErrorCode::kUnavailable);
}

TEST_F(Sqlite, AFullDatabaseRefusesAndGoesOn) {
  open();
  close();
  options_.pages_max = 300;
  open_with_table();
  const std::string fill(3000, 'x');
  Result<void> last;
  std::int64_t n = 0;
  while (last && n < 1000) last = run([&](Connection& c) { return insert(c, n++, fill); });
  expect_unavailable(last, options_.path);
  EXPECT_NE(last.error().public_detail.find("full"), std::string::npos);
  EXPECT_EQ(rows(), n - 1);
  ASSERT_TRUE(run_sql("DELETE FROM probe WHERE n < 10"));
  EXPECT_TRUE(run([&](Connection& c) { return insert(c, n, fill); }));
  EXPECT_TRUE(db_->healthy());
}

TEST_F(Sqlite, ALockHeldByAnotherProcessIsBusyAndPasses) {
  options_.busy_timeout_ms = 10;
  open_with_table();
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(options_.path.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  const Result<void> busy = run([](Connection& c) { return insert(c, 1); });
  expect_unavailable(busy, options_.path);
  EXPECT_EQ(busy.error().retry_after_s, 1);
  EXPECT_FALSE(db_->healthy());
  EXPECT_EQ(rows(), 0);  // reads go on
  sqlite3_close(other);
  // Readiness returns without anybody writing.
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!db_->healthy() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
  EXPECT_TRUE(db_->healthy());
  EXPECT_TRUE(run([](Connection& c) { return insert(c, 1); }));
}

TEST_F(Sqlite, MigrationsAreAllThereAndRunOnce) {
  const auto empty = sqlite_migration_status(options_.path);
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->current, 0);
  EXPECT_FALSE(fs::exists(options_.path));
  int files = 0;
  for (const auto& entry :
       fs::directory_iterator(fs::path(CARNET_SOURCE_DIR) / "src/store/migrations/sqlite"))
    files += entry.path().extension() == ".sql";
  EXPECT_EQ(empty->latest, files);
  for (int time = 0; time < 2; ++time) {
    const auto done = migrate_sqlite(options_.path);
    ASSERT_TRUE(done) << done.error().internal;
    EXPECT_EQ(done->current, files);
  }
  EXPECT_EQ(sqlite_migration_status(options_.path)->current, files);
}

TEST_F(Sqlite, ANewerOrForeignOrUnreadableFileIsRefusedInASentence) {
  const auto expect_refused = [&](const char* part) {
    for (const auto& refused :
         {migrate_sqlite(options_.path), sqlite_migration_status(options_.path)}) {
      ASSERT_FALSE(refused);
      EXPECT_NE(refused.error().public_detail.find(part), std::string::npos)
          << refused.error().public_detail;
    }
    EXPECT_FALSE(open_sqlite(options_));
  };
  ASSERT_TRUE(migrate_sqlite(options_.path));
  sqlite3* raw = nullptr;
  sqlite3_open(options_.path.c_str(), &raw);
  sqlite3_exec(raw, "PRAGMA user_version = 77", nullptr, nullptr, nullptr);
  sqlite3_close(raw);
  expect_refused("schema is 77");
  fs::remove(options_.path);
  sqlite3_open(options_.path.c_str(), &raw);
  sqlite3_exec(raw, "CREATE TABLE bookmarks (url TEXT)", nullptr, nullptr, nullptr);
  sqlite3_close(raw);
  const auto bytes = [&] {
    return (std::ostringstream() << std::ifstream(options_.path).rdbuf()).str();
  };
  const std::string untouched = bytes();
  expect_refused("another program");
  EXPECT_EQ(bytes(), untouched);
  std::ofstream(options_.path, std::ios::trunc) << std::string(5000, 'x');
  expect_refused("cannot be used");
  options_.path = (folder_ / "no" / "such" / "carnet.db").string();
  EXPECT_FALSE(open_sqlite(options_));
}

TEST(OffDatabase, AnswersThatPersistenceIsOff) {
  const std::unique_ptr<Database> db = make_off_database();
  EXPECT_FALSE(db->persistent());
  EXPECT_EQ(db->description(), "off");
  EXPECT_TRUE(db->healthy());
  const Closure<bool> closure = [](Connection&) -> Result<bool> { return true; };
  EXPECT_EQ(db->point_read<bool>(closure).error().code, ErrorCode::kPersistenceOff);
  const Result<void> refused = db->write_blocking([](Connection&) -> Result<void> { return {}; });
  EXPECT_EQ(refused.error().code, ErrorCode::kPersistenceOff);
  EXPECT_TRUE(refused.error().retry_after_s);
  db->stop();
}

}  // namespace
}  // namespace carnet::store
