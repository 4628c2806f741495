#include "base/packed_text.h"

#include <gtest/gtest.h>

namespace carnet {
namespace {

std::string long_text() {
  std::string out = "{";
  for (int i = 0; i < 40'000; ++i) out += "\"group\":\"x25519\",\"n\":" + std::to_string(i) + ",";
  return out + "}";
}

std::string packed(std::string_view text, std::size_t piece) {
  TextPacker packer;
  for (std::size_t at = 0; at < text.size(); at += piece) packer.add(text.substr(at, piece));
  return packer.finish();
}

Result<std::string> in_pieces(std::string_view stored) {
  std::string out;
  CARNET_TRY_VOID(unpack_text_to(stored, [&out](std::string_view piece) { out += piece; }));
  return out;
}

TEST(PackedText, ShortTextsStayAsTheyAre) {
  EXPECT_EQ(packed("", 1), "");
  EXPECT_EQ(packed("{\"a\":1}", 2), "{\"a\":1}");
  EXPECT_EQ(*unpack_text("{\"a\":1}"), "{\"a\":1}");
  EXPECT_EQ(*unpack_text(""), "");
  EXPECT_EQ(*in_pieces("{\"a\":1}"), "{\"a\":1}");
}

TEST(PackedText, LongOnesShrinkAndComeBackWhateverThePieces) {
  const std::string text = long_text();
  ASSERT_GT(text.size(), 256U * 1024);
  std::string first;
  for (const std::size_t piece : {std::size_t{997}, std::size_t{65536}, text.size()}) {
    const std::string small = packed(text, piece);
    EXPECT_LT(small.size(), text.size() / 4);
    EXPECT_TRUE(small.starts_with("packed1:"));
    const auto back = unpack_text(small);
    ASSERT_TRUE(back);
    EXPECT_EQ(*back, text);
    EXPECT_EQ(*in_pieces(small), text);
  }
}

TEST(PackedText, WhatIsDamagedIsRefused) {
  const std::string small = packed(long_text(), 4096);
  const std::size_t body = small.find(':', 8) + 1;
  for (const std::string& bad :
       {std::string("packed1:"), std::string("packed1:12"), std::string("packed1:x:AAAA"),
        std::string("packed1:5:not base64!"),
        std::string("packed1:99999999999:") + small.substr(body), "packed1:7:" + small.substr(body),
        small.substr(0, small.size() - 400)}) {
    const auto got = unpack_text(bad);
    ASSERT_FALSE(got) << bad.substr(0, 40);
    EXPECT_EQ(got.error().code, ErrorCode::kInternal);
    EXPECT_FALSE(in_pieces(bad)) << bad.substr(0, 40);
  }
}

}  // namespace
}  // namespace carnet
