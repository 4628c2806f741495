// The list of what is exported and erased of a tenant (tenant_tables.h) against the schema, so that
// no table and no column of a later migration is forgotten.

#include "store/tenant_tables.h"

#include <map>
#include <set>

#include "store/governance.h"
#include "store/tests/store_fixture.h"

namespace carnet::store {
namespace {

// With a reason each: nobody's, or with a way of its own in service/governance*.cc.
const std::set<std::string> kNotListed = {
    "carnet_schema",  // the program's
    "allowances",     // of keys and addresses, for minutes
    "log_head",       // the log is public and only grows; it holds digests
    "log_entries",   "log_tiles", "log_checkpoints", "log_cosignatures",
    "tenants",      // tenant.ndjson and settings.ndjson; the last to go
    "audit",        // audit.ndjson; the last but one
    "audit_heads",  // the last line of that; stays, signed
};

using Columns = std::map<std::string, std::set<std::string>>;

class TenantTables : public StoreTest {
 protected:
  Columns schema() {
    const Closure<Columns> ask = [](Connection& c) -> Result<Columns> {
      Columns out;
      const auto on_row = [&out](const Row& row) {
        out[std::string(row.text(0))].insert(std::string(row.text(1)));
      };
      CARNET_TRY_VOID(
          c.dialect() == Dialect::kSqlite
              ? c.run("SELECT t.name, c.name FROM sqlite_schema t, pragma_table_info(t.name) c "
                      "WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite%'",
                      {}, on_row)
              : c.run("SELECT c.relname, a.attname FROM pg_class c JOIN pg_attribute a ON "
                      "a.attrelid = c.oid WHERE c.relkind IN ('r', 'p') AND c.relnamespace = "
                      "'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped",
                      {}, on_row));
      return out;
    };
    Result<Columns> found = try_read<Columns>(ask);
    EXPECT_TRUE(found) << found.error().internal;
    return found.value_or(Columns{});
  }
};

TEST_F(TenantTables, NameEveryTableAndColumn) {
  open();
  Columns wanted = schema();
  EXPECT_GT(wanted.size(), 20U);
  for (const std::string& name : kNotListed) wanted.erase(name);
  Columns listed;
  for (const TenantTable& table : tenant_tables())
    for (const TenantColumn& column : table.columns) listed[table.name].insert(column.name);
  for (const auto& [table, columns] : wanted)
    EXPECT_EQ(listed[table], columns)
        << table << ": say in store/tenant_tables.cc what is exported of it and what is withheld";
  for (const auto& [table, columns] : listed)
    EXPECT_TRUE(wanted.contains(table)) << table << " is not in the schema";
}

// Whatever is named as if it were to be kept from others is.
TEST_F(TenantTables, WithholdSecrets) {
  for (const TenantTable& table : tenant_tables())
    for (const TenantColumn& column : table.columns)
      for (const std::string_view part : {"secret", "mac", "passcode", "public_id", "lease", "url"})
        if (column.name.find(part) != std::string::npos)
          EXPECT_EQ(column.form, ColumnForm::kWithheld) << table.name << "." << column.name;
}

TEST_F(TenantTables, ComeBeforeWhatTheyReferTo) {
  if (test::on_postgresql()) GTEST_SKIP() << "the schemas are the same";
  open();
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  const Closure<Pairs> ask = [](Connection& c) -> Result<Pairs> {
    Pairs out;
    CARNET_TRY_VOID(
        c.run("SELECT t.name, f.\"table\" FROM sqlite_schema t, pragma_foreign_key_list(t.name) f "
              "WHERE t.type = 'table'",
              {}, [&out](const Row& row) { out.emplace_back(row.text(0), row.text(1)); }));
    return out;
  };
  std::map<std::string, std::size_t> places;
  for (const TenantTable& table : tenant_tables()) places.emplace(table.name, places.size());
  for (const auto& [from, to] : write<Pairs>(ask))
    if (places.contains(from) && places.contains(to))
      EXPECT_LT(places[from], places[to]) << from << " refers to " << to;
}

// Every statement that is made of the list is one that the database takes.
TEST_F(TenantTables, CanBeReadAndErased) {
  open();
  const TenantId tenant = add_tenant("acme").id;
  const ScanId scan = add_scan(tenant, "success").id;
  for (const TenantTable& table : tenant_tables()) {
    SCOPED_TRACE(table.name);
    const Closure<governance::TablePage> read = [&](Connection& c) {
      return governance::read_page(c, table, tenant, {});
    };
    const bool scans = table.name == "scans";
    EXPECT_EQ(write<governance::TablePage>(read).rows.size(), scans ? 1U : 0U);
    const Closure<bool> any = [&](Connection& c) { return governance::has_rows(c, table, tenant); };
    EXPECT_EQ(write<bool>(any), scans);
    const Closure<std::int64_t> erase = [&](Connection& c) {
      return governance::erase_page(c, table, tenant);
    };
    EXPECT_EQ(write<std::int64_t>(erase), scans ? 1 : 0);
  }
}

// Pages follow each other without a gap, whatever the key.
TEST_F(TenantTables, PagesJoin) {
  open();
  const TenantId tenant = add_tenant("acme").id;
  const TenantId other = add_tenant("other").id;
  for (int i = 0; i < 3; ++i) {
    for (const TenantId& whose : {tenant, other}) {
      const ScanId scan = add_scan(whose, "success").id;
      EXPECT_TRUE(run([&](Connection& c) -> Result<void> {
        for (int j = 0; j < 400; ++j)
          CARNET_TRY_VOID(scans::append_event(c, scan, {.key = "k", .at = kNow}));
        return {};
      }));
    }
  }
  for (const TenantTable& table : tenant_tables()) {
    if (table.name != "scan_events") continue;
    std::set<std::string> seen;
    std::vector<governance::KeyValue> after;
    while (true) {
      const Closure<governance::TablePage> read = [&](Connection& c) {
        return governance::read_page(c, table, tenant, after);
      };
      const governance::TablePage page = write<governance::TablePage>(read);
      for (const auto& row : page.rows)
        seen.insert(std::get<std::string>(row[0]) + " " +
                    std::to_string(std::get<std::int64_t>(row[1])));
      after = page.last;
      if (page.rows.size() < static_cast<std::size_t>(table.page_rows)) break;
    }
    EXPECT_EQ(seen.size(), 1200U);
  }
}

}  // namespace
}  // namespace carnet::store
