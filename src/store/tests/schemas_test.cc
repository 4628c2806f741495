// The migrations of SQLite and of PostgreSQL make the same schema: tables, columns with type,
// nullability and default, keys, checks, indexes with their conditions, triggers. Each is read from
// its own catalog and written down in the same words; what only one of them says is shown.

#include <sqlite3.h>

#include <regex>
#include <set>

#include "store/tests/store_fixture.h"
#include "tests/support/pg_cluster.h"

namespace carnet::store {
namespace {

using Facts = std::set<std::string>;
using Rows = test::PgCluster::Rows;

std::string lower(std::string text) {
  for (char& letter : text)
    if (letter >= 'A' && letter <= 'Z') letter = static_cast<char>(letter - 'A' + 'a');
  return text;
}

// An expression without what PostgreSQL adds when it prints one: casts, collations, parentheses,
// and lists as arrays.
std::string plain(const std::string& text) {
  std::string out = lower(text);
  out = std::regex_replace(out, std::regex(R"(::(double precision|[a-z]+)(\[\])?)"), "");
  out = std::regex_replace(out, std::regex(R"( collate "c")"), "");
  out = std::regex_replace(out, std::regex(R"(= any \(array\[([^\]]*)\]\))"), "in ($1)");
  out = std::regex_replace(out, std::regex(R"([()\s])"), "");
  return std::regex_replace(out, std::regex(R"(^'(-?\d+)'$)"), "$1");
}

// The text between the parenthesis at `open` and the one that closes it.
std::string inside(const std::string& text, std::size_t open) {
  int depth = 0;
  for (std::size_t at = open; at < text.size(); ++at) {
    depth += text[at] == '(' ? 1 : text[at] == ')' ? -1 : 0;
    if (depth == 0) return text.substr(open + 1, at - open - 1);
  }
  return {};
}

class Schemas : public StoreTest {
 protected:
  void SetUp() override {
    if (!test::on_postgresql()) GTEST_SKIP() << "needs PostgreSQL as well";
  }

  static Rows ask_sqlite(sqlite3* file, const std::string& sql) {
    sqlite3_stmt* prepared = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(file, sql.c_str(), -1, &prepared, nullptr), SQLITE_OK)
        << sql << ": " << sqlite3_errmsg(file);
    Rows rows;
    while (sqlite3_step(prepared) == SQLITE_ROW) {
      auto& row = rows.emplace_back();
      for (int column = 0; column < sqlite3_column_count(prepared); ++column) {
        const void* const bytes = sqlite3_column_blob(prepared, column);
        row.emplace_back(bytes == nullptr ? "NULL" : static_cast<const char*>(bytes),
                         bytes == nullptr
                             ? 4U
                             : static_cast<std::size_t>(sqlite3_column_bytes(prepared, column)));
      }
    }
    sqlite3_finalize(prepared);
    return rows;
  }

  static void add_sqlite_columns(sqlite3* file, const std::string& table, Facts& facts) {
    const std::map<std::string, std::string> types = {
        {"TEXT", "text"}, {"INTEGER", "bigint"}, {"REAL", "double precision"}, {"BLOB", "bytea"}};
    std::string key;
    for (const auto& row :
         ask_sqlite(file,
                    "SELECT name, type, \"notnull\" OR pk > 0, dflt_value, cid FROM "
                    "pragma_table_xinfo('" +
                        table + "') ORDER BY cid"))
      facts.insert(fmt::format("{}: column {} {} {}, {}, default {}", table, row[4], row[0],
                               types.at(row[1]), row[2] == "1" ? "not null" : "nullable",
                               plain(row[3])));
    for (const auto& row : ask_sqlite(
             file, "SELECT name FROM pragma_table_xinfo('" + table + "') WHERE pk > 0 ORDER BY pk"))
      key += (key.empty() ? "" : ",") + row[0];
    facts.insert(fmt::format("{}: primary key ({})", table, key));
  }

  static void add_sqlite_keys(sqlite3* file, const std::string& table, Facts& facts) {
    for (const auto& row :
         ask_sqlite(file,
                    "SELECT group_concat(\"from\"), \"table\", group_concat(\"to\"), on_delete, "
                    "on_update FROM pragma_foreign_key_list('" +
                        table + "') GROUP BY id"))
      facts.insert(fmt::format("{}: foreign key ({}) of {} ({}), delete {}, update {}", table,
                               row[0], row[1], row[2], lower(row[3]), lower(row[4])));
    for (const auto& index :
         ask_sqlite(file, "SELECT l.name, l.origin, l.\"unique\", s.sql FROM pragma_index_list('" +
                              table + "') l LEFT JOIN sqlite_schema s ON s.name = l.name")) {
      std::string columns;
      for (const auto& row : ask_sqlite(file, "SELECT name, \"desc\" FROM pragma_index_xinfo('" +
                                                  index[0] + "') WHERE key ORDER BY seqno"))
        columns += (columns.empty() ? "" : ",") + row[0] + (row[1] == "1" ? " desc" : "");
      const std::size_t where = index[3].find(" WHERE ");
      if (index[1] == "u") facts.insert(fmt::format("{}: unique ({})", table, columns));
      if (index[1] == "c")
        facts.insert(fmt::format(
            "{}: {}index {} ({}) where {}", table, index[2] == "1" ? "unique " : "", index[0],
            columns, where == std::string::npos ? "-" : plain(index[3].substr(where + 7))));
    }
  }

  static void add_sqlite_texts(sqlite3* file, const std::string& table, Facts& facts) {
    const std::string made =
        ask_sqlite(file, "SELECT sql FROM sqlite_schema WHERE name = '" + table + "'")[0][0];
    for (std::size_t at = made.find("CHECK ("); at != std::string::npos;
         at = made.find("CHECK (", at + 1))
      facts.insert(fmt::format("{}: check {}", table, plain(inside(made, at + 6))));
    for (const auto& row : ask_sqlite(
             file, "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger' AND tbl_name = '" +
                       table + "'")) {
      std::smatch found;
      ASSERT_TRUE(std::regex_search(row[1], found, std::regex(R"((BEFORE|AFTER) (\w+) ON)")));
      facts.insert(
          fmt::format("{}: trigger {} {} {}", table, row[0], lower(found[1]), lower(found[2])));
    }
  }

  Facts of_sqlite() {
    EXPECT_TRUE(migrate_sqlite(options_.path));
    sqlite3* file = nullptr;
    EXPECT_EQ(sqlite3_open(options_.path.c_str(), &file), SQLITE_OK);
    Facts facts;
    for (const auto& row : ask_sqlite(
             file,
             "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite%'")) {
      facts.insert(row[0] + ": table");
      add_sqlite_columns(file, row[0], facts);
      add_sqlite_keys(file, row[0], facts);
      add_sqlite_texts(file, row[0], facts);
    }
    sqlite3_close(file);
    return facts;
  }

  // What the program keeps beside its migrations is no part of the comparison.
  static constexpr const char* kTables =
      "WITH t AS (SELECT oid, relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = "
      "'public'::regnamespace AND relname <> 'carnet_schema' AND relpersistence = 'p') ";

  Rows ask(const std::string& sql) { return test::PgCluster::shared().query(name_, sql); }

  void add_postgres_keys(Facts& facts) {
    const auto columns = [](const std::string& numbers, const std::string& table) {
      return "(SELECT string_agg(attname, ',' ORDER BY place) FROM unnest(" + numbers +
             ") WITH ORDINALITY u(number, place) JOIN pg_attribute ON attrelid = " + table +
             " AND attnum = number)";
    };
    for (const auto& row :
         ask(std::string(kTables) + "SELECT relname, contype, " + columns("conkey", "conrelid") +
             ", confrelid::regclass::text, " + columns("confkey", "confrelid") +
             ", confdeltype, confupdtype, pg_get_constraintdef(c.oid) FROM pg_constraint c JOIN t "
             "ON t.oid = conrelid")) {
      const std::map<std::string, std::string> actions = {
          {"a", "no action"}, {"r", "restrict"}, {"c", "cascade"}, {"n", "set null"}};
      if (row[1] == "p") facts.insert(fmt::format("{}: primary key ({})", row[0], row[2]));
      if (row[1] == "u") facts.insert(fmt::format("{}: unique ({})", row[0], row[2]));
      if (row[1] == "f")
        facts.insert(fmt::format("{}: foreign key ({}) of {} ({}), delete {}, update {}", row[0],
                                 row[2], row[3], row[4], actions.at(row[5]), actions.at(row[6])));
      if (row[1] == "c")
        facts.insert(fmt::format("{}: check {}", row[0], plain(inside(row[7], 6))));
    }
    for (const auto& row :
         ask(std::string(kTables) +
             "SELECT t.relname, i.relname, indisunique, (SELECT string_agg(pg_get_indexdef("
             "indexrelid, n, true) || CASE WHEN indoption[n - 1] & 1 = 1 THEN ' desc' ELSE '' END, "
             "',' ORDER BY n) FROM generate_series(1, indnkeyatts) n), pg_get_expr(indpred, "
             "indrelid) FROM pg_index JOIN t ON t.oid = indrelid JOIN pg_class i ON i.oid = "
             "indexrelid WHERE NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = indexrelid "
             "AND contype IN ('p', 'u'))"))
      facts.insert(fmt::format("{}: {}index {} ({}) where {}", row[0],
                               row[2] == "t" ? "unique " : "", row[1], row[3],
                               row[4] == "NULL" ? "-" : plain(row[4])));
  }

  Facts of_postgres() {
    open();
    name_ = postgres_->name();
    Facts facts;
    for (const auto& row : ask(std::string(kTables) + "SELECT relname FROM t"))
      facts.insert(row[0] + ": table");
    for (const auto& row :
         ask(std::string(kTables) +
             "SELECT relname, row_number() OVER (PARTITION BY t.oid ORDER BY attnum) - 1, attname, "
             "format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid), collname "
             "FROM pg_attribute a JOIN t ON t.oid = attrelid LEFT JOIN pg_attrdef ON adrelid = "
             "attrelid AND adnum = attnum LEFT JOIN pg_collation c ON c.oid = attcollation WHERE "
             "attnum > 0 AND NOT attisdropped")) {
      facts.insert(fmt::format("{}: column {} {} {}, {}, default {}", row[0], row[1], row[2],
                               row[3], row[4] == "t" ? "not null" : "nullable", plain(row[5])));
      EXPECT_EQ(row[6], row[3] == "text" ? "C" : "NULL") << row[0] << "." << row[2];
    }
    add_postgres_keys(facts);
    // Bits of tgtype: 2 before, 8 delete, 16 update, 4 insert, 32 truncate. SQLite has no TRUNCATE.
    for (const auto& row :
         ask(std::string(kTables) +
             "SELECT relname, tgname, CASE WHEN tgtype & 2 = 2 THEN 'before' ELSE 'after' END, "
             "CASE "
             "tgtype & 28 WHEN 4 THEN 'insert' WHEN 8 THEN 'delete' WHEN 16 THEN 'update' ELSE "
             "'several' END FROM pg_trigger JOIN t ON t.oid = tgrelid WHERE NOT tgisinternal AND "
             "tgtype & 32 = 0"))
      facts.insert(fmt::format("{}: trigger {} {} {}", row[0], row[1], row[2], row[3]));
    return facts;
  }

  static std::string only_in(const Facts& a, const Facts& b) {
    std::string out;
    for (const std::string& fact : a)
      if (!b.contains(fact)) out += "  " + fact + "\n";
    return out;
  }

  std::string name_;
};

TEST_F(Schemas, AreTheSameOnBothDatabases) {
  const Facts sqlite = of_sqlite(), postgres = of_postgres();
  EXPECT_GT(sqlite.size(), 150u);  // the reading itself works
  EXPECT_EQ(only_in(sqlite, postgres), "") << "these are SQLite's only";
  EXPECT_EQ(only_in(postgres, sqlite), "") << "these are PostgreSQL's only";
}

TEST_F(Schemas, HaveTheSameSteps) {
  const auto files = [](const char* dialect) {
    std::set<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(
             std::filesystem::path(CARNET_SOURCE_DIR) / "src/store/migrations" / dialect))
      names.insert(entry.path().filename().string());
    return names;
  };
  EXPECT_EQ(files("sqlite"), files("postgresql"));
  test::PgCluster& cluster = test::PgCluster::shared();
  const std::string empty = cluster.create_database();
  const auto before = postgres_migration_status(cluster.url(empty));
  ASSERT_TRUE(before) << before.error().internal;
  EXPECT_EQ(before->current, 0);
  const auto after = migrate_postgres(cluster.url(empty));
  ASSERT_TRUE(after) << after.error().internal;
  EXPECT_EQ(after->current, static_cast<int>(files("postgresql").size()));
  EXPECT_EQ(postgres_migration_status(cluster.url(empty))->current, after->latest);
  cluster.drop_database(empty);
}

}  // namespace
}  // namespace carnet::store
