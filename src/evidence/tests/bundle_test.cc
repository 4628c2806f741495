#include "evidence/bundle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <boost/json.hpp>

#include "crypto/hash.h"
#include "evidence/artifact_set.h"
#include "evidence/tests/documents.h"
#include "evidence/tests/shell.h"

namespace carnet::evidence {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::string le16(unsigned value) {
  return {static_cast<char>(value & 0xFFU), static_cast<char>(value >> 8U & 0xFFU)};
}
std::string le32(std::uint32_t value) { return le16(value & 0xFFFFU) + le16(value >> 16U); }

// A ZIP by hand, so that every field can be wrong.
struct RawEntry {
  std::string name = "a.txt", local_name = "a.txt", packed = "hello";
  std::uint32_t crc = 0x3610A686;  // of "hello"
  std::uint32_t size = 5;
  unsigned flags = 0, method = 0, made_by = 3U << 8U;
  std::uint32_t attributes = 0100644U << 16U;
  std::string extra, local_extra, comment, gap_before, descriptor;
  std::uint32_t offset_shift = 0;
  bool sizes_in_local = true;
};

std::string raw_zip(const std::vector<RawEntry>& entries, const std::string& before_directory = {},
                    const std::string& comment = {}, int count_shift = 0) {
  std::string out, directory;
  for (const RawEntry& e : entries) {
    out += e.gap_before;
    const auto at = static_cast<std::uint32_t>(out.size());
    const auto packed = static_cast<std::uint32_t>(e.packed.size());
    const bool sizes = e.sizes_in_local;
    const std::string middle = le16(e.flags) + le16(e.method) + le16(0) + le16(33);
    out += le32(0x04034B50) + le16(20) + middle + le32(sizes ? e.crc : 0) +
           le32(sizes ? packed : 0) + le32(sizes ? e.size : 0) +
           le16(static_cast<unsigned>(e.local_name.size())) +
           le16(static_cast<unsigned>(e.local_extra.size())) + e.local_name + e.local_extra +
           e.packed + e.descriptor;
    directory += le32(0x02014B50) + le16(e.made_by | 20U) + le16(20) + middle + le32(e.crc) +
                 le32(packed) + le32(e.size) + le16(static_cast<unsigned>(e.name.size())) +
                 le16(static_cast<unsigned>(e.extra.size())) +
                 le16(static_cast<unsigned>(e.comment.size())) + le16(0) + le16(0) +
                 le32(e.attributes) + le32(at + e.offset_shift) + e.name + e.extra + e.comment;
  }
  out += before_directory;
  const auto at = static_cast<std::uint32_t>(out.size());
  const auto count = static_cast<unsigned>(static_cast<int>(entries.size()) + count_shift);
  return out + directory + le32(0x06054B50) + le16(0) + le16(0) + le16(count) + le16(count) +
         le32(static_cast<std::uint32_t>(directory.size())) + le32(at) +
         le16(static_cast<unsigned>(comment.size())) + comment;
}

std::string why(std::string_view bytes, const BundleLimits& limits = {}) {
  const auto read = read_bundle(bytes, limits);
  return read ? "" : read.error().public_detail;
}

std::string deflated(std::string_view text) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

TEST(Bundle, EntriesComeBackSortedAndWhole) {
  const std::string large(3'000'000, 'x');
  const auto written = write_bundle({{"b.txt", large}, {"a.txt", "hello"}, {"empty.json", ""}});
  ASSERT_TRUE(written) << written.error().internal;
  EXPECT_LT(written->size(), 10'000U);
  const auto read = read_bundle(*written);
  ASSERT_TRUE(read) << read.error().public_detail;
  ASSERT_EQ(read->size(), 3U);
  EXPECT_EQ((*read)[0].name, "a.txt");
  EXPECT_EQ((*read)[0].bytes, "hello");
  EXPECT_EQ((*read)[1].bytes, large);
  EXPECT_EQ((*read)[2].bytes, "");
}

TEST(Bundle, SameBytesWhateverTheOrderAndTheTimeZone) {
  const auto one = write_bundle({{"a", "1"}, {"b", "2"}});
  ::setenv("TZ", "Pacific/Auckland", 1);
  ::tzset();
  const auto two = write_bundle({{"b", "2"}, {"a", "1"}});
  ::unsetenv("TZ");
  ::tzset();
  ASSERT_TRUE(one && two);
  EXPECT_EQ(*one, *two);
  // The first entry's DOS time and date: 1980-01-01 00:00.
  EXPECT_EQ(one->substr(10, 4), std::string("\0\0\x21\0", 4));
}

TEST(Bundle, BadNamesAreNotWritten) {
  const std::vector<std::string> bad{"",     "/etc/passwd", "../x", "a/../b",
                                     "a//b", "a\\b",        "c:x",  "a/",
                                     "./a",  "a\nb",        "\xFF", std::string(256, 'n')};
  for (const std::string& name : bad) EXPECT_FALSE(write_bundle({{name, "x"}})) << name;
  EXPECT_FALSE(write_bundle({{"a", "x"}, {"a", "y"}}));
  EXPECT_FALSE(write_bundle({}));
}

TEST(Bundle, OtherProgramsReadIt) {
  const test::TempDir dir;
  const auto written = write_bundle({{"a.txt", "hello\n"}, {"sub/b.json", "{}"}});
  ASSERT_TRUE(written);
  const std::string path = dir.file("bundle.zip");
  test::write_file(path, *written);
  EXPECT_EQ(test::shell("unzip -tqq " + path + " && unzip -p " + path + " a.txt"), "hello\n");
  EXPECT_THAT(test::shell("python3 -c 'import sys,zipfile\n"
                          "z=zipfile.ZipFile(sys.argv[1]);print(z.testzip(),[(i.filename,"
                          "i.date_time[0],oct(i.external_attr>>16)) for i in z.infolist()])' " +
                          path),
              HasSubstr("None [('a.txt', 1980, '0o100644'), ('sub/b.json', 1980, '0o100644')]"));
}

TEST(Bundle, ReadsWhatOtherProgramsPack) {
  const test::TempDir dir;
  const std::string path = dir.file("other.zip");
  // Streamed, so that it has data descriptors.
  test::shell(
      "python3 -c 'import sys,zipfile\n"
      "class W:\n"
      " def __init__(s,f): s.f=f\n"
      " def write(s,b): return s.f.write(b)\n"
      " def flush(s): pass\n"
      "z=zipfile.ZipFile(W(open(sys.argv[1],\"wb\")),\"w\",zipfile.ZIP_DEFLATED)\n"
      "z.writestr(\"report.json\",\"{}\"*500);z.writestr(\"z\",\"\");z.close()' " +
      path);
  const auto read = read_bundle(test::read_file(path));
  ASSERT_TRUE(read) << read.error().public_detail;
  ASSERT_EQ(read->size(), 2U);
  EXPECT_EQ((*read)[0].bytes.size(), 1000U);
}

TEST(Bundle, AWellFormedRawZipIsRead) {
  const auto read = read_bundle(raw_zip({RawEntry{}}));
  ASSERT_TRUE(read) << read.error().public_detail;
  EXPECT_EQ(read->front().bytes, "hello");
}

TEST(Bundle, DoubledNames) {
  RawEntry other;
  EXPECT_THAT(why(raw_zip({RawEntry{}, other})), HasSubstr("twice"));
  other.name = other.local_name = "A.TXT";
  EXPECT_THAT(why(raw_zip({RawEntry{}, other})), HasSubstr("twice"));
}

TEST(Bundle, NamesThatLeaveTheFolder) {
  for (const char* name : {"../a", "/a", "a/../../b", "a\\..\\b", "C:a", "a//b", "", "a/./b"}) {
    RawEntry entry;
    entry.name = entry.local_name = name;
    EXPECT_THAT(why(raw_zip({entry})), HasSubstr("not allowed")) << name;
  }
  RawEntry folder;
  folder.name = folder.local_name = "sub/";
  EXPECT_THAT(why(raw_zip({folder})), HasSubstr("folder"));
  RawEntry link;
  link.attributes = 0120777U << 16U;
  EXPECT_THAT(why(raw_zip({link})), HasSubstr("no regular file"));
}

TEST(Bundle, EncryptedOrOddlyPacked) {
  RawEntry entry;
  entry.flags = 1;
  EXPECT_THAT(why(raw_zip({entry})), HasSubstr("encrypted"));
  entry.flags = 1U << 13U;  // masked headers
  EXPECT_THAT(why(raw_zip({entry})), HasSubstr("not taken"));
  entry.flags = 0;
  entry.method = 12;  // bzip2
  EXPECT_THAT(why(raw_zip({entry})), HasSubstr("not taken"));
}

TEST(Bundle, BytesThatBelongToNobody) {
  const std::string good = raw_zip({RawEntry{}});
  EXPECT_THAT(why(good + "x"), HasSubstr("does not end"));
  EXPECT_THAT(why(good + good), HasSubstr("does not end"));
  EXPECT_THAT(why("x" + good), HasSubstr("not a ZIP"));
  EXPECT_THAT(why(raw_zip({RawEntry{}}, {}, "comment")), HasSubstr("does not end"));
  EXPECT_THAT(why(raw_zip({RawEntry{}}, "gap")), HasSubstr("bytes between"));
  RawEntry second;
  second.name = second.local_name = "b.txt";
  second.gap_before = "hidden";
  EXPECT_THAT(why(raw_zip({RawEntry{}, second})), HasSubstr("belong to none"));
  RawEntry commented;
  commented.comment = "x";
  EXPECT_THAT(why(raw_zip({commented})), HasSubstr("comment"));
  EXPECT_NE(why(raw_zip({RawEntry{}}, {}, {}, 1)), "");
  EXPECT_NE(why(raw_zip({RawEntry{}}, {}, {}, -1)), "");
}

TEST(Bundle, HeadersThatDisagree) {
  RawEntry entry;
  entry.local_name = "b.txt";
  EXPECT_THAT(why(raw_zip({entry})), HasSubstr("disagree"));
  entry = {};
  entry.sizes_in_local = false;
  EXPECT_THAT(why(raw_zip({entry})), HasSubstr("disagree"));
  entry.flags = 8;
  EXPECT_THAT(why(raw_zip({entry})), HasSubstr("disagree"));  // no descriptor follows
  entry.descriptor = le32(entry.crc) + le32(5) + le32(5);
  EXPECT_EQ(why(raw_zip({entry})), "");
  entry.descriptor = le32(0x08074B50) + entry.descriptor;
  EXPECT_EQ(why(raw_zip({entry})), "");
  entry = {};
  entry.offset_shift = 1;
  EXPECT_THAT(why(raw_zip({entry})), HasSubstr("not where"));
  entry = {};
  entry.crc ^= 1U;
  EXPECT_THAT(why(raw_zip({entry})), HasSubstr("damaged"));
  entry = {};
  entry.extra = le16(0x7075) + le16(1) + "x";
  EXPECT_THAT(why(raw_zip({entry})), HasSubstr("second name"));
  entry = {};
  entry.extra = le16(1) + le16(8) + std::string(8, '\0');
  EXPECT_THAT(why(raw_zip({entry})), HasSubstr("ZIP64"));
  entry = {};
  entry.extra = le16(0x5455) + le16(9);
  EXPECT_THAT(why(raw_zip({entry})), HasSubstr("malformed"));
}

TEST(Bundle, Bombs) {
  RawEntry bomb;
  bomb.method = 8;
  bomb.packed = deflated(std::string(50'000'000, '\0'));
  bomb.size = 10;  // claims less than it unpacks to
  EXPECT_THAT(why(raw_zip({bomb})), HasSubstr("size it claims"));
  bomb.size = 50'000'000;
  EXPECT_THAT(why(raw_zip({bomb}), {.entry_bytes_max = 1'000'000}), HasSubstr("more than is read"));
  BundleLimits total;
  total.total_bytes_max = 60'000'000;
  RawEntry second = bomb;
  second.name = second.local_name = "b.txt";
  EXPECT_THAT(why(raw_zip({bomb, second}), total), HasSubstr("more than is read"));
  EXPECT_EQ(read_bundle(raw_zip({RawEntry{}}), {.entries_max = 0}).error().code,
            ErrorCode::kPayloadTooLarge);
}

// A source that gives `text` and says that it has `size` bytes.
BundleEntry from_source(std::string name, const std::string& text, std::size_t size) {
  const auto open = [text]() -> BundleReader {
    const auto rest = std::make_shared<std::string>(text);
    return [rest](char* to, std::size_t room) -> Result<std::size_t> {
      const std::size_t taken = rest->copy(to, room);
      rest->erase(0, taken);
      return taken;
    };
  };
  BundleEntry entry;
  entry.name = std::move(name);
  entry.source = BundleSource{.size = size, .sha256 = crypto::sha256_hex(text), .open = open};
  return entry;
}

TEST(Bundle, FromASourceIsTheSameAsFromBytes) {
  std::string text;
  for (int i = 0; text.size() < 300'000; ++i) text += "line " + std::to_string(i * 7919) + "\n";
  const auto whole = write_bundle({{"a.txt", text}, {"b.pdf", text}, {"c.txt", ""}});
  ASSERT_TRUE(whole);
  const auto read_on =
      write_bundle({from_source("a.txt", text, text.size()),
                    from_source("b.pdf", text, text.size()), from_source("c.txt", "", 0)});
  ASSERT_TRUE(read_on) << read_on.error().internal;
  EXPECT_EQ(*read_on, *whole);
}

TEST(Bundle, ASourceThatFailsOrLiesFailsTheBundle) {
  EXPECT_FALSE(write_bundle({from_source("a.txt", "hello", 4)}));
  EXPECT_FALSE(write_bundle({from_source("a.txt", "hello", 6)}));
  BundleEntry entry = from_source("a.txt", "hello", 5);
  entry.source->open = []() -> BundleReader {
    return [](char*, std::size_t) -> Result<std::size_t> { return make_internal("no more of it"); };
  };
  const auto failed = write_bundle({entry});
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().internal, "no more of it");
}

TEST(Bundle, EveryByteThatIsChangedOrCutIsNoticed) {
  const auto written = write_bundle({{"a.txt", "hello"}, {"b.txt", std::string(300, 'b')}});
  ASSERT_TRUE(written);
  const auto original = read_bundle(*written);
  ASSERT_TRUE(original);
  int unnoticed = 0;
  for (std::size_t i = 0; i < written->size(); ++i) {
    std::string cut = written->substr(0, i);
    EXPECT_FALSE(read_bundle(cut)) << i;
    std::string changed = *written;
    changed[i] = static_cast<char>(changed[i] ^ 0x10);
    const auto read = read_bundle(changed);
    if (!read) continue;
    ++unnoticed;  // versions, times, modes: then the contents must be what they were
    ASSERT_EQ(read->size(), 2U) << i;
    EXPECT_EQ((*read)[0].bytes, "hello") << i;
    EXPECT_EQ((*read)[0].name, "a.txt") << i;
    EXPECT_EQ((*read)[1].bytes, (*original)[1].bytes) << i;
  }
  EXPECT_LT(unnoticed, 90);
}

TEST(EvidenceBundle, HoldsEverythingAndChecksumsFit) {
  const test::TempDir dir;
  const inventory::ScanDocument document = test::large_document(3);
  auto artifacts = artifacts_of(document);
  ASSERT_TRUE(artifacts) << artifacts.error().internal;
  const auto bundle =
      make_bundle(document, *artifacts, {{"passport.json", "{}"}, {"carnet-keys.json", "[]"}});
  ASSERT_TRUE(bundle) << bundle.error().internal;
  const auto again = make_bundle(document, *artifacts_of(document),
                                 {{"carnet-keys.json", "[]"}, {"passport.json", "{}"}});
  EXPECT_EQ(*bundle, *again);
  const std::string path = dir.file("bundle.zip");
  test::write_file(path, *bundle);
  const std::string out = test::shell("cd " + dir.path().string() +
                                      " && unzip -qq bundle.zip && "
                                      "sha256sum --check --strict SHA256SUMS && ls");
  for (const NamedArtifact& artifact : *artifacts)
    EXPECT_THAT(out, HasSubstr(artifact.name + ": OK"));
  EXPECT_THAT(out, HasSubstr("passport.json: OK"));
  EXPECT_THAT(out, HasSubstr("README.md: OK"));
  EXPECT_THAT(test::read_file(dir.file("README.md")), HasSubstr(document.scan_id));
  // The names of docs/evidence.md, all of them.
  for (const auto name : {kReportJsonName, kAssetsCsvName, kRemediationCsvName})
    EXPECT_THAT(out, HasSubstr(std::string(name) + ": OK"));
  EXPECT_FALSE(make_bundle(document, *artifacts, {{"report.json", "another"}}));
}

}  // namespace
}  // namespace carnet::evidence
