// Two tenants that agree, what the parent sees while they do, and that it is nothing otherwise.
#include "service/portfolio.h"

#include <gmock/gmock.h>

#include "crypto/token.h"
#include "service/tests/fixture.h"
#include "service/tests/tenant_state.h"
#include "store/remediation.h"

namespace carnet::service {
namespace {

using std::chrono::days;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class PortfolioTest : public ServiceTest {
 protected:
  PortfolioTest()
      : portfolio(*db, clock, random, pepper),
        parent(make_tenant("Holding")),
        child(make_tenant("Bakery")) {}

  std::string invite(const Actor& of, const std::string& scope = "summary") {
    const auto issued = run_task(portfolio.invite(of, {.label = "L", .scope = scope}));
    EXPECT_TRUE(issued.has_value()) << issued.error().public_detail;
    return issued ? std::string(issued->code.expose()) : std::string();
  }
  Result<Partner> accept(const Actor& of, const std::string& code) {
    return run_task(portfolio.accept(of, Secret(code)));
  }
  PartnerLinkId agree(const Actor& above, const Actor& below,
                      const std::string& scope = "summary") {
    const auto made = accept(below, invite(above, scope));
    EXPECT_TRUE(made.has_value()) << made.error().public_detail;
    return made ? made->id : PartnerLinkId{};
  }
  PortfolioPage look(const Actor& of, PortfolioQuery query = {}) {
    const auto page = run_task(portfolio.portfolio(of.tenant, std::move(query)));
    EXPECT_TRUE(page.has_value()) << page.error().internal;
    return page.value_or(PortfolioPage{});
  }
  std::vector<std::string> names(const Actor& of, PortfolioSort sort) {
    std::vector<std::string> out;
    const PortfolioPage page = look(of, {.sort = sort, .after = "", .limit = 100});
    for (const Child& one : page.children) out.push_back(one.summary.name);
    return out;
  }
  // A scan that ended now: so many broken assets at one endpoint, and one that is safe.
  ScanId finish_scan(const Actor& of, double score, int broken, const std::string& host = "a.ex") {
    store::ScanRow row;
    row.id = ScanId::generate(clock.now(), random);
    row.tenant_id = of.tenant;
    row.status = "success";
    row.label = "nightly of " + of.tenant_name;
    row.request = R"({"secret":"request"})";
    row.readiness_score = score;
    row.readiness_band = score < 40 ? "Critical" : "Prepared";
    row.created_at = clock.now();
    row.finished_at = clock.now();
    std::vector<store::AssetRow> assets;
    for (int i = 0; i <= broken; ++i)
      assets.push_back({.asset_id = fmt::format("ast_{}", i),
                        .kind = i % 2 == 0 ? "tls" : "certificate",
                        .host = host,
                        .port = 443,
                        .status = i < broken ? "broken" : "safe",
                        .body = "{}"});
    const auto work = [&](store::Connection& c) -> Result<bool> {
      CARNET_TRY_VOID(store::scans::insert(c, row));
      CARNET_TRY_VOID(store::scans::put_assets(c, of.tenant, row.id, assets));
      CARNET_TRY_VOID(store::scans::mark_latest(c, of.tenant, row.id, {{host, 443}}));
      store::DriftDay day;
      day.day = to_rfc3339(clock.now()).substr(0, 10);
      day.scans = day.scored = 1;
      day.score_sum = day.score_low = day.score_high = day.score_last = score;
      CARNET_TRY_VOID(store::drift::add_to_day(c, of.tenant, day));
      return true;
    };
    const auto done = in_db<bool>(work);
    EXPECT_TRUE(done.has_value()) << done.error().internal;
    return row.id;
  }
  void raise_alert(const Actor& of, const std::string& subject, const std::string& severity,
                   const std::string& status = "open") {
    const auto work = [&](store::Connection& c) -> Result<bool> {
      CARNET_TRY_VOID(
          c.run("INSERT INTO alerts (id, tenant_id, kind, subject, severity, status, message, "
                "host, port, detail, scan_id, last_scan_id, resolved_scan, resolved_reason, count, "
                "first_seen_at, last_seen_at, acknowledged_by, note) VALUES ($1, $2, 'k', $1, $3, "
                "$4, '', '', 0, '{}', '', '', '', '', 1, 1, 1, '', '')",
                {std::string_view(subject), std::string_view(of.tenant.str()),
                 std::string_view(severity), std::string_view(status)}));
      return true;
    };
    const auto done = in_db<bool>(work);
    ASSERT_TRUE(done.has_value()) << done.error().internal;
  }
  static void expect_refused(const auto& result, ErrorCode code, const std::string& words) {
    ASSERT_FALSE(result.has_value());
    EXPECT_EQ(result.error().code, code) << result.error().public_detail;
    EXPECT_THAT(result.error().public_detail, HasSubstr(words));
  }

  Portfolio portfolio;
  Actor parent, child;
};

TEST_F(PortfolioTest, AnInvitationIsShownUnderstoodAndTakenUpOnce) {
  const auto issued = run_task(portfolio.invite(parent, {.label = "Client 17", .scope = "scans"}));
  ASSERT_TRUE(issued);
  const std::string code(issued->code.expose());
  EXPECT_TRUE(code.starts_with("cnt_p_"));
  EXPECT_TRUE(code.ends_with(issued->row.hint));
  EXPECT_FALSE(on_disk(code.substr(16, 32))) << "the secret is nowhere";
  const auto offer = run_task(portfolio.preview(child, Secret(code)));
  ASSERT_TRUE(offer) << offer.error().public_detail;
  EXPECT_EQ(offer->parent_name, "Holding");
  EXPECT_EQ(offer->label, "Client 17");
  EXPECT_EQ(offer->scope, "scans");
  EXPECT_THAT(look(parent).children, IsEmpty()) << "a look at it grants nothing";
  const auto made = accept(child, code);
  ASSERT_TRUE(made) << made.error().public_detail;
  EXPECT_EQ(made->id, issued->row.id);
  EXPECT_EQ(made->tenant, parent.tenant);
  EXPECT_EQ(made->tenant_name, "Holding");
  EXPECT_EQ(look(parent).children.size(), 1U);
  expect_refused(accept(child, code), ErrorCode::kNotFound, "no such invitation");
  expect_refused(accept(make_tenant("Third"), code), ErrorCode::kNotFound, "no such invitation");
}

TEST_F(PortfolioTest, BothSidesListItAndHaveItInTheirTrail) {
  const PartnerLinkId id = agree(parent, child, "scans");
  const auto below = run_task(portfolio.children(parent.tenant, {})).value();
  const auto above = run_task(portfolio.parents(child.tenant, {})).value();
  ASSERT_EQ(below.size(), 1U);
  ASSERT_EQ(above.size(), 1U);
  EXPECT_EQ(below[0].tenant_name, "Bakery");
  EXPECT_EQ(above[0].tenant_name, "Holding");
  EXPECT_EQ(below[0].id, id);
  EXPECT_EQ(above[0].id, id);
  EXPECT_THAT(run_task(portfolio.parents(parent.tenant, {})).value(), IsEmpty());
  EXPECT_THAT(run_task(portfolio.children(child.tenant, {})).value(), IsEmpty());
  ASSERT_TRUE(run_task(portfolio.end_parent(child, id)));
  for (const Actor* side : {&parent, &child}) {
    const Actor& other = side == &parent ? child : parent;
    for (const char* action : {"partner.accept", "partner.end"}) {
      const auto rows = audit_of(side->tenant, action);
      ASSERT_EQ(rows.size(), 1U) << action;
      EXPECT_EQ(rows[0].subject, id.str());
      EXPECT_THAT(rows[0].detail, HasSubstr(other.tenant.str()));
      // The child did both: the parent's trail names the tenant, and no key of it.
      EXPECT_EQ(rows[0].actor, side == &child ? child.key.str() : "partner");
      EXPECT_EQ(rows[0].request_id, side == &child ? child.request_id : "");
    }
  }
  EXPECT_EQ(audit_of(parent.tenant, "partner.invite").size(), 1U);
  EXPECT_THAT(audit_of(child.tenant, "partner.invite"), IsEmpty());
}

TEST_F(PortfolioTest, TheParentSeesWhatIsTrueNow) {
  agree(parent, child);
  const Child empty = run_task(portfolio.child(parent.tenant, child.tenant)).value();
  EXPECT_FALSE(empty.summary.score);
  EXPECT_FALSE(empty.summary.last_scan_at);
  EXPECT_EQ(empty.summary.assets, 0);
  EXPECT_EQ(look(parent).totals.bands, (std::map<std::string, int>{{"", 1}}));

  finish_scan(child, 20, 5);
  finish_scan(child, 22, 2, "b.ex");
  clock.advance(days(10));
  finish_scan(child, 90, 3);  // a.ex again: 3 of its 5 are left
  raise_alert(child, "a1", "critical");
  raise_alert(child, "a2", "high");
  raise_alert(child, "a3", "high");
  raise_alert(child, "a4", "critical", "acknowledged");
  raise_alert(child, "a5", "critical", "resolved");
  raise_alert(parent, "a6", "critical");
  const Child seen = run_task(portfolio.child(parent.tenant, child.tenant)).value();
  EXPECT_EQ(seen.summary.name, "Bakery");
  EXPECT_EQ(seen.summary.score, 90);
  EXPECT_EQ(seen.summary.band, "Prepared");
  EXPECT_EQ(seen.summary.last_scan_at, clock.now());
  EXPECT_EQ(seen.summary.score_before, 22);
  EXPECT_EQ(seen.summary.endpoints, 2);
  EXPECT_EQ(seen.summary.assets, 4 + 3);
  EXPECT_EQ(seen.summary.broken, 3 + 2);
  EXPECT_EQ(seen.summary.alerts_critical, 1);
  EXPECT_EQ(seen.summary.alerts_high, 2);
  EXPECT_EQ(seen.summary.alerts_low, 0);
  clock.advance(days(25));  // the first day is past the 30 days
  EXPECT_EQ(run_task(portfolio.child(parent.tenant, child.tenant))->summary.score_before, 90);
}

TEST_F(PortfolioTest, AChildThatIsErasedIsNotSeenAndOneThatIsClosingIs) {
  const PartnerLinkId link = agree(parent, child, "scans");
  const Actor other = make_tenant("Other");
  clock.advance(std::chrono::milliseconds(1));  // ids of one instant have no order
  agree(parent, other);
  finish_scan(child, 90, 1);
  finish_scan(other, 30, 2);
  set_tenant_state(*db, child, store::TenantState::kClosing);
  EXPECT_EQ(look(parent).totals.children, 2);
  EXPECT_EQ(run_task(portfolio.child(parent.tenant, child.tenant))->summary.state,
            store::TenantState::kClosing);
  EXPECT_EQ(run_task(portfolio.scans(parent.tenant, child.tenant, {}))->size(), 1U);

  set_tenant_state(*db, child, store::TenantState::kErasing);
  const PortfolioPage page = look(parent);
  EXPECT_EQ(page.totals.children, 1);
  EXPECT_EQ(page.totals.mean_score, 30);
  EXPECT_EQ(page.totals.sum.broken, 2);
  ASSERT_EQ(page.children.size(), 1U);
  EXPECT_EQ(page.children[0].summary.id, other.tenant);
  expect_refused(run_task(portfolio.child(parent.tenant, child.tenant)), ErrorCode::kNotFound,
                 "no tenant with this id");
  expect_refused(run_task(portfolio.scans(parent.tenant, child.tenant, {})), ErrorCode::kNotFound,
                 "no tenant with this id");
  // The agreement is the parent's too: without a name, and it can be ended.
  const auto below = run_task(portfolio.children(parent.tenant, {})).value();
  ASSERT_EQ(below.size(), 2U);
  EXPECT_EQ(below[0].tenant_name, "Other");
  EXPECT_EQ(below[1].tenant_name, "");
  const auto ended = run_task(portfolio.end_child(parent, link));
  ASSERT_TRUE(ended) << ended.error().public_detail;
  EXPECT_EQ(ended->tenant_name, "");
}

TEST_F(PortfolioTest, TotalsOrderAndPages) {
  const Actor other = make_tenant("anvil works"), fresh = make_tenant("Zoo");
  for (const Actor& one : {child, other, fresh}) agree(parent, one);
  finish_scan(child, 90, 1);
  finish_scan(other, 30, 4);
  const PortfolioPage all = look(parent);
  EXPECT_EQ(all.totals.children, 3);
  EXPECT_EQ(all.totals.scored, 2);
  EXPECT_EQ(all.totals.mean_score, 60);
  ASSERT_TRUE(all.totals.worst);
  EXPECT_EQ(all.totals.worst->summary.name, "anvil works");
  EXPECT_EQ(all.totals.bands,
            (std::map<std::string, int>{{"", 1}, {"Critical", 1}, {"Prepared", 1}}));
  EXPECT_EQ(all.totals.sum.broken, 5);
  EXPECT_THAT(names(parent, PortfolioSort::kScore), ElementsAre("anvil works", "Bakery", "Zoo"));
  EXPECT_THAT(names(parent, PortfolioSort::kName), ElementsAre("anvil works", "Bakery", "Zoo"));
  EXPECT_THAT(names(parent, PortfolioSort::kCriticals),
              ElementsAre("anvil works", "Bakery", "Zoo"));
  for (const auto sort : {PortfolioSort::kScore, PortfolioSort::kName, PortfolioSort::kCriticals}) {
    std::vector<std::string> seen;
    std::string after;
    do {
      const PortfolioPage page = look(parent, {.sort = sort, .after = after, .limit = 1});
      EXPECT_EQ(page.totals.children, 3) << "of all, on every page";
      ASSERT_FALSE(page.children.empty());
      seen.push_back(page.children[0].summary.name);
      after = page.children.size() > 1 ? place_of(page.children[0], sort) : std::string();
    } while (!after.empty());
    EXPECT_THAT(seen, ElementsAre("anvil works", "Bakery", "Zoo"));
  }
}

TEST_F(PortfolioTest, NothingIsSeenWithoutALinkNorAfterItsEnd) {
  const Actor stranger = make_tenant("Stranger");
  const ScanId scan = finish_scan(child, 50, 1);
  const auto sees_nothing = [&](const Actor& of) {
    EXPECT_THAT(look(of).children, IsEmpty());
    EXPECT_EQ(look(of).totals.children, 0);
    expect_refused(run_task(portfolio.child(of.tenant, child.tenant)), ErrorCode::kNotFound,
                   "has agreed to be seen");
    expect_refused(run_task(portfolio.scans(of.tenant, child.tenant, {})), ErrorCode::kNotFound,
                   "has agreed to be seen");
  };
  sees_nothing(parent);
  for (const bool by_parent : {true, false}) {
    const PartnerLinkId id = agree(parent, child, "scans");
    EXPECT_EQ(run_task(portfolio.scans(parent.tenant, child.tenant, {}))->front().id, scan);
    sees_nothing(stranger);
    // The link lets the parent look, not the other way round; and no strange hand ends it.
    expect_refused(run_task(portfolio.child(child.tenant, parent.tenant)), ErrorCode::kNotFound,
                   "has agreed");
    expect_refused(run_task(portfolio.end_child(stranger, id)), ErrorCode::kNotFound, "agreement");
    expect_refused(run_task(portfolio.end_parent(stranger, id)), ErrorCode::kNotFound, "agreement");
    expect_refused(run_task(portfolio.end_parent(parent, id)), ErrorCode::kNotFound, "agreement");
    expect_refused(run_task(portfolio.end_child(child, id)), ErrorCode::kNotFound, "agreement");
    const auto ended =
        run_task(by_parent ? portfolio.end_child(parent, id) : portfolio.end_parent(child, id));
    ASSERT_TRUE(ended) << ended.error().public_detail;
    EXPECT_EQ(ended->state, "ended");
    sees_nothing(parent);
    expect_refused(run_task(portfolio.end_child(parent, id)), ErrorCode::kNotFound, "agreement");
  }
}

TEST_F(PortfolioTest, ASummaryIsNotTheListOfScans) {
  finish_scan(child, 50, 1);
  agree(parent, child, "summary");
  expect_refused(run_task(portfolio.scans(parent.tenant, child.tenant, {})), ErrorCode::kForbidden,
                 "covers a summary alone");
}

TEST_F(PortfolioTest, AChildOfAChildIsNotSeen) {
  const Actor below = make_tenant("Below");
  agree(parent, child);
  agree(child, below);
  EXPECT_EQ(look(parent).totals.children, 1);
  expect_refused(run_task(portfolio.child(parent.tenant, below.tenant)), ErrorCode::kNotFound,
                 "has agreed");
}

TEST_F(PortfolioTest, NoCirclesNoSecondLinkNoLinkToOneself) {
  const Actor below = make_tenant("Below");
  agree(parent, child);
  agree(child, below);
  for (const auto& result : {accept(parent, invite(child)), accept(parent, invite(below))})
    expect_refused(result, ErrorCode::kConflict, "is below yours");
  const std::string own = invite(parent);
  expect_refused(accept(parent, own), ErrorCode::kConflict, "is your own");
  const std::string second = invite(parent, "scans");
  expect_refused(accept(child, second), ErrorCode::kConflict, "end it first");
  expect_refused(run_task(portfolio.preview(child, Secret(second))), ErrorCode::kConflict,
                 "end it first");
  // A refused code is not used up.
  ASSERT_TRUE(accept(below, second)) << "two parents are fine, and so is a skipped step";
}

TEST_F(PortfolioTest, CodesThatAreNotGood) {
  const std::string code = invite(parent);
  std::string typo = code;
  typo[20] = typo[20] == 'x' ? 'y' : 'x';
  const auto other = crypto::new_token("cnt_p_", pepper, random);
  for (const std::string& bad :
       {typo, std::string(), std::string("cnt_s_x"), std::string(other.text.expose())}) {
    expect_refused(accept(child, bad), ErrorCode::kNotFound, "no such invitation");
    expect_refused(run_task(portfolio.preview(child, Secret(bad))), ErrorCode::kNotFound,
                   "no such invitation");
  }
  clock.advance(days(7));
  expect_refused(accept(child, code), ErrorCode::kConflict, "was good until");
  const auto listed = run_task(portfolio.children(parent.tenant, {})).value();
  ASSERT_EQ(listed.size(), 1U);
  EXPECT_EQ(listed[0].state, "expired");
  const std::string fresh = invite(parent);  // sweeps what is over
  EXPECT_EQ(run_task(portfolio.children(parent.tenant, {}))->size(), 1U);
  const auto withdrawn = run_task(
      portfolio.end_child(parent, run_task(portfolio.children(parent.tenant, {}))->front().id));
  ASSERT_TRUE(withdrawn);
  EXPECT_EQ(withdrawn->state, "withdrawn");
  expect_refused(accept(child, fresh), ErrorCode::kNotFound, "accepted or withdrawn");
}

TEST_F(PortfolioTest, RequestsOutOfRangeNameTheirFields) {
  const auto bad =
      run_task(portfolio.invite(parent, {.label = "\x01", .scope = "all", .expires_days = 31}));
  ASSERT_FALSE(bad);
  EXPECT_EQ(bad.error().code, ErrorCode::kValidationFailed);
  ASSERT_EQ(bad.error().fields.size(), 3U);
}

TEST_F(PortfolioTest, ATenantHasAtMostTenParents) {
  for (int i = 0; i < kPartnerParentsMax; ++i) agree(make_tenant(fmt::format("P{}", i)), child);
  expect_refused(accept(child, invite(parent)), ErrorCode::kConflict, "as many as it may have");
}

TEST_F(PortfolioTest, AParentHasAtMostAThousandChildrenAndInvitations) {
  const auto fill = [&](store::Connection& c) -> Result<bool> {
    for (int i = 0; i < kPartnerChildrenMax; ++i) {
      store::InvitationRow row;
      row.public_id = fmt::format("p{}", i);
      row.id = PartnerLinkId::generate(clock.now(), random);
      row.tenant_id = parent.tenant;
      row.scope = "summary";
      row.expires_at = clock.now() + days(1);
      CARNET_TRY_VOID(store::partners::insert_invitation(c, row));
    }
    return true;
  };
  ASSERT_TRUE(in_db<bool>(fill));
  expect_refused(run_task(portfolio.invite(parent, {})), ErrorCode::kConflict,
                 "1000 children and open invitations");
}

TEST_F(PortfolioTest, ATenantThatIsGoneIsNobodysChild) {
  agree(parent, child);
  const auto erase = [&](store::Connection& c) -> Result<bool> {
    CARNET_TRY_VOID(
        c.run("DELETE FROM tenants WHERE id = $1", {std::string_view(child.tenant.str())}));
    return true;
  };
  ASSERT_TRUE(in_db<bool>(erase));
  EXPECT_THAT(look(parent).children, IsEmpty());
}

}  // namespace
}  // namespace carnet::service
