#include "evidence/report_pdf.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <regex>
#include <thread>

#include "base/json.h"
#include "evidence/cbom.h"
#include "evidence/report.h"
#include "evidence/tests/documents.h"
#include "evidence/tests/naughty.h"
#include "evidence/tests/shell.h"

namespace carnet::evidence {
namespace {

using inventory::ScanDocument;
using ::testing::HasSubstr;
using ::testing::Not;

std::string pdf_of(const ScanDocument& document, const PdfOptions& options = {}) {
  auto pdf = write_pdf(document, options);
  EXPECT_TRUE(pdf) << (pdf ? "" : pdf.error().internal);
  return pdf ? *pdf : std::string();
}

// A file of the report that other programs look at.
class Pdf {
 public:
  explicit Pdf(const std::string& bytes) { test::write_file(path(), bytes); }
  [[nodiscard]] std::string path() const { return dir_.file("report.pdf"); }
  [[nodiscard]] std::string text(const std::string& options = "-layout") const {
    return test::shell("pdftotext " + options + " " + path() + " -");
  }
  [[nodiscard]] int pages() const {
    const std::string info = test::shell("pdfinfo " + path());
    std::smatch found;
    return std::regex_search(info, found, std::regex("Pages: +([0-9]+)")) ? std::stoi(found[1]) : 0;
  }

 private:
  test::TempDir dir_;
};

std::size_t count_of(std::string_view text, std::string_view word) {
  std::size_t count = 0;
  for (std::size_t at = text.find(word); at != std::string_view::npos;
       at = text.find(word, at + word.size()))
    ++count;
  return count;
}

TEST(ReportPdf, IsASoundFileWithEmbeddedFonts) {
  const Pdf pdf(pdf_of(test::large_document(50)));
  EXPECT_THAT(test::shell("qpdf --check " + pdf.path()),
              HasSubstr("No syntax or stream encoding errors"));
  const std::string fonts = test::shell("pdffonts " + pdf.path() + " | tail -n +3");
  EXPECT_GE(count_of(fonts, "\n"), 3U);
  std::istringstream lines(fonts);
  for (std::string line; std::getline(lines, line);)
    EXPECT_TRUE(std::regex_search(line, std::regex(" yes yes yes +[0-9]+ +0$"))) << line;
  const std::string info = test::shell("pdfinfo " + pdf.path());
  EXPECT_THAT(info, HasSubstr("Post-quantum readiness: Quarterly inventory"));
  EXPECT_THAT(info, HasSubstr("Readiness 41.5 of 100 (At Risk)"));
  EXPECT_TRUE(std::regex_search(info, std::regex("Tagged: +yes"))) << info;
  EXPECT_THAT(test::shell("pdfinfo -struct " + pdf.path()), HasSubstr("Table (block)"));
}

TEST(ReportPdf, HasBookmarksAndLinks) {
  const Pdf pdf(pdf_of(test::large_document(3)));
  const std::string json =
      test::shell("qpdf --json=2 --json-key=outlines --json-key=qpdf " + pdf.path());
  for (const char* title : {"Summary", "Exposure", "Time line", "Assets", "What to do",
                            "Frameworks", "Method", "Limits"})
    EXPECT_THAT(json, HasSubstr(std::string("\"title\": \"") + title + "\"")) << title;
  EXPECT_THAT(json, HasSubstr("https://doi.org/10.6028/NIST.IR.8547.ipd"));
  EXPECT_THAT(json, HasSubstr("/Link"));
}

TEST(ReportPdf, TheSameDocumentGivesTheSameBytesWhateverTheMachineIsSetTo) {
  const ScanDocument document = test::large_document(20);
  const std::string first = pdf_of(document);
  ::setenv("TZ", "Pacific/Auckland", 1);
  ::setenv("LANG", "ja_JP.UTF-8", 1);
  ::setenv("PANGO_LANGUAGE", "ja", 1);
  ::tzset();
  const std::string second = pdf_of(document);
  for (const char* name : {"TZ", "LANG", "PANGO_LANGUAGE"}) ::unsetenv(name);
  ::tzset();
  EXPECT_EQ(first, second);
  EXPECT_NE(first, pdf_of(document, {.recipient = "Somebody"}));
}

TEST(ReportPdf, ManyThreadsAtOnce) {
  const ScanDocument document = test::large_document(10);
  const std::string expected = pdf_of(document);
  std::vector<std::string> made(4);
  std::vector<std::thread> threads;
  for (std::string& one : made)
    threads.emplace_back([&one, &document] {
      for (int i = 0; i < 3; ++i) one = pdf_of(document);
    });
  for (std::thread& thread : threads) thread.join();
  for (const std::string& one : made) EXPECT_EQ(one, expected);
}

TEST(ReportPdf, NumbersAreThoseOfTheJsonAndTheCbom) {
  const ScanDocument document = test::large_document(25);
  const auto report = json::parse(report_json(document));
  ASSERT_TRUE(report);
  const auto& counts = report->at("counts").as_object();
  const auto number = [&](const char* name) { return std::to_string(counts.at(name).as_int64()); };
  const Pdf pdf(pdf_of(document));
  const std::string cover = pdf.text("-layout -l 1");
  EXPECT_THAT(cover, HasSubstr("41.5"));
  EXPECT_THAT(cover, HasSubstr("At Risk"));
  EXPECT_THAT(cover, HasSubstr("Range 37.2 to 41.5"));
  EXPECT_THAT(cover, HasSubstr("25 of 26 endpoints reached on"));
  EXPECT_THAT(cover, HasSubstr("88.4%"));
  const std::string all = pdf.text();
  EXPECT_THAT(all, HasSubstr(number("hndlExposed") + " of " + number("assets") +
                             " assets let traffic be recorded today"));
  for (const auto& [words, member] : {std::pair{"Broken", "broken"},
                                      {"At risk", "atRisk"},
                                      {"Safe", "safe"},
                                      {"Unknown", "unknown"}})
    EXPECT_THAT(all, HasSubstr(std::string(words) + " " + number(member)));
  EXPECT_THAT(cbom_json(document),
              HasSubstr(R"({"name":"carnet:assets:at-risk","value":")" + number("atRisk") + "\"}"));
  // Every asset has its row and every piece of work its place.
  const std::string table = pdf.text("-raw");
  for (const auto& asset : document.judgement.assets)
    EXPECT_GE(count_of(table, fmt::format("\n{}:{}", asset.host, asset.port)), 2U) << asset.host;
}

TEST(ReportPdf, RecipientAndSampleAreOnEveryPage) {
  ScanDocument document = test::large_document(40);
  document.sample = true;
  const Pdf pdf(pdf_of(document, {.recipient = "Meridian Audit LLP"}));
  const int pages = pdf.pages();
  ASSERT_GT(pages, 6);
  for (int page = 1; page <= pages; ++page) {
    const std::string text = pdf.text(fmt::format("-layout -f {0} -l {0}", page));
    EXPECT_THAT(text, HasSubstr("Prepared for Meridian Audit LLP")) << page;
    EXPECT_THAT(text, HasSubstr("SAMPLE")) << page;
    EXPECT_THAT(text, HasSubstr(fmt::format("Page {}", page)));
  }
  document.sample = false;
  const std::string plain = Pdf(pdf_of(document)).text();
  EXPECT_THAT(plain, Not(HasSubstr("SAMPLE")));
  EXPECT_THAT(plain, Not(HasSubstr("Prepared for")));
}

TEST(ReportPdf, TablesRepeatTheirHeader) {
  const Pdf pdf(pdf_of(test::large_document(120)));
  EXPECT_GE(count_of(pdf.text(), "Agrees on keys with"), 3U);
}

TEST(ReportPdf, LongTablesSayWhatTheyLeaveOut) {
  ScanDocument document = test::large_document(1600);
  const auto text_before = Pdf(pdf_of(test::large_document(50))).text();
  EXPECT_THAT(text_before, Not(HasSubstr("has them all")));
  auto& assets = document.judgement.assets;
  const inventory::Asset first = assets.front();
  assets.insert(assets.end(), 10'003 - 3200, first);  // of key establishment
  const std::string text = Pdf(pdf_of(document)).text();
  EXPECT_THAT(text, HasSubstr("3 assets more: assets.csv has them all."));
  EXPECT_THAT(text, HasSubstr("600 places more: remediation.csv has them all."));
}

TEST(ReportPdf, AHundredAssetsStayUnderAMebibyte) {
  EXPECT_LT(pdf_of(test::large_document(50)).size(), std::size_t{1024} * 1024);
}

TEST(ReportPdf, NothingJudgedIsSaidAndNotScored) {
  ScanDocument document;
  document.scan_id = "scan_1";
  document.judgement.method_version = "1.0";
  const Pdf pdf(pdf_of(document));
  EXPECT_THAT(test::shell("qpdf --check " + pdf.path()), HasSubstr("No syntax"));
  EXPECT_THAT(pdf.text(), HasSubstr("No score"));
  EXPECT_THAT(pdf.text(), Not(HasSubstr("0.0")));
  document.judgement.coverage = {.requested = 2, .reached = 0, .confidence = 0};
  const std::string text = Pdf(pdf_of(document)).text();
  EXPECT_THAT(text, HasSubstr("None of 2 endpoints reached on"));
  EXPECT_THAT(text, HasSubstr("Reach the endpoints"));
  // Noughts of nothing, and charts of them, tell nobody anything.
  EXPECT_THAT(text, Not(HasSubstr("of 0 assets")));
  EXPECT_THAT(text, Not(HasSubstr("Broken 0")));
}

// What can be recorded is said only of scans that saw such a thing.
TEST(ReportPdf, FilesAloneLetNothingBeRecorded) {
  ScanDocument document = test::large_document(1);
  auto& judgement = document.judgement;
  document.endpoints.resize(1);
  document.endpoints[0].tls.reset();
  document.endpoints[0].file = inventory::FileObservation{.name = "key.pem", .format = "PEM"};
  judgement.assets.resize(1);
  judgement.assets[0].exposure = inventory::Exposure::kAuthentication;
  judgement.assets[0].vulnerability.status = inventory::AssetStatus::kAtRisk;
  judgement.assets[0].vulnerability.hndl_exposed = false;
  judgement.counts = {.assets = 1, .broken = 0, .at_risk = 1, .safe = 0, .unknown = 0};
  judgement.coverage = {.requested = 1, .reached = 1, .confidence = 44};
  judgement.score = judgement.score_low = judgement.score_high = 0;
  judgement.band = "Critical";
  judgement.mosca.inequality_holds = true;
  const std::string text = Pdf(pdf_of(document)).text();
  EXPECT_THAT(text, HasSubstr("1 file looked at on"));
  EXPECT_THAT(text, Not(HasSubstr("Traffic recorded today is at stake")));
  EXPECT_THAT(text, HasSubstr("No asset lets traffic be recorded today"));
  EXPECT_THAT(text, HasSubstr("none was seen"));
  judgement.assets[0].vulnerability.hndl_exposed = true;
  judgement.counts.hndl_exposed = 1;
  const std::string exposed = Pdf(pdf_of(document)).text();
  EXPECT_THAT(exposed, HasSubstr("1 of 1 asset lets traffic be recorded today"));
  EXPECT_THAT(Pdf(pdf_of(document)).text("-raw -l 1"), HasSubstr("Traffic recorded"));
}

// 8.1 years from the end of November 2026 are the first days of 2035, and not 2034.
TEST(ReportPdf, TheYearOfTheMachineIsRoundedAsTheSpanIs) {
  ScanDocument document = test::large_document(1);
  document.finished_at = *parse_rfc3339("2026-11-24T19:09:44Z");
  document.judgement.mosca.parameters.years_to_qday = 8.1;
  EXPECT_THAT(Pdf(pdf_of(document)).text(), HasSubstr("Quantum computer assumed, 2035"));
}

TEST(ReportPdf, FirstStepsEndWithASentenceOrAWord) {
  ScanDocument document = test::large_document(1);
  auto& backlog = document.judgement.backlog;
  backlog.resize(3);
  backlog[0].title = "One";
  backlog[0].action =
      "A first sentence of this action is longer than one line of the cover, which goes without "
      "any saying at all. " +
      std::string(30, 'w') +
      " and a second one that goes on and on and on until two lines do not hold it";
  backlog[1].title = "Two";
  backlog[1].action =
      "One sentence alone that has `some code in it`, and " + std::string(100, 'v') + " at its end";
  backlog[2].title = "Three";
  backlog[2].action =
      "Short. Then comes what is to be done, and it is told at its length until there is no room "
      "left on these two lines of the cover, but not to its very last word, the xylophone";
  const std::string cover = Pdf(pdf_of(document)).text("-raw -l 1");
  EXPECT_THAT(cover, HasSubstr("without any saying at all.\n"));
  EXPECT_THAT(cover, HasSubstr("Short. Then comes what is to be done"));
  EXPECT_THAT(cover, HasSubstr("and …"));
  EXPECT_THAT(cover, Not(HasSubstr("www")));
  EXPECT_THAT(cover, Not(HasSubstr("xylophone")));
}

TEST(ReportPdf, LongNamesOnTheCoverAreWholeElsewhere) {
  ScanDocument document = test::large_document(1);
  document.label = "Label";
  for (int i = 0; i < 24; ++i) document.label += fmt::format(" word{}", i);
  std::string recipient = "Recipient";
  for (int i = 0; i < 24; ++i) recipient += fmt::format(" part{}", i);
  const Pdf pdf(pdf_of(document, {.recipient = recipient}));
  std::string words = pdf.text("-raw -f 2");
  std::replace(words.begin(), words.end(), '\n', ' ');
  EXPECT_THAT(words, HasSubstr("Label: " + document.label));
  EXPECT_THAT(words, HasSubstr("Prepared for " + recipient));
}

// Texts that break programs: drawn within the page, never run, never lost without a sign.
TEST(ReportPdf, NaughtyStringsAreInert) {
  const std::vector<std::string> naughty = test::naughty_strings();
  ScanDocument document = test::large_document(static_cast<int>(naughty.size()) / 2 + 1);
  std::size_t i = 0;
  const auto next = [&] { return naughty[i++ % naughty.size()]; };
  for (auto& asset : document.judgement.assets) {
    asset.host = next();
    asset.algorithm = next();
    asset.vulnerability.summary = next();
    asset.vulnerability.pqc_replacement = next();
  }
  for (auto& item : document.judgement.backlog) {
    item.title = next();
    item.action = next();
    item.owner = next();
    item.deadline_source = "https://example.org/" + next();
    item.deadline = next();
  }
  for (auto& framework : document.judgement.frameworks) framework.name = next();
  document.judgement.notes = naughty;
  document.judgement.mosca.summary = next();
  document.endpoints.back().unreached_reason = next();
  document.label = next();
  const Pdf pdf(pdf_of(document, {.recipient = naughty[3]}));
  EXPECT_THAT(test::shell("qpdf --check " + pdf.path()), HasSubstr("No syntax"));
  const std::string json = test::shell("qpdf --json=2 --json-key=qpdf " + pdf.path());
  EXPECT_THAT(json, Not(HasSubstr("/JavaScript")));
  EXPECT_THAT(json, Not(HasSubstr("/Launch")));
  // Every word lies on the paper.
  const std::string boxes = test::shell("pdftotext -bbox " + pdf.path() + " - | grep '<word'");
  std::istringstream lines(boxes);
  const std::regex box(
      "xMin=\"([-0-9.]+)\" yMin=\"([-0-9.]+)\" xMax=\"([-0-9.]+)\" yMax=\"([-0-9.]+)\"");
  int words = 0;
  for (std::string line; std::getline(lines, line); ++words) {
    std::smatch found;
    ASSERT_TRUE(std::regex_search(line, found, box)) << line;
    EXPECT_GE(std::stod(found[1]), 0) << line;
    EXPECT_LE(std::stod(found[3]), 596) << line;
    EXPECT_LE(std::stod(found[4]), 843) << line;
  }
  EXPECT_GT(words, 500);
}

TEST(ReportPdf, HostNamesGetNoHyphenWhereTheyWrap) {
  ScanDocument document = test::large_document(1);
  document.judgement.assets[0].host = std::string(120, 'a') + ".example";
  EXPECT_EQ(Pdf(pdf_of(document)).text().find("a-\n"), std::string::npos);
}

TEST(ReportPdf, ScriptsOfTheWorldAreDrawn) {
  ScanDocument document = test::large_document(1);
  document.judgement.notes = {"Größe naïve", "Ελληνικά",       "Кириллица",
                              "中文报告",    "日本語レポート", "한국어 보고서 찦차"};
  const std::string text = Pdf(pdf_of(document)).text("-raw");
  for (const std::string& note : document.judgement.notes) EXPECT_THAT(text, HasSubstr(note));
  EXPECT_THAT(text, Not(HasSubstr("\xEF\xBF\xBD")));
  document.judgement.notes = {"rocket \U0001F680"};  // no font of ours has it
  EXPECT_THAT(Pdf(pdf_of(document)).text("-raw"), HasSubstr("rocket \xEF\xBF\xBD"));
}

}  // namespace
}  // namespace carnet::evidence
