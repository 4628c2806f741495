#include "service/idempotency.h"

#include "service/tests/fixture.h"

namespace carnet::service {
namespace {

class Replays : public ServiceTest {
 protected:
  Replays() : tenant(make_tenant("acme").tenant) {}
  Result<std::optional<KeptAnswer>> begin(Idempotency& who, const std::string& body = "{}",
                                          const std::string& key = "key-1") {
    return run_task(who.begin(tenant, "share.create", key, body));
  }
  TenantId tenant;
};

TEST_F(Replays, TheFirstAnswerIsGivenAgainAndOnlyForTheSameBody) {
  auto first = begin(idempotency);
  ASSERT_TRUE(first);
  EXPECT_EQ(*first, std::nullopt);
  EXPECT_EQ(begin(idempotency).error().code, ErrorCode::kIdempotencyInProgress);
  const KeptAnswer answer{
      .status = 201, .body = "{\"token\":\"cnt_s_verysecret\"}", .location = "/tenant/shares/x"};
  ASSERT_TRUE(run_task(idempotency.finish(tenant, "share.create", "key-1", answer)));

  auto replay = begin(idempotency);
  ASSERT_TRUE(replay && *replay);
  EXPECT_EQ((*replay)->status, 201);
  EXPECT_EQ((*replay)->body, answer.body);
  EXPECT_EQ((*replay)->location, answer.location);
  EXPECT_EQ(begin(idempotency, "{\"x\":1}").error().code, ErrorCode::kIdempotencyKeyReused);
  EXPECT_FALSE(on_disk("cnt_s_verysecret"));
  EXPECT_FALSE(on_disk("key-1"));
}

TEST_F(Replays, KeysOfOthersDoNotMeet) {
  ASSERT_TRUE(begin(idempotency));
  EXPECT_TRUE(begin(idempotency, "{}", "key-2"));
  EXPECT_TRUE(run_task(idempotency.begin(tenant, "scan.create", "key-1", "other")));
  const TenantId other = make_tenant("other").tenant;
  EXPECT_TRUE(run_task(idempotency.begin(other, "share.create", "key-1", "other")));
}

TEST_F(Replays, AnAbandonedRequestMayBeTriedAgain) {
  ASSERT_TRUE(begin(idempotency));
  run_task(idempotency.abandon(tenant, "share.create", "key-1"));
  const auto again = begin(idempotency, "{\"other\":true}");
  ASSERT_TRUE(again);
  EXPECT_EQ(*again, std::nullopt);
}

TEST_F(Replays, ARecordThatADeadProcessLeftIsTakenOverAfterAMinute) {
  Idempotency restarted(*db, clock, random, pepper);
  ASSERT_TRUE(begin(idempotency));
  clock.advance(std::chrono::milliseconds(59'999));
  EXPECT_EQ(begin(restarted).error().code, ErrorCode::kIdempotencyInProgress);
  clock.advance(std::chrono::milliseconds(1));
  ASSERT_TRUE(begin(restarted));
  // The first one was only slow; its answer no longer counts, nor may it drop the record.
  ASSERT_TRUE(run_task(
      idempotency.finish(tenant, "share.create", "key-1", {.status = 201, .body = "late"})));
  run_task(idempotency.abandon(tenant, "share.create", "key-1"));
  EXPECT_EQ(begin(restarted).error().code, ErrorCode::kIdempotencyInProgress);
  ASSERT_TRUE(run_task(
      restarted.finish(tenant, "share.create", "key-1", {.status = 201, .body = "in time"})));
  EXPECT_EQ((*begin(idempotency))->body, "in time");
}

TEST_F(Replays, AnswersAreForgottenAfterADay) {
  ASSERT_TRUE(begin(idempotency));
  ASSERT_TRUE(run_task(
      idempotency.finish(tenant, "share.create", "key-1", {.status = 201, .body = "kept"})));
  clock.advance(std::chrono::hours(24) - std::chrono::milliseconds(1));
  run_task(idempotency.purge());
  EXPECT_EQ((*begin(idempotency))->body, "kept");
  clock.advance(std::chrono::milliseconds(1));
  const auto fresh = begin(idempotency, "another body");
  ASSERT_TRUE(fresh);
  EXPECT_EQ(*fresh, std::nullopt);
  clock.advance(std::chrono::hours(25));
  run_task(idempotency.purge());
  const auto count = in_db<int>([](store::Connection& connection) -> Result<int> {
    int rows = 0;
    const auto on_row = [&](const store::Row& row) { rows = static_cast<int>(row.integer(0)); };
    CARNET_TRY_VOID(connection.run("SELECT count(*) FROM idempotency", {}, on_row));
    return rows;
  });
  EXPECT_EQ(count.value(), 0);
}

TEST_F(Replays, ASealThatDoesNotOpenIsNoAnswer) {
  ASSERT_TRUE(begin(idempotency));
  ASSERT_TRUE(run_task(
      idempotency.finish(tenant, "share.create", "key-1", {.status = 201, .body = "kept"})));
  ASSERT_TRUE(in_db<bool>([](store::Connection& connection) -> Result<bool> {
    CARNET_TRY_VOID(connection.run("UPDATE idempotency SET response = $1",
                                   {store::BlobView{std::string_view("\0\1\2\3", 4)}}));
    return true;
  }));
  EXPECT_EQ(begin(idempotency).error().code, ErrorCode::kInternal);
}

}  // namespace
}  // namespace carnet::service
