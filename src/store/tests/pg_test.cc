// What only the PostgreSQL backend does: sessions, retries, locks, notifications, leadership. The
// repositories' own tests run on it as well (CARNET_TEST_DATABASE=postgresql).
#include <gmock/gmock.h>

#include <boost/asio/detached.hpp>
#include <csignal>
#include <limits>
#include <thread>

#include "store/tests/store_fixture.h"
#include "tests/support/pg_cluster.h"

namespace carnet::store {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

class Postgres : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!test::on_postgresql()) GTEST_SKIP() << "needs PostgreSQL";
    own_.emplace();
    beside(
        "CREATE TABLE things (id BIGINT PRIMARY KEY, n BIGINT, r DOUBLE PRECISION, t TEXT, b "
        "BYTEA); GRANT ALL ON things TO carnet_app");
    db_ = open();
  }
  std::unique_ptr<Database> open() {
    auto opened = open_postgres({.url = own_->url()});
    EXPECT_TRUE(opened) << opened.error().public_detail;
    return std::move(*opened);
  }
  void beside(const std::string& sql) { own_->run_beside(sql); }
  test::PgCluster::Rows rows(const std::string& sql) {
    return test::PgCluster::shared().query(own_->name(), sql);
  }
  // As a restart of the server would.
  void cut_connections() {
    static_cast<void>(test::PgCluster::shared().query(
        "postgres", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" +
                        own_->name() + "' AND application_name = 'carnet'"));
  }
  void allow_connections(bool allow) {
    static_cast<void>(test::PgCluster::shared().query(
        "postgres",
        "ALTER DATABASE \"" + own_->name() + "\" ALLOW_CONNECTIONS " + (allow ? "true" : "false")));
  }

  Result<void> write(const Database::Work& work) { return db_->write_blocking(work); }
  Result<std::int64_t> count() {
    const std::function<Result<std::int64_t>(Connection&)> work =
        [](Connection& c) -> Result<std::int64_t> {
      std::int64_t out = -1;
      CARNET_TRY_VOID(
          c.run("SELECT count(*) FROM things", {}, [&](const Row& row) { out = row.integer(0); }));
      return out;
    };
    return db_->point_read<std::int64_t>(work);
  }
  template <class T>
  static T wait(Task<T> task) {
    const test::LoanedContext io;
    auto future = boost::asio::co_spawn(*io, std::move(task), boost::asio::use_future);
    io->run();
    return future.get();
  }
  // Something that is to come true by itself. How soon, tests/system/faults_test.py looks at.
  static bool soon(const std::function<bool()>& what) {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (!what()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(10ms);
    }
    return true;
  }

  std::optional<test::TestDatabase> own_;
  std::unique_ptr<Database> db_;
};

Result<void> insert(Connection& c, std::int64_t id, std::int64_t n = 0) {
  const std::array params{Param{id}, Param{n}};
  return c.send("INSERT INTO things (id, n) VALUES ($1, $2)", params);
}

TEST_F(Postgres, SaysWhatItIs) {
  EXPECT_TRUE(db_->healthy());
  EXPECT_TRUE(db_->shared());
  EXPECT_THAT(db_->description(), HasSubstr("PostgreSQL 1"));
}

TEST_F(Postgres, EveryTypeComesBackAsItWent) {
  struct Sample {
    std::int64_t n;
    double r;
    std::string t, b;
  };
  const std::vector<Sample> samples{
      {std::numeric_limits<std::int64_t>::min(), 0.1, "", ""},
      {std::numeric_limits<std::int64_t>::max(), -1e300, "čaj ☕ 𝄞 'q' \\ %",
       std::string("\0\xff\0", 3)},
      {-1, 5e-324, std::string(100'000, 'x'), std::string(100'000, '\x80')}};
  for (const Sample& sample : samples) {
    ASSERT_TRUE(write([&](Connection& c) -> Result<void> {
      CARNET_TRY_VOID(c.run("DELETE FROM things"));
      CARNET_TRY_VOID(c.run("INSERT INTO things VALUES (1, $1, $2, $3, $4)",
                            {sample.n, sample.r, std::string_view(sample.t), BlobView{sample.b}}));
      const auto check = [&](const Row& row) {
        EXPECT_EQ(row.integer(0), sample.n);
        EXPECT_EQ(row.real(1), sample.r);
        EXPECT_EQ(row.text(2), sample.t);
        EXPECT_EQ(row.blob(3), sample.b);
        EXPECT_FALSE(row.is_null(0));
      };
      CARNET_TRY_VOID(c.run("SELECT n, r, t, b FROM things", {}, check));
      return {};
    }));
  }
}

TEST_F(Postgres, NullTakesTheTypeOfItsPlaceAndLaterValuesFit) {
  const auto put = [](Connection& c, std::int64_t id, Param n, Param r, Param t,
                      Param b) -> Result<void> {
    CARNET_TRY_VOID(c.run("INSERT INTO things VALUES ($1, $2, $3, $4, $5)", {id, n, r, t, b}));
    return {};
  };
  ASSERT_TRUE(write([&](Connection& c) -> Result<void> {
    CARNET_TRY_VOID(put(c, 1, {}, {}, {}, {}));
    return put(c, 2, std::int64_t{7}, 0.5, std::string_view("text"), BlobView{"bytes"});
  }));
  EXPECT_EQ(
      rows("SELECT n, r, t, encode(b, 'escape') FROM things ORDER BY id"),
      (test::PgCluster::Rows{{"NULL", "NULL", "NULL", "NULL"}, {"7", "0.5", "text", "bytes"}}));
}

TEST_F(Postgres, TextThatCannotBeStoredIsTheCallersError) {
  for (const std::string& text : {std::string("a\0b", 3), std::string("\xff")}) {
    const auto put = [&](Connection& c) -> Result<void> {
      CARNET_TRY_VOID(c.run("INSERT INTO things (id, t) VALUES (1, $1)", {std::string_view(text)}));
      return {};
    };
    const Result<void> refused = write(put);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::kValidationFailed);
  }
}

TEST_F(Postgres, AStatementThatWasNotWaitedForFailsTheTransaction) {
  ASSERT_TRUE(write([](Connection& c) { return insert(c, 1); }));
  bool went_on = false;
  const Result<void> refused = write([&](Connection& c) -> Result<void> {
    CARNET_TRY_VOID(insert(c, 2));
    CARNET_TRY_VOID(insert(c, 1));  // there already
    went_on = true;
    return insert(c, 3);
  });
  ASSERT_FALSE(refused);
  EXPECT_TRUE(went_on);
  EXPECT_EQ(refused.error().code, ErrorCode::kConflict);
  EXPECT_THAT(refused.error().public_detail, Not(HasSubstr("INSERT")));
  EXPECT_EQ(*count(), 1);
  // An error that a closure passes over is one all the same.
  const Result<void> kept = write([](Connection& c) -> Result<void> {
    static_cast<void>(c.run("INSERT INTO things (id) VALUES (1)"));
    return {};
  });
  EXPECT_EQ(kept.error().code, ErrorCode::kConflict);
  // The session is good for the next.
  EXPECT_TRUE(write([](Connection& c) { return insert(c, 4); }));
}

TEST_F(Postgres, AClosureThatFailsOrThrowsLeavesNothing) {
  const Result<void> failed = write([](Connection& c) -> Result<void> {
    CARNET_TRY_VOID(insert(c, 1));
    return make_error(ErrorCode::kNotFound, "No.");
  });
  EXPECT_EQ(failed.error().code, ErrorCode::kNotFound);
  const Result<void> threw = write([](Connection& c) -> Result<void> {
    CARNET_TRY_VOID(insert(c, 2));
    throw std::runtime_error("bug");
  });
  EXPECT_EQ(threw.error().code, ErrorCode::kInternal);
  EXPECT_EQ(*count(), 0);
}

TEST_F(Postgres, ThousandsOfStatementsInOneTransaction) {
  ASSERT_TRUE(write([](Connection& c) -> Result<void> {
    for (std::int64_t i = 0; i < 5000; ++i) CARNET_TRY_VOID(insert(c, i));
    return {};
  }));
  EXPECT_EQ(*count(), 5000);
}

TEST_F(Postgres, AReadSeesOneSnapshotAndCannotWrite) {
  const std::function<Result<bool>(Connection&)> twice = [&](Connection& c) -> Result<bool> {
    std::int64_t before = -1;
    std::int64_t after = -1;
    CARNET_TRY_VOID(
        c.run("SELECT count(*) FROM things", {}, [&](const Row& r) { before = r.integer(0); }));
    EXPECT_TRUE(write([](Connection& other) { return insert(other, 1); }));
    CARNET_TRY_VOID(
        c.run("SELECT count(*) FROM things", {}, [&](const Row& r) { after = r.integer(0); }));
    return before == after;
  };
  EXPECT_TRUE(*wait(db_->read<bool>(twice)));
  const std::function<Result<bool>(Connection&)> writes = [](Connection& c) -> Result<bool> {
    CARNET_TRY_VOID(c.run("DELETE FROM things"));
    return true;
  };
  EXPECT_EQ(wait(db_->read<bool>(writes)).error().code, ErrorCode::kInternal);
  EXPECT_EQ(*count(), 1);
}

// Two transactions that wait for each other: the server undoes one, and it runs again.
TEST_F(Postgres, ADeadlockIsRunAgain) {
  ASSERT_TRUE(write([](Connection& c) -> Result<void> {
    CARNET_TRY_VOID(insert(c, 1));
    return insert(c, 2);
  }));
  std::atomic<int> first_done{0};
  std::atomic<int> runs{0};
  const auto cross = [&](std::int64_t one, std::int64_t two) -> Database::Work {
    return [&first_done, &runs, one, two, meet = true](Connection& c) mutable -> Result<void> {
      ++runs;
      CARNET_TRY_VOID(c.run("UPDATE things SET n = n + 1 WHERE id = $1", {one}));
      ++first_done;
      const bool first_run = std::exchange(meet, false);
      while (first_run && first_done < 2) std::this_thread::yield();
      CARNET_TRY_VOID(c.run("UPDATE things SET n = n + 1 WHERE id = $1", {two}));
      return {};
    };
  };
  Result<void> other;
  std::thread thread([&] { other = write(cross(2, 1)); });
  const Result<void> mine = write(cross(1, 2));
  thread.join();
  EXPECT_TRUE(mine) << mine.error().internal;
  EXPECT_TRUE(other) << other.error().internal;
  EXPECT_GE(runs, 3);
  EXPECT_EQ(rows("SELECT n FROM things"), (test::PgCluster::Rows{{"2"}, {"2"}}));
}

TEST_F(Postgres, ALockMakesReadingAndThenWritingSafe) {
  ASSERT_TRUE(write([](Connection& c) { return insert(c, 1); }));
  constexpr int kThreads = 6;
  constexpr int kRounds = 20;
  const auto second = open();  // another instance
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([&, i] {
      Database& db = i % 2 == 0 ? *db_ : *second;
      for (int round = 0; round < kRounds; ++round) {
        const Result<void> added = db.write_blocking([](Connection& c) -> Result<void> {
          std::int64_t n = 0;
          CARNET_TRY_VOID(c.lock("the thing"));
          CARNET_TRY_VOID(c.run("SELECT n FROM things WHERE id = 1", {},
                                [&](const Row& row) { n = row.integer(0); }));
          CARNET_TRY_VOID(c.run("UPDATE things SET n = $1 WHERE id = 1", {n + 1}));
          return {};
        });
        EXPECT_TRUE(added) << added.error().internal;
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(rows("SELECT n FROM things"),
            (test::PgCluster::Rows{{std::to_string(kThreads * kRounds)}}));
}

PointQuery<std::int64_t> thing(std::int64_t id) {
  return {.sql = "SELECT n FROM things WHERE id = CAST($1 AS BIGINT)",
          .key = std::to_string(id),
          .read = [](const Row& row) { return row.integer(0); }};
}

TEST_F(Postgres, PointReadsOfManyCallersEachGetTheirOwn) {
  ASSERT_TRUE(write([](Connection& c) -> Result<void> {
    for (std::int64_t i = 0; i < 100; ++i) CARNET_TRY_VOID(insert(c, i, i * i));
    return {};
  }));
  const test::LoanedContext io;
  int right = 0;
  const auto ask = [](Database& db, std::int64_t id, int& good) -> Task<void> {
    auto query = thing(id);
    const Result<std::optional<std::int64_t>> found = co_await db.find(std::move(query));
    const std::optional<std::int64_t> expected = id < 100 ? std::optional(id * id) : std::nullopt;
    if (found && *found == expected) ++good;
  };
  constexpr int kAsked = 3000;
  for (int i = 0; i < kAsked; ++i)
    boost::asio::co_spawn(*io, ask(*db_, i % 101, right), boost::asio::detached);
  io->run();
  EXPECT_EQ(right, kAsked);
}

TEST_F(Postgres, AFailingPointReadFailsAloneAndIsNotAnswered) {
  ASSERT_TRUE(write([](Connection& c) { return insert(c, 1, 5); }));
  PointQuery<std::int64_t> bad = thing(1);
  bad.key = "no number";
  const auto refused = wait(db_->find(std::move(bad)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kInternal);
  EXPECT_EQ(**wait(db_->find(thing(1))), 5);
}

TEST_F(Postgres, ConnectionsThatWereCutAreMadeAnewWithoutAnError) {
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(write([&](Connection& c) { return insert(c, round, round); }));
    EXPECT_EQ(*count(), round + 1);
    EXPECT_EQ(**wait(db_->find(thing(round))), round);
    cut_connections();
  }
}

TEST_F(Postgres, ACommitThatWasCutIsNeitherAnsweredAsDoneNorRunAgain) {
  beside(
      "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
      "'BEGIN PERFORM pg_sleep(60); RETURN NULL; END'; "
      "CREATE CONSTRAINT TRIGGER slow AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED "
      "FOR EACH ROW EXECUTE FUNCTION slow()");
  std::atomic<int> runs{0};
  Result<void> result;
  std::thread thread([&] {
    result = write([&](Connection& c) {
      ++runs;
      return insert(c, 1);
    });
  });
  EXPECT_TRUE(soon([&] {
    return rows(
               "SELECT count(*) FROM pg_stat_activity WHERE query = 'COMMIT' AND state = 'active' "
               "AND datname = current_database()") == test::PgCluster::Rows{{"1"}};
  }));
  cut_connections();
  thread.join();
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(result.error().internal, HasSubstr("not known"));
  EXPECT_EQ(runs, 1);
}

TEST_F(Postgres, ADatabaseThatIsAwayIsUnavailableAtOnceAndComesBackByItself) {
  ASSERT_TRUE(write([](Connection& c) { return insert(c, 1); }));
  allow_connections(false);
  cut_connections();
  EXPECT_TRUE(soon([&] { return !db_->healthy(); }));
  const auto begin = std::chrono::steady_clock::now();
  const Result<void> refused = write([](Connection& c) { return insert(c, 2); });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_TRUE(refused.error().retry_after_s);
  EXPECT_EQ(count().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(wait(db_->find(thing(1))).error().code, ErrorCode::kUnavailable);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, 20s);
  allow_connections(true);
  EXPECT_TRUE(soon([&] { return db_->healthy(); }));
  EXPECT_TRUE(write([](Connection& c) { return insert(c, 2); }));
  EXPECT_EQ(*count(), 2);
}

// Another instance of a newer release migrates while this one runs.
TEST_F(Postgres, ColumnsThatAppearMeanwhileAreNoError) {
  const auto all = [](Connection& c) -> Result<void> {
    CARNET_TRY_VOID(c.run("SELECT * FROM things"));
    return {};
  };
  const auto find_all = [&] {
    PointQuery<std::int64_t> query = thing(1);
    query.sql = "SELECT * FROM things WHERE id = CAST($1 AS BIGINT)";
    return wait(db_->find(std::move(query)));
  };
  ASSERT_TRUE(write([](Connection& c) { return insert(c, 1); }));
  for (const char* column : {"one", "two"}) {
    for (int i = 0; i < 20; ++i) ASSERT_TRUE(write(all));  // on every session
    ASSERT_TRUE(find_all());
    beside("ALTER TABLE things ADD COLUMN " + std::string(column) + " TEXT");
  }
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(write(all));
  EXPECT_EQ(**find_all(), 1);
}

// Stopped processes answer nothing and refuse nothing, as a cut network.
TEST_F(Postgres, AServerThatHangsIsGivenUpAndComesBack) {
  db_->stop();
  const auto opened = open_postgres({.url = own_->url(), .connections = 2});  // one that writes
  ASSERT_TRUE(opened);
  Database& db = **opened;
  ASSERT_TRUE(db.write_blocking([](Connection& c) { return insert(c, 1); }));
  ASSERT_TRUE(soon([&] { return db.leads("anything"); }));  // the monitor's session is there too
  std::vector<int> pids;
  for (const auto& row : rows("SELECT split_part(pg_read_file('postmaster.pid'), E'\\n', 1) UNION "
                              "SELECT pid::text FROM pg_stat_activity WHERE datname = "
                              "current_database() AND application_name = 'carnet'"))
    pids.push_back(std::stoi(row.front()));
  for (const int pid : pids) ASSERT_TRUE(::kill(pid, SIGSTOP) == 0 || errno == ESRCH);
  const auto begin = std::chrono::steady_clock::now();
  const Result<void> refused = db.write_blocking([](Connection& c) { return insert(c, 2); });
  const auto took = std::chrono::steady_clock::now() - begin;
  EXPECT_FALSE(db.healthy());
  for (const int pid : pids) EXPECT_TRUE(::kill(pid, SIGCONT) == 0 || errno == ESRCH);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_LT(took, 38s);  // and not the 40 s that an answer may take
  EXPECT_TRUE(soon([&] { return db.healthy(); }));
  EXPECT_TRUE(db.write_blocking([](Connection& c) { return insert(c, 3); }));
}

class Heard {
 public:
  Database::OnNotification callback() {
    return [this](std::optional<std::string_view> payload) {
      const std::lock_guard lock(mutex_);
      all_.emplace_back(payload ? std::string(*payload) : "(missed)");
    };
  }
  std::vector<std::string> all() const {
    const std::lock_guard lock(mutex_);
    return all_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> all_;
};

TEST_F(Postgres, NotificationsReachEveryInstanceAfterTheCommit) {
  const auto second = open();
  Heard here, there;
  db_->on_notification("keys", here.callback());
  second->on_notification("keys", there.callback());
  // What was told before it listened may have been missed.
  ASSERT_TRUE(soon([&] { return here.all().size() == 1 && there.all().size() == 1; }));
  ASSERT_FALSE(write([](Connection& c) -> Result<void> {
    CARNET_TRY_VOID(c.notify("keys", "never"));
    return make_error(ErrorCode::kNotFound, "No.");
  }));
  ASSERT_TRUE(write([](Connection& c) { return c.notify("keys", "key_1 \"'"); }));
  const std::vector<std::string> expected{"(missed)", "key_1 \"'"};
  EXPECT_TRUE(soon([&] { return here.all() == expected && there.all() == expected; }));
  cut_connections();
  EXPECT_TRUE(soon([&] { return there.all().size() == 3; }));
  EXPECT_EQ(there.all().back(), "(missed)");
  db_->stop();  // before what the callbacks write into is gone
  second->stop();
}

TEST_F(Postgres, OneInstanceLeadsAndAnotherTakesOver) {
  auto second = open();
  EXPECT_TRUE(soon([&] { return db_->leads("schedules"); }));
  EXPECT_FALSE(second->leads("schedules"));
  EXPECT_TRUE(soon([&] { return second->leads("other"); })) << "each name by itself";
  db_->stop();
  EXPECT_FALSE(db_->leads("schedules"));
  EXPECT_TRUE(soon([&] { return second->leads("schedules"); }));
  cut_connections();
  db_ = open();
  // Whoever it is then: one, and never both.
  EXPECT_TRUE(soon([&] {
    const bool one = db_->leads("schedules");
    const bool two = second->leads("schedules");
    EXPECT_FALSE(one && two);
    return one != two;
  }));
}

TEST_F(Postgres, AfterStopEverythingIsRefused) {
  db_->stop();
  db_->stop();
  EXPECT_EQ(write([](Connection& c) { return insert(c, 1); }).error().code,
            ErrorCode::kUnavailable);
  EXPECT_EQ(count().error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(wait(db_->find(thing(1))).error().code, ErrorCode::kUnavailable);
  EXPECT_FALSE(db_->healthy());
}

TEST_F(Postgres, DatabasesOfOthersAreLeftAlone) {
  const std::string name = test::PgCluster::shared().create_database();
  const std::string url = test::PgCluster::shared().url(name);
  static_cast<void>(test::PgCluster::shared().query(name, "CREATE TABLE shares (theirs INTEGER)"));
  const auto refused = open_postgres({.url = url});
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().public_detail, HasSubstr("another program"));
  EXPECT_EQ(test::PgCluster::shared().query(
                name, "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"),
            (test::PgCluster::Rows{{"1"}}));
  test::PgCluster::shared().drop_database(name);

  beside("UPDATE carnet_schema SET version = 9999");
  const auto newer = postgres_migration_status(own_->url());
  ASSERT_FALSE(newer);
  EXPECT_THAT(newer.error().public_detail, HasSubstr("schema is 9999"));
}

TEST_F(Postgres, InstancesThatStartAtOnceMigrateOnce) {
  const std::string name = test::PgCluster::shared().create_database();
  const std::string url = test::PgCluster::shared().url(name);
  constexpr int kInstances = 4;
  std::vector<std::thread> threads;
  threads.reserve(kInstances);
  std::atomic<int> good{0};
  for (int i = 0; i < kInstances; ++i)
    threads.emplace_back([&] {
      const auto migrated = migrate_postgres(url);
      EXPECT_TRUE(migrated) << migrated.error().public_detail;
      if (migrated && migrated->current == migrated->latest) ++good;
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(good, kInstances);
  test::PgCluster::shared().drop_database(name);
}

TEST(PostgresUrl, IsShownWithoutItsSecrets) {
  EXPECT_TRUE(is_postgres_url("postgresql://u:s3cret@db.example:5433/carnet"));
  EXPECT_FALSE(is_postgres_url("postgresql://u:s3cret@db.example:port%"));
  EXPECT_FALSE(is_postgres_url("host=db.example"));
  EXPECT_EQ(postgres_url_without_secrets("postgresql://u:s3cret@db.example:5433/carnet"),
            "postgresql://u@db.example:5433/carnet");
  EXPECT_EQ(postgres_url_without_secrets(
                "postgres://u@a,b:1/carnet?password=s3cret&sslmode=verify-full&sslpassword=s3cret"),
            "postgresql://u@a,b:1/carnet?sslmode=verify-full");
  EXPECT_EQ(postgres_url_without_secrets("postgresql://%2Frun%2Fpg/x"),
            "postgresql://%2Frun%2Fpg/x");
  EXPECT_EQ(postgres_url_without_secrets("postgresql://u:s3cret@[bad"), "postgresql://…");
  const auto refused = open_postgres({.url = "postgresql://u:s3cret@127.0.0.1:1/x"});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::kUnavailable);
  EXPECT_THAT(refused.error().public_detail, HasSubstr("127.0.0.1"));
  EXPECT_THAT(refused.error().public_detail + refused.error().internal, Not(HasSubstr("s3cret")));
}

}  // namespace
}  // namespace carnet::store
