#pragma once
// One test's own database: a SQLite file in a folder of its own or, where the environment variable
// CARNET_TEST_DATABASE is `postgresql`, a copy of a migrated PostgreSQL database in the cluster of
// this test program. The test programs of store, service and integration run once on each. Belongs
// to one test on one thread; every Database opened on it is to be gone before it is.

#include <memory>
#include <string>

#include "store/database.h"
#include "tests/support/temp_dir.h"

namespace carnet::test {

// Whether this run is the one on PostgreSQL.
[[nodiscard]] bool on_postgresql();

class TestDatabase {
 public:
  TestDatabase();
  TestDatabase(const TestDatabase&) = delete;
  TestDatabase& operator=(const TestDatabase&) = delete;
  ~TestDatabase();

  // Opens it; any number of times, one after the other or, on PostgreSQL, at once.
  [[nodiscard]] Result<std::unique_ptr<store::Database>> open() const;
  // The same; throws std::runtime_error with the reason.
  [[nodiscard]] std::unique_ptr<store::Database> must_open() const;
  // All that is kept: SQLite's files, the write-ahead log included, or every row of PostgreSQL's
  // tables as text, with bytes in hex.
  [[nodiscard]] std::string contents() const;
  // Whether these bytes are anywhere in that.
  [[nodiscard]] bool holds(std::string_view bytes) const;
  // Runs a statement beside the program, with all rights: as PostgreSQL's superuser, or in a SQLite
  // connection of its own. Throws std::runtime_error if the database refuses it.
  void run_beside(std::string_view sql) const;
  // Only where !on_postgresql().
  [[nodiscard]] std::string sqlite_path() const { return dir_.file("carnet.db"); }
  // Only where on_postgresql().
  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] std::string url() const;

 private:
  TempDir dir_;
  std::string name_;
};

}  // namespace carnet::test
