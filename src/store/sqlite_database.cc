#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <atomic>
#include <mutex>

#include "store/database.h"
#include "store/errors.h"
#include "store/snapshot.h"
#include "store/sqlite_connection.h"
#include "store/sqlite_error.h"
#include "store/sqlite_file_guard.h"
#include "store/sqlite_readers.h"
#include "store/sqlite_writer.h"

namespace carnet::store {
namespace {

constexpr int kWriterCache_kib = 8192;
constexpr int kReaderCache_kib = 4096;
constexpr int kPointCache_kib = 8192;

struct Parts {
  std::unique_ptr<SqliteFileGuard> guard;
  std::unique_ptr<SqliteConnection> writer;
  std::vector<std::unique_ptr<SqliteConnection>> readers;
};

SqliteConnection::Options reader_options(const SqliteOptions& options, int cache_kib) {
  return {.path = options.path,
          .access = SqliteConnection::Access::kRead,
          .busy_timeout_ms = options.busy_timeout_ms,
          .cache_kib = cache_kib};
}

// A connection in a read transaction that lasts as long as the object.
class SqliteSnapshot final : public Snapshot {
 public:
  SqliteSnapshot(std::unique_ptr<SqliteConnection> connection, SqliteFileGuard& guard)
      : connection_(std::move(connection)), guard_(guard) {}

  Result<void> begin() {
    CARNET_TRY_VOID(connection_->run("BEGIN"));
    // The first page that is read is what fixes the state; BEGIN alone does not.
    CARNET_TRY_VOID(connection_->run("SELECT count(*) FROM sqlite_schema"));
    if (!connection_->file_is_in_place() || !guard_.check())
      return tl::unexpected(database_moved());
    return {};
  }
  Result<void> run(const Database::Work& work) override {
    if (!guard_.check_sometimes()) return tl::unexpected(database_moved());
    return run_guarded(work, *connection_);
  }

 private:
  std::unique_ptr<SqliteConnection> connection_;
  SqliteFileGuard& guard_;
};

class SqliteDatabase final : public Database, public SnapshotSource {
 public:
  SqliteDatabase(const SqliteOptions& options, Parts parts)
      : path_(options.path),
        guard_(std::move(parts.guard)),
        writer_(std::move(parts.writer), *guard_,
                {.group_max = options.group_max, .queue_max = options.queue_max}),
        readers_(std::move(parts.readers), *guard_, options.queue_max),
        snapshots_(reader_options(options, kReaderCache_kib)),
        points_(reader_options(options, kPointCache_kib), *guard_) {}
  ~SqliteDatabase() override { shut_down(); }

  bool healthy() override {
    return !stopped_.load(std::memory_order_relaxed) && !writer_.faulty() &&
           guard_->check_sometimes();
  }
  void stop() override { shut_down(); }
  std::string description() const override {
    return fmt::format("SQLite {}", sqlite3_libversion());
  }
  void report(MetricText& out) override {
    writer_.report(out);
    out.queue("database_read", readers_.state());
    struct stat file{};
    struct statvfs disk{};
    if (::stat(path_.c_str(), &file) == 0)
      out.gauge("carnet_database_size_bytes", "Size of the database's file.",
                static_cast<double>(file.st_size));
    if (::stat((path_ + "-wal").c_str(), &file) == 0)
      out.gauge("carnet_database_wal_bytes", "Size of SQLite's write-ahead log.",
                static_cast<double>(file.st_size));
    if (::statvfs(path_.c_str(), &disk) == 0)
      out.gauge("carnet_database_disk_free_bytes", "Free space where the database is.",
                static_cast<double>(disk.f_bavail) * static_cast<double>(disk.f_frsize));
  }

  Result<std::unique_ptr<Snapshot>> open_snapshot() override {
    if (stopped_.load(std::memory_order_relaxed)) return tl::unexpected(shutting_down());
    if (!guard_->check_sometimes()) return tl::unexpected(database_moved());
    CARNET_TRY(connection, SqliteConnection::open(snapshots_));
    auto snapshot = std::make_unique<SqliteSnapshot>(std::move(connection), *guard_);
    CARNET_TRY_VOID(snapshot->begin());
    return snapshot;
  }

 protected:
  void submit_write(Work work, Done done) override {
    writer_.submit(std::move(work), std::move(done));
  }
  void submit_read(Work work, Done done) override {
    readers_.submit(std::move(work), std::move(done));
  }
  Result<void> run_point_read(const Work& work) override { return points_.run(work); }

 private:
  void shut_down() {
    const std::lock_guard lock(stop_mutex_);
    if (stopped_.exchange(true)) return;
    writer_.drain();
    readers_.drain();
    points_.close();
    writer_.close();  // last, so that nobody keeps the WAL from being emptied and removed
  }

  const std::string path_;
  std::unique_ptr<SqliteFileGuard> guard_;
  std::mutex stop_mutex_;
  std::atomic<bool> stopped_{false};
  SqliteWriter writer_;
  SqliteReaders readers_;
  const SqliteConnection::Options snapshots_;
  SqlitePointPool points_;
};

Result<Parts> open_parts(const SqliteOptions& options) {
  Parts parts;
  const SqliteConnection::Options writing{.path = options.path,
                                          .access = SqliteConnection::Access::kWrite,
                                          .busy_timeout_ms = options.busy_timeout_ms,
                                          .pages_max = options.pages_max,
                                          .cache_kib = kWriterCache_kib};
  CARNET_TRY(writer, SqliteConnection::open(writing));
  // The first read makes SQLite open, and if needed create, the -wal and -shm that the guard then
  // notes.
  CARNET_TRY_VOID(writer->run("SELECT count(*) FROM sqlite_schema"));
  CARNET_TRY(guard, SqliteFileGuard::create(options.path));
  if (!writer->file_is_in_place()) return tl::unexpected(database_moved());
  for (int i = 0; i < options.readers; ++i) {
    CARNET_TRY(reader, SqliteConnection::open(reader_options(options, kReaderCache_kib)));
    parts.readers.push_back(std::move(reader));
  }
  parts.writer = std::move(writer);
  parts.guard = std::move(guard);
  return parts;
}

}  // namespace

Result<std::unique_ptr<Database>> open_sqlite(const SqliteOptions& options) {
  CARNET_TRY_VOID(migrate_sqlite(options.path));
  auto parts = open_parts(options);
  if (!parts) {
    Error error = std::move(parts).error();
    error.public_detail =
        fmt::format("The database {} cannot be opened: {}", options.path, error.public_detail);
    return tl::unexpected(std::move(error));
  }
  return std::make_unique<SqliteDatabase>(options, std::move(*parts));
}

}  // namespace carnet::store
