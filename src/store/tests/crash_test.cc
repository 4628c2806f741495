// What SQLite's durability rests on, tried with processes that migrate at once, are killed in the
// middle of writing, or find the disk full.

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <thread>

#include "store/tests/store_fixture.h"

namespace carnet::store {
namespace {

class Crash : public StoreTest {
 protected:
  void SetUp() override {
    if (test::on_postgresql()) GTEST_SKIP() << "about SQLite's file";
  }
};

// Runs `child` in a process of its own and gives its id; no thread of ours may be running.
template <class Child>
pid_t start_process(Child child) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    child();
    ::_exit(0);
  }
  return pid;
}

int wait_for(pid_t pid) {
  int status = 0;
  EXPECT_EQ(::waitpid(pid, &status, 0), pid);
  return status;
}

TEST_F(Crash, TwoProcessesMigrateAtOnce) {
  for (int round = 0; round < 10; ++round) {
    options_.path = (folder_ / fmt::format("round{}.db", round)).string();
    int gate[2];
    ASSERT_EQ(::pipe(gate), 0);
    std::vector<pid_t> children;
    for (int i = 0; i < 3; ++i)
      children.push_back(start_process([&] {
        ::close(gate[1]);
        char byte = 0;
        if (::read(gate[0], &byte, 1) != 0)
          ::_exit(3);  // all start when the gate's other end is closed
        ::_exit(migrate_sqlite(options_.path) ? 0 : 1);
      }));
    ::close(gate[0]);
    ::close(gate[1]);
    for (const pid_t child : children) EXPECT_EQ(wait_for(child), 0);
    open();
    EXPECT_EQ(number("SELECT count(*) FROM tenants"), 0);
    close();
  }
}

// Writes numbers in groups for ever and tells each one that was committed over the pipe.
[[noreturn]] void write_until_killed(const SqliteOptions& options, int acknowledge) {
  auto db = open_sqlite(options);
  if (!db) ::_exit(1);
  std::int64_t first = 0;
  const Database::Work prepare = [&](Connection& c) -> Result<void> {
    CARNET_TRY_VOID(
        c.run("CREATE TABLE IF NOT EXISTS probe (n INTEGER PRIMARY KEY, fill TEXT) STRICT"));
    CARNET_TRY_VOID(c.run("SELECT COALESCE(MAX(n), 0) FROM probe", {},
                          [&](const Row& row) { first = row.integer(0); }));
    return {};
  };
  if (!(*db)->write_blocking(prepare)) ::_exit(1);
  std::atomic<std::int64_t> next{first + 1};
  const std::string fill(200, 'f');
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i)
    threads.emplace_back([&] {
      for (;;) {
        const std::int64_t n = next++;
        const Database::Work insert = [&](Connection& c) -> Result<void> {
          CARNET_TRY_VOID(
              c.run("INSERT INTO probe (n, fill) VALUES ($1, $2)", {n, std::string_view(fill)}));
          return {};
        };
        if ((*db)->write_blocking(insert) && ::write(acknowledge, &n, sizeof n) != sizeof n)
          ::_exit(2);
      }
    });
  for (;;) ::pause();
}

TEST_F(Crash, EveryAcknowledgedRowSurvivesAKill) {
  std::vector<std::int64_t> acknowledged;
  for (int round = 0; round < 20; ++round) {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const pid_t child = start_process([&] { write_until_killed(options_, pipe_ends[1]); });
    ::close(pipe_ends[1]);
    // Killed after a number of answers that differs from round to round, at whatever point the
    // writer then is.
    std::size_t wanted = acknowledged.size() + 1 + static_cast<std::size_t>((round * 37) % 101);
    std::int64_t n = 0;
    bool killed = false;
    while (::read(pipe_ends[0], &n, sizeof n) == sizeof n) {
      acknowledged.push_back(n);
      if (killed || acknowledged.size() < wanted) continue;
      ::kill(child, SIGKILL);
      killed = true;
    }
    ::close(pipe_ends[0]);
    const int status = wait_for(child);
    ASSERT_TRUE(killed && WIFSIGNALED(status)) << status;
  }
  open();
  std::string integrity;
  std::size_t missing = 0;
  ASSERT_TRUE(run([&](Connection& c) -> Result<void> {
    CARNET_TRY_VOID(
        c.run("PRAGMA integrity_check", {}, [&](const Row& row) { integrity += row.text(0); }));
    for (const std::int64_t n : acknowledged) {
      bool found = false;
      CARNET_TRY_VOID(
          c.run("SELECT 1 FROM probe WHERE n = $1", {n}, [&](const Row&) { found = true; }));
      if (!found) ++missing;
    }
    return {};
  }));
  EXPECT_EQ(integrity, "ok");
  EXPECT_EQ(missing, 0u);
  EXPECT_GT(acknowledged.size(), 100u);
}

// The file system refuses further bytes (a limit on the size of files stands in for a full disk),
// then takes them again.
int survive_a_full_disk(const SqliteOptions& options) {
  ::signal(SIGXFSZ, SIG_IGN);
  auto db = open_sqlite(options);
  if (!db) return 10;
  std::int64_t n = 0;
  const std::string fill(3000, 'x');
  const auto insert = [&] {
    return (*db)->write_blocking([&](Connection& c) -> Result<void> {
      CARNET_TRY_VOID(
          c.run("INSERT INTO probe (n, fill) VALUES ($1, $2)", {n, std::string_view(fill)}));
      return {};
    });
  };
  const Database::Work create = [](Connection& c) -> Result<void> {
    CARNET_TRY_VOID(c.run("CREATE TABLE probe (n INTEGER PRIMARY KEY, fill TEXT) STRICT"));
    return {};
  };
  if (!(*db)->write_blocking(create)) return 11;
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  const rlim_t before = limit.rlim_cur;
  limit.rlim_cur = 1 << 20;
  ::setrlimit(RLIMIT_FSIZE, &limit);
  Result<void> last;
  for (; last && n < 2000; ++n) last = insert();
  if (last || last.error().code != ErrorCode::kUnavailable || !last.error().retry_after_s)
    return 12;
  if ((*db)->healthy()) return 13;
  const std::int64_t stored = n - 1;
  limit.rlim_cur = before;
  ::setrlimit(RLIMIT_FSIZE, &limit);
  ++n;
  if (!insert() || !(*db)->healthy()) return 14;
  std::int64_t count = 0;
  const Database::Work check = [&](Connection& c) -> Result<void> {
    CARNET_TRY_VOID(
        c.run("SELECT count(*) FROM probe", {}, [&](const Row& row) { count = row.integer(0); }));
    return {};
  };
  if (!(*db)->write_blocking(check) || count != stored + 1) return 15;
  return 0;
}

TEST_F(Crash, AFullDiskIsSurvived) {
  const pid_t child = start_process([&] { ::_exit(survive_a_full_disk(options_)); });
  const int status = wait_for(child);
  ASSERT_TRUE(WIFEXITED(status)) << status;
  EXPECT_EQ(WEXITSTATUS(status), 0);
}
}  // namespace
}  // namespace carnet::store
