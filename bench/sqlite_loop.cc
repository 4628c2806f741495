// The peer of share creation: a bare loop that inserts the same two rows (a share and its audit
// row) through the plain SQLite API, `group` of them in one commit at synchronous=FULL, for
// `seconds`. Prints pairs a second.
//
//   bench_sqlite_loop DATABASE TENANT_ID SCAN_ID GROUP SECONDS

#include <sqlite3.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

void must(int code, sqlite3* db) {
  if (code != SQLITE_OK && code != SQLITE_DONE && code != SQLITE_ROW) {
    std::fprintf(stderr, "sqlite: %s\n", sqlite3_errmsg(db));
    std::exit(1);
  }
}

sqlite3_stmt* prepare(sqlite3* db, const char* sql) {
  sqlite3_stmt* statement = nullptr;
  must(sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr), db);
  return statement;
}

void text(sqlite3_stmt* statement, int at, const std::string& value) {
  sqlite3_bind_text(statement, at, value.data(), static_cast<int>(value.size()), SQLITE_TRANSIENT);
}

std::string unique(const char* prefix, std::size_t width, unsigned long long number) {
  const std::string digits = std::to_string(number);
  return prefix + std::string(width - digits.size(), '0') + digits;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    std::fprintf(stderr, "usage: bench_sqlite_loop DATABASE TENANT_ID SCAN_ID GROUP SECONDS\n");
    return 2;
  }
  const std::string tenant = argv[2], scan = argv[3];
  const int group = std::atoi(argv[4]);
  const auto length = std::chrono::seconds(std::atoi(argv[5]));
  sqlite3* db = nullptr;
  must(sqlite3_open(argv[1], &db), db);
  must(sqlite3_exec(db,
                    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; "
                    "PRAGMA cache_size=-65536",
                    nullptr, nullptr, nullptr),
       db);
  sqlite3_stmt* const share =
      prepare(db,
              "INSERT INTO shares (public_id, id, tenant_id, scan_id, secret_mac, hint, scope, "
              "label, recipient, created_by, created_at, "
              "expires_at) VALUES (?1, ?2, ?3, ?4, ?5, 'hint', 'passport', 'Auditor handoff', '', "
              "'key_bench', ?6, ?7)");
  sqlite3_stmt* const audit =
      prepare(db,
              "INSERT INTO audit (id, tenant_id, at, actor, action, subject, request_id, detail) "
              "VALUES (?1, ?2, ?3, 'key_bench', "
              "'share.create', ?4, 'bench-request', '{\"scanId\":\"x\"}')");
  const auto start = std::chrono::steady_clock::now();
  unsigned long long made = 0;
  // Public ids of real links are random, so the index is hit all over, not only at its end.
  unsigned long long mix = 88172645463325252ull;
  while (std::chrono::steady_clock::now() - start < length) {
    must(sqlite3_exec(db, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), db);
    for (int i = 0; i < group; ++i, ++made) {
      mix ^= mix << 13;
      mix ^= mix >> 7;
      mix ^= mix << 17;
      const std::string id = unique("share_", 26, made);
      text(share, 1, unique("", 20, mix));
      text(share, 2, id);
      text(share, 3, tenant);
      text(share, 4, scan);
      sqlite3_bind_blob(share, 5, "0123456789abcdef0123456789abcdef", 32, SQLITE_STATIC);
      sqlite3_bind_int64(share, 6, 1700000000000);
      sqlite3_bind_int64(share, 7, 1800000000000);
      must(sqlite3_step(share), db);
      sqlite3_reset(share);
      text(audit, 1, unique("aud_", 26, made));
      text(audit, 2, tenant);
      sqlite3_bind_int64(audit, 3, 1700000000000);
      text(audit, 4, id);
      must(sqlite3_step(audit), db);
      sqlite3_reset(audit);
    }
    must(sqlite3_exec(db, "COMMIT", nullptr, nullptr, nullptr), db);
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  std::printf("%.0f\n", static_cast<double>(made) / took.count());
  sqlite3_finalize(share);
  sqlite3_finalize(audit);
  sqlite3_close(db);
  return 0;
}
