// Agreements between tenants as rows: who makes, sees and ends them, and what a summary adds up.
#include "store/portfolio.h"

#include <list>

#include "store/tests/store_fixture.h"

namespace carnet::store {
namespace {

class PartnerRows : public StoreTest {
 protected:
  void SetUp() override {
    open();
    parent_ = add_tenant("parent").id;
    child_ = add_tenant("child").id;
  }
  PartnerLinkRow link_of(const TenantId& parent, const TenantId& child) {
    return {.id = id<PartnerLinkId>(++sequence_),
            .tenant_id = parent,
            .child_id = child,
            .label = "label",
            .scope = "summary"};
  }
  void agree(const PartnerLinkRow& link) {
    ASSERT_TRUE(run([&](Connection& c) { return partners::insert_link(c, link); }));
  }
  // One statement in a tenant's scope, rolled back after: how many rows it changed or found.
  Result<std::int64_t> under(const std::string& scope, const std::string& sql) {
    static std::list<std::string> kept;  // statements live as long as literals do
    const std::string& text = kept.emplace_back(sql);
    Result<std::int64_t> outcome = 0;
    const Result<void> undone = db_->write_blocking([&](Connection& c) -> Result<void> {
      std::int64_t rows = 0;
      c.as_tenant(scope);
      outcome = c.run(text, {}, [&](const Row&) { ++rows; });
      if (outcome) outcome = std::max(rows, *outcome);
      return make_error(ErrorCode::kConflict, "rolled back");
    });
    EXPECT_FALSE(undone);
    return outcome;
  }
  TenantId parent_, child_;
};

// On PostgreSQL whatever statement runs for a parent, it cannot give it a child.
TEST_F(PartnerRows, AParentSeesAndEndsALinkButMakesNone) {
  if (!test::on_postgresql()) GTEST_SKIP() << "PostgreSQL only";
  const PartnerLinkRow link = link_of(parent_, child_);
  agree(link);
  const std::string where = " WHERE id = '" + link.id.str() + "'";
  for (const auto& [scope, rows] : {std::pair{parent_.str(), 1}, std::pair{child_.str(), 1},
                                    std::pair{std::string("another"), 0}})
    for (const char* what : {"SELECT 1 FROM partner_links", "DELETE FROM partner_links"})
      EXPECT_EQ(under(scope, what + where).value_or(-1), rows) << scope << ": " << what;
  const std::string values =
      fmt::format("('link_x', '{}', '{}', '', 'scans', 1, 1)", parent_.str(), child_.str());
  for (const std::string& made : {"INSERT INTO partner_links VALUES " + values,
                                  "UPDATE partner_links SET scope = 'scans'" + where}) {
    const auto outcome = under(parent_.str(), made);
    ASSERT_FALSE(outcome) << made;
    EXPECT_NE(outcome.error().internal.find("row-level security"), std::string::npos)
        << outcome.error().internal;
  }
  // The link shows the parent nothing of the child's tables.
  for (const char* table : {"scans", "alerts", "inventory_facets", "api_keys", "shares"})
    EXPECT_EQ(under(parent_.str(),
                    fmt::format("SELECT 1 FROM {} WHERE tenant_id = '{}'", table, child_.str()))
                  .value_or(-1),
              0)
        << table;
}

TEST_F(PartnerRows, OneLinkAPairAndNoneToOneself) {
  agree(link_of(parent_, child_));
  const auto second = link_of(parent_, child_);
  const auto again = run([&](Connection& c) { return partners::insert_link(c, second); });
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::kConflict);
  const auto own = link_of(parent_, parent_);
  EXPECT_FALSE(run([&](Connection& c) { return partners::insert_link(c, own); }));
}

TEST_F(PartnerRows, AboveIsAnyNumberOfStepsAndEndsInACircle) {
  const TenantId below = add_tenant("below").id;
  agree(link_of(parent_, child_));
  agree(link_of(child_, below));
  agree(link_of(below, parent_));  // the service would not; the walk ends all the same
  const TenantId stranger = add_tenant("stranger").id;
  for (const TenantId& of : {parent_, child_, below}) {
    const Closure<bool> above = [&](Connection& c) { return partners::is_above(c, parent_, of); };
    EXPECT_TRUE(write<bool>(above));
    const Closure<bool> strange = [&](Connection& c) {
      return partners::is_above(c, stranger, of);
    };
    EXPECT_FALSE(write<bool>(strange));
  }
}

TEST_F(PartnerRows, LinksAndInvitationsGoWithEitherTenant) {
  agree(link_of(parent_, child_));
  ASSERT_TRUE(run([&](Connection& c) {
    return partners::insert_invitation(c, {.public_id = "pub",
                                           .id = id<PartnerLinkId>(++sequence_),
                                           .tenant_id = parent_,
                                           .scope = "scans"});
  }));
  const Closure<std::int64_t> erase = [&](Connection& c) {
    return c.run("DELETE FROM tenants WHERE id = $1", {std::string_view(parent_.str())});
  };
  EXPECT_EQ(write<std::int64_t>(erase), 1);
  EXPECT_EQ(number("SELECT (SELECT count(*) FROM partner_links) + (SELECT count(*) FROM "
                   "partner_invitations)"),
            0);
}

}  // namespace
}  // namespace carnet::store
