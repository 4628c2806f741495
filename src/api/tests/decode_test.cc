#include "api/decode.h"

#include <gtest/gtest.h>

#include "api/cursor.h"

namespace carnet::api {
namespace {

std::map<std::string, std::string> faults(const Error& error) {
  std::map<std::string, std::string> out;
  for (const FieldError& field : error.fields) out[field.pointer] = field.code;
  return out;
}

TEST(DecodeTest, ScanRequestWhole) {
  const auto request = decode_scan_request(
      R"({"targets":["a.example","b.example:8443"],"kinds":["tls"],"ports":[443,8443],"profile":"deep",)"
      R"("mosca":{"dataShelfLifeYears":12.5,"yearsToQDay":9},"label":"x"})");
  ASSERT_TRUE(request);
  EXPECT_EQ(request->targets.size(), 2U);
  EXPECT_EQ(request->ports, (std::vector<int>{443, 8443}));
  EXPECT_EQ(request->profile, inventory::Profile::kDeep);
  EXPECT_EQ(request->mosca.data_shelf_life_years, 12.5);
  EXPECT_EQ(request->mosca.migration_time_years, std::nullopt);
  EXPECT_EQ(request->mosca.years_to_qday, 9);
}

TEST(DecodeTest, EveryFaultWithItsPlace) {
  const auto request = decode_scan_request(
      R"({"target":"a","targets":["b",7,""],"ports":[0,443,"x",1.5],"profile":"slow","useFixture":"yes",)"
      R"("mosca":{"dataShelfLifeYears":-1,"surprise":1},"more":null})");
  ASSERT_FALSE(request);
  const std::map<std::string, std::string> expected = {
      {"/target", "conflict"},
      {"/targets/1", "wrong_type"},
      {"/targets/2", "too_short"},
      {"/ports/0", "out_of_range"},
      {"/ports/2", "wrong_type"},
      {"/ports/3", "out_of_range"},
      {"/profile", "not_one_of"},
      {"/useFixture", "wrong_type"},
      {"/mosca/dataShelfLifeYears", "out_of_range"},
      {"/mosca/surprise", "unknown_field"},
      {"/more", "unknown_field"}};
  EXPECT_EQ(faults(request.error()), expected);
}

TEST(DecodeTest, OneAnswerNamesTargetsAndTheRest) {
  const auto list = decode_scan_request(R"({"targets":["good.example","a b"],"profile":"slow"})");
  ASSERT_FALSE(list);
  EXPECT_EQ(faults(list.error()),
            (std::map<std::string, std::string>{{"/targets/1", "invalid_target"},
                                                {"/profile", "not_one_of"}}));
  const auto single = decode_scan_request(R"({"target":"x:99999","colour":1})");
  ASSERT_FALSE(single);
  EXPECT_EQ(faults(single.error()),
            (std::map<std::string, std::string>{{"/target", "invalid_target"},
                                                {"/colour", "unknown_field"}}));
  EXPECT_TRUE(decode_scan_request(R"({"target":"x"})")->single_target);
}

TEST(DecodeTest, SharesTakeNothingAndNull) {
  for (const char* body : {"", "  ", "{}", R"({"label":null,"expiresHours":null})"}) {
    const auto share = decode_new_share(body);
    ASSERT_TRUE(share) << body;
    EXPECT_EQ(share->expires_hours, 168);
    EXPECT_EQ(share->scope, "passport");
  }
  EXPECT_TRUE(decode_new_share(R"({"expiresHours":24.0})"));
  for (const char* body :
       {R"({"expiresHours":0})", R"({"expiresHours":720.5})", R"({"expiresHours":"24"})",
        R"({"expiresHours":99999999999999999999})", R"({"expiresHours":true})"})
    EXPECT_FALSE(decode_new_share(body)) << body;
}

TEST(DecodeTest, KeysAndTenants) {
  const auto key = decode_new_key(R"({"label":"CI"})");
  ASSERT_TRUE(key);
  EXPECT_EQ(key->role, store::Role::kOperator);
  EXPECT_EQ(
      faults(decode_new_key(R"({"role":"root","expiresDays":0,"ratePerMinute":1000001})").error()),
      (std::map<std::string, std::string>{{"/label", "required"},
                                          {"/role", "not_one_of"},
                                          {"/expiresDays", "out_of_range"},
                                          {"/ratePerMinute", "out_of_range"}}));
  EXPECT_EQ(faults(decode_new_tenant(R"({"name":"   "})").error()).at("/name"), "too_short");
}

TEST(CursorTest, BoundToScopeAndIntact) {
  const Secret pepper(std::string(32, 'p'));
  const CursorCodec codec(pepper);
  const std::string cursor = codec.encode("tenant a", "place");
  EXPECT_EQ(codec.decode("tenant a", cursor).value(), "place");
  EXPECT_FALSE(codec.decode("tenant b", cursor));
  for (std::size_t i = 0; i < cursor.size(); ++i) {
    std::string bent = cursor;
    bent[i] = bent[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(codec.decode("tenant a", bent)) << i;
  }
  for (const char* odd : {"", "x", "====", "AAAAAAAAAAAAAAAAAAAAAA"})
    EXPECT_FALSE(codec.decode("tenant a", odd));
  EXPECT_FALSE(CursorCodec(Secret(std::string(32, 'q'))).decode("tenant a", cursor));
}

}  // namespace
}  // namespace carnet::api
