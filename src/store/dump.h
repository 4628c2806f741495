#pragma once
// The whole database as rows of text (copy_text.h), the same for every database: what backups
// consist of, and how one moves from one database to another. Used by shell commands on one thread;
// both classes block.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"

namespace carnet::store {

struct DumpTable {
  std::string name;
  std::vector<std::string> columns;
};

// One snapshot of a database, which others go on using: whatever is committed while it is read is
// not in it. It holds back no writer.
class DumpReader {
 public:
  // Whole rows, some at a time. An error ends rows() with it.
  using Sink = std::function<Result<void>(std::string_view rows)>;
  virtual ~DumpReader() = default;
  [[nodiscard]] virtual int schema_version() const = 0;
  // "SQLite 3.40.1"
  [[nodiscard]] virtual std::string description() const = 0;
  // What is referred to stands before what refers to it.
  [[nodiscard]] virtual const std::vector<DumpTable>& tables() const = 0;
  // Gives every row of a table and how many there were.
  [[nodiscard]] virtual Result<std::int64_t> rows(const DumpTable& table, const Sink& sink) = 0;
};

// A new database that is filled from a dump. Nothing of it counts before finish(); a writer that is
// destroyed without it leaves a database that was there empty, and a file that it made to be
// deleted by the caller. kValidationFailed for rows that the schema does not take.
class DumpWriter {
 public:
  virtual ~DumpWriter() = default;
  // begin(), add() any number of times with bytes cut anywhere, end(), which gives the number of
  // rows; then the next table, in the order of the dump.
  [[nodiscard]] virtual Result<void> begin(const DumpTable& table) = 0;
  [[nodiscard]] virtual Result<void> add(std::string_view bytes) = 0;
  [[nodiscard]] virtual Result<std::int64_t> end() = 0;
  // Checks what refers to what and waits until all is on disk. A SQLite file has the newest schema
  // then; a PostgreSQL database gets it at the next start.
  [[nodiscard]] virtual Result<void> finish() = 0;
};

// The newest schema that this program knows.
[[nodiscard]] int latest_schema();

// Opens a database in use or not; refuses one that is newer than this program. An older one is read
// as it is. The error's public_detail is fit for the terminal.
[[nodiscard]] Result<std::unique_ptr<DumpReader>> open_sqlite_dump(const std::string& path);
// Makes the file, with the schema that the dump had.
[[nodiscard]] Result<std::unique_ptr<DumpWriter>> create_sqlite_from_dump(const std::string& path,
                                                                          int schema_version);

// The same for PostgreSQL. As the URL's user, who owns the tables; the database is there and has no
// table, or none with a row (kConflict). Until finish() it is one transaction.
[[nodiscard]] Result<std::unique_ptr<DumpReader>> open_postgres_dump(const std::string& url);
[[nodiscard]] Result<std::unique_ptr<DumpWriter>> fill_postgres_from_dump(const std::string& url,
                                                                          int schema_version);

// Tables with the names of those that each refers to, in an order in which each comes after those.
struct DumpReferences {
  DumpTable table;
  std::vector<std::string> parents;
};
[[nodiscard]] std::vector<DumpTable> in_order_of_reference(std::vector<DumpReferences> tables);

}  // namespace carnet::store
