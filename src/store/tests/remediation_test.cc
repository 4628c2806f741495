// States of the backlog, the history of changes, and the scan before: rows, isolation, and that
// large histories are read by index.
#include "store/remediation.h"

#include "store/tests/store_fixture.h"

namespace carnet::store {
namespace {

class RemediationRows : public StoreTest {
 protected:
  void SetUp() override {
    open();
    ours_ = add_tenant("ours").id;
    theirs_ = add_tenant("theirs").id;
  }
  template <class F>
  auto w(F f) {
    using Value = typename decltype(f(std::declval<Connection&>()))::value_type;
    return write<Value>(Closure<Value>(f));
  }
  ScanRow scan_of(int number, const std::string& target, const std::string& status = "success") {
    ScanRow row;
    row.id = id<ScanId>(number);
    row.tenant_id = ours_;
    row.status = status;
    row.target = target;
    row.request = "{}";
    row.created_at = kNow;
    EXPECT_TRUE(run([&](Connection& c) { return scans::insert(c, row); }));
    return row;
  }
  DriftRow change(int number, std::string host, int port, std::string hybrid = {}) {
    DriftRow row;
    row.id = id<DriftId>(number);
    row.at = kNow;
    row.scan_id = "scan";
    row.host = std::move(host);
    row.port = port;
    row.change = "changed";
    row.direction = "same";
    row.hybrid = std::move(hybrid);
    row.detail = "{}";
    EXPECT_TRUE(run([&](Connection& c) { return drift::insert(c, ours_, row); }));
    return row;
  }
  TenantId ours_, theirs_;
};

TEST_F(RemediationRows, AStateIsReplacedAndBelongsToItsTenant) {
  RemediationRow row{.item_id = "rem_1", .asset_id = "ast_1", .status = "open", .owner = "a"};
  row.updated_at = kNow;
  ASSERT_TRUE(run([&](Connection& c) { return remediation::put(c, ours_, row); }));
  row.status = "done";
  row.verified_by = "scan_2";
  ASSERT_TRUE(run([&](Connection& c) { return remediation::put(c, ours_, row); }));
  const auto found = w([&](Connection& c) { return remediation::find(c, ours_, "rem_1"); });
  ASSERT_TRUE(found);
  EXPECT_EQ(found->status, "done");
  EXPECT_EQ(found->verified_by, "scan_2");
  EXPECT_EQ(w([&](Connection& c) { return remediation::count(c, ours_); }), 1);
  EXPECT_FALSE(w([&](Connection& c) { return remediation::find(c, theirs_, "rem_1"); }));
  EXPECT_TRUE(w([&](Connection& c) { return remediation::list(c, theirs_, 10); }).empty());
}

TEST_F(RemediationRows, DaysAddUp) {
  DriftDay scan{.day = "2026-11-24", .scans = 1, .changed = 2, .hybrid_lost = 1};
  ASSERT_TRUE(run([&](Connection& c) { return drift::add_to_day(c, ours_, scan); }));
  scan.scored = 1;
  scan.score_sum = scan.score_low = scan.score_high = scan.score_last = 60;
  ASSERT_TRUE(run([&](Connection& c) { return drift::add_to_day(c, ours_, scan); }));
  scan.score_sum = scan.score_low = scan.score_high = scan.score_last = 40.5;
  ASSERT_TRUE(run([&](Connection& c) { return drift::add_to_day(c, ours_, scan); }));
  const auto days = w([&](Connection& c) { return drift::days_since(c, ours_, "2026-11-01"); });
  ASSERT_EQ(days.size(), 1U);
  EXPECT_EQ(days[0].scans, 3);
  EXPECT_EQ(days[0].scored, 2);
  EXPECT_DOUBLE_EQ(days[0].score_sum, 100.5);
  EXPECT_EQ(days[0].score_low, 40.5);
  EXPECT_EQ(days[0].score_high, 60);
  EXPECT_EQ(days[0].score_last, 40.5);
  EXPECT_EQ(days[0].changed, 6);
  EXPECT_TRUE(w([&](Connection& c) { return drift::days_since(c, ours_, "2026-11-25"); }).empty());
  EXPECT_TRUE(
      w([&](Connection& c) { return drift::days_since(c, theirs_, "2026-11-01"); }).empty());
}

TEST_F(RemediationRows, ChangesAreFilteredAndPaged) {
  const std::string one = change(1, "a.example", 443).id.str();
  const std::string two = change(2, "a.example", 8443, "lost").id.str();
  const std::string three = change(3, "b.example", 443, "lost").id.str();
  const auto list = [&](const drift::Filter& filter,
                        const Page& page = {.before = "", .limit = 9}) {
    std::vector<std::string> ids;
    for (const DriftRow& row :
         w([&](Connection& c) { return drift::list(c, ours_, filter, page); }))
      ids.push_back(row.id.str());
    return ids;
  };
  EXPECT_EQ(list({}), (std::vector<std::string>{three, two, one}));
  EXPECT_EQ(list({}, {.before = three, .limit = 1}), std::vector<std::string>{two});
  EXPECT_EQ(list({.hybrid = "lost"}), (std::vector<std::string>{three, two}));
  EXPECT_EQ(list({.host = "a.example"}), (std::vector<std::string>{two, one}));
  EXPECT_EQ(list({.host = "a.example", .port = 443}), std::vector<std::string>{one});
  EXPECT_EQ(list({.not_before = two}), (std::vector<std::string>{three, two}));
}

TEST_F(RemediationRows, TheScanBeforeIsOneOfTheSameTargetsIfThereIsOne) {
  const ScanRow first = scan_of(1, "a.example:443");
  scan_of(2, "b.example:443");
  scan_of(3, "a.example:443", "error");
  const ScanRow now = scan_of(4, "a.example:443");
  const ScanRow other = scan_of(5, "c.example:443");
  const auto before = [&](const ScanRow& of) {
    return w([&](Connection& c) { return scans::finished_before(c, ours_, of); });
  };
  EXPECT_EQ(before(now)->id, first.id);
  EXPECT_EQ(before(other)->id, now.id);
  EXPECT_FALSE(w([&](Connection& c) { return scans::finished_before(c, theirs_, now); }));
}

// A million scans must not be walked through.
TEST_F(RemediationRows, LargeHistoriesAreReadByIndex) {
  if (test::on_postgresql()) GTEST_SKIP() << "SQLite tells its plan in this form";
  const auto plan = [&](std::string_view sql) {
    std::string text;
    const auto on_row = [&text](const Row& row) { text += std::string(row.text(3)) + "\n"; };
    const auto ask = [&](Connection& c) -> Result<bool> {
      CARNET_TRY_VOID(c.run(sql, {}, on_row));
      return true;
    };
    EXPECT_TRUE(w(ask));
    return text;
  };
  const std::string target = plan(
      "EXPLAIN QUERY PLAN SELECT id FROM scans WHERE tenant_id = 't' AND target = 'x' AND status = "
      "'success' AND sample = 0 AND id < 'z' ORDER BY id DESC LIMIT 1");
  EXPECT_NE(target.find("SEARCH scans USING"), std::string::npos) << target;
  EXPECT_NE(target.find("scans_good_by_target"), std::string::npos) << target;
  const std::string any = plan(
      "EXPLAIN QUERY PLAN SELECT id FROM scans WHERE tenant_id = 't' AND status = 'success' AND "
      "sample = 0 AND id < 'z' ORDER BY id DESC LIMIT 1");
  EXPECT_NE(any.find("scans_good"), std::string::npos) << any;
  for (const std::string& text :
       {target, any,
        plan("EXPLAIN QUERY PLAN SELECT id FROM drift_events WHERE tenant_id = 't' AND host = 'h' "
             "AND id < 'z' AND id >= '' ORDER BY id DESC LIMIT 10"),
        plan(
            "EXPLAIN QUERY PLAN SELECT id FROM drift_events WHERE tenant_id = 't' AND id < 'z' AND "
            "id >= '' ORDER BY id DESC LIMIT 10")}) {
    EXPECT_EQ(text.find("SCAN"), std::string::npos) << text;
    EXPECT_EQ(text.find("TEMP B-TREE"), std::string::npos) << text;
  }
}

}  // namespace
}  // namespace carnet::store
