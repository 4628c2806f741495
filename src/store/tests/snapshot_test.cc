// A snapshot stays what it was, whatever is committed beside it, and keeps nobody waiting.
#include "store/snapshot.h"

#include "store/tests/store_fixture.h"

namespace carnet::store {
namespace {

class SnapshotTest : public StoreTest {
 protected:
  void SetUp() override { open(); }

  static std::int64_t tenants_in(Snapshot& snapshot) {
    const auto counted = snapshot.read<std::int64_t>([](Connection& c) -> Result<std::int64_t> {
      std::int64_t count = 0;
      c.as_system();
      const auto on_row = [&count](const Row& row) { count = row.integer(0); };
      CARNET_TRY_VOID(c.run("SELECT count(*) FROM tenants", {}, on_row));
      return count;
    });
    EXPECT_TRUE(counted) << counted.error().internal;
    return counted.value_or(-1);
  }
};

TEST_F(SnapshotTest, IsOneStateHoweverOftenItIsRead) {
  add_tenant("one");
  const auto first = open_snapshot(*db_);
  ASSERT_TRUE(first) << first.error().internal;
  add_tenant("two");  // before it was read at all
  EXPECT_EQ(tenants_in(**first), 1);
  const auto second = open_snapshot(*db_);
  ASSERT_TRUE(second) << second.error().internal;
  ASSERT_TRUE(run_sql("DELETE FROM tenants"));
  add_tenant("three");
  EXPECT_EQ(tenants_in(**first), 1);
  EXPECT_EQ(tenants_in(**second), 2);
  const auto third = open_snapshot(*db_);
  ASSERT_TRUE(third) << third.error().internal;
  EXPECT_EQ(tenants_in(**third), 1);
}

TEST_F(SnapshotTest, CannotWrite) {
  const auto snapshot = open_snapshot(*db_);
  ASSERT_TRUE(snapshot) << snapshot.error().internal;
  const Result<void> written = (*snapshot)->run([](Connection& c) -> Result<void> {
    c.as_system();
    CARNET_TRY_VOID(c.run("DELETE FROM tenants"));
    return {};
  });
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ErrorCode::kInternal) << written.error().internal;
}

TEST_F(SnapshotTest, IsRefusedOnceTheDatabaseIsStopped) {
  db_->stop();
  const auto snapshot = open_snapshot(*db_);
  ASSERT_FALSE(snapshot);
  EXPECT_EQ(snapshot.error().code, ErrorCode::kUnavailable);
  const auto off = make_off_database();
  EXPECT_EQ(open_snapshot(*off).error().code, ErrorCode::kPersistenceOff);
}

}  // namespace
}  // namespace carnet::store
