#include "tests/support/test_database.h"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <stdexcept>

#include <fmt/format.h>
#include <sqlite3.h>

#include "tests/support/pg_cluster.h"

namespace carnet::test {
namespace {

constexpr int kConnections = 6;

void migrate(const std::string& url) {
  const auto done = store::migrate_postgres(url);
  if (!done) throw std::runtime_error(done.error().public_detail + " " + done.error().internal);
}

std::string hex(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes) out += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  return out;
}

}  // namespace

bool on_postgresql() {
  const char* const wanted = std::getenv("CARNET_TEST_DATABASE");
  const std::string_view text = wanted == nullptr ? "" : wanted;
  if (text != "" && text != "sqlite" && text != "postgresql")
    throw std::runtime_error("CARNET_TEST_DATABASE must be sqlite or postgresql");
  return text == "postgresql";
}

TestDatabase::TestDatabase() {
  if (!on_postgresql()) return;
  PgCluster& cluster = PgCluster::shared();
  name_ = cluster.create_database(cluster.filled(migrate));
}

TestDatabase::~TestDatabase() {
  if (!name_.empty()) PgCluster::shared().drop_database(name_);
}

Result<std::unique_ptr<store::Database>> TestDatabase::open() const {
  if (name_.empty()) return store::open_sqlite({.path = sqlite_path()});
  return store::open_postgres({.url = url(), .connections = kConnections});
}

std::unique_ptr<store::Database> TestDatabase::must_open() const {
  auto opened = open();
  if (!opened)
    throw std::runtime_error(opened.error().public_detail + " " + opened.error().internal);
  return std::move(*opened);
}

std::string TestDatabase::contents() const {
  if (!name_.empty()) return PgCluster::shared().dump(name_);
  std::string out;
  for (const auto& entry : std::filesystem::directory_iterator(dir_.path())) {
    std::ifstream file(entry.path(), std::ios::binary);
    out.append(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
  }
  return out;
}

bool TestDatabase::holds(std::string_view bytes) const {
  const std::string all = contents();
  return all.find(bytes) != std::string::npos ||
         (!name_.empty() && all.find(hex(bytes)) != std::string::npos);
}

void TestDatabase::run_beside(std::string_view sql) const {
  if (!name_.empty()) {
    static_cast<void>(PgCluster::shared().query(name_, std::string(sql)));
    return;
  }
  sqlite3* opened = nullptr;
  const int failed = ::sqlite3_open(sqlite_path().c_str(), &opened);
  const std::unique_ptr<sqlite3, decltype(&::sqlite3_close)> file(opened, &::sqlite3_close);
  if (failed != SQLITE_OK ||
      ::sqlite3_exec(opened, std::string(sql).c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    throw std::runtime_error(::sqlite3_errmsg(opened));
}

std::string TestDatabase::url() const { return PgCluster::shared().url(name_); }

}  // namespace carnet::test
