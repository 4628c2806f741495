#include "api/multipart.h"

#include <gtest/gtest.h>

namespace carnet::api {
namespace {

constexpr std::string_view kType = "multipart/form-data; boundary=\"x y\"";

TEST(Multipart, PartsComeWithTheirNamesAndBytes) {
  const std::string body =
      "--x y\r\nContent-Disposition: form-data; name=\"document\"; filename=\"a.zip\"\r\n"
      "Content-Type: application/zip\r\n\r\nPK\r\n--x\r\n\r\n--x y\r\n"
      "content-disposition: form-data; name=text\r\n\r\n\r\n--x y--\r\n";
  const auto parts = read_multipart(kType, body);
  ASSERT_TRUE(parts.has_value()) << parts.error().public_detail;
  ASSERT_EQ(parts->size(), 2U);
  EXPECT_EQ((*parts)[0].name, "document");
  EXPECT_EQ((*parts)[0].bytes, "PK\r\n--x\r\n");
  EXPECT_EQ((*parts)[1].name, "text");
  EXPECT_EQ((*parts)[1].bytes, "");
}

TEST(Multipart, ANameMayHoldWhatEndsAParameterElsewhere) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"(name="f"; filename="a;b.pem")", "a;b.pem"},
      {R"(filename="a\";name=\"x.pem"; name="f")", R"(a";name="x.pem)"},
      {R"(name="f";filename=plain.pem)", "plain.pem"},
      {R"(name="f"; filename="..\..\etc\passwd")", "passwd"},
      {R"(name="f"; filename="../../etc/passwd")", "passwd"},
      {R"(name="f"; filename="folder/")", ""},
      {R"(name="f"; filename="not closed)", ""},
      {R"(name="f"; filename*=utf-8''x; other)", ""},
      {"name=\"f\"; filename=\"bell\x07.pem\"", "file"},
      {"name=\"f\"; filename=\"\xFF.pem\"", "file"}};
  for (const auto& [parameters, expected] : cases) {
    const std::string body =
        "--b\r\nContent-Disposition: form-data; " + parameters + "\r\n\r\nx\r\n--b--\r\n";
    const auto parts = read_multipart("multipart/form-data; boundary=b", body);
    ASSERT_TRUE(parts.has_value()) << parameters;
    EXPECT_EQ(parts->front().name, "f") << parameters;
    EXPECT_EQ(parts->front().file_name, expected) << parameters;
  }
}

TEST(Multipart, AnythingElseIsRefused) {
  const std::string good =
      "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n--b--\r\n";
  const std::string_view type = "multipart/form-data; boundary=b";
  ASSERT_TRUE(read_multipart(type, good).has_value());
  // No prefix of it is a form.
  for (std::size_t size = 0; size < good.size() - 4; ++size)
    EXPECT_FALSE(read_multipart(type, good.substr(0, size)).has_value()) << size;
  EXPECT_FALSE(read_multipart("multipart/form-data", good).has_value());
  EXPECT_FALSE(read_multipart("application/json; boundary=b", good).has_value());
  EXPECT_FALSE(read_multipart("multipart/form-data; boundary=c", good).has_value());
  EXPECT_FALSE(read_multipart(type, "--b\r\nX: y\r\n\r\nx\r\n--b--\r\n").has_value());
  std::string many;
  for (std::size_t i = 0; i <= kFormPartsMax; ++i)
    many += "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\r\n";
  EXPECT_FALSE(read_multipart(type, many + "--b--\r\n").has_value());
  EXPECT_FALSE(read_multipart(
                   type, "--b\r\n" + std::string(kFormHeadBytesMax, 'h') + "\r\n\r\nx\r\n--b--\r\n")
                   .has_value());
}

}  // namespace
}  // namespace carnet::api
