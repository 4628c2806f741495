#include "web/pages.h"

#include <algorithm>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "web/tests/fixture.h"

namespace carnet::web {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string overview_of(inventory::ScanDocument document, const service::OpenLink& link,
                        const std::vector<DownloadLink>& downloads = fixture::downloads(),
                        const AssetQuery& query = {}) {
  service::Overview shown;
  shown.document = std::move(document);
  return Pages().overview({.link = link,
                           .overview = shown,
                           .address = "/r/cnt_s_TOKEN",
                           .downloads = downloads,
                           .assets = query,
                           .now = fixture::at(fixture::kNow)});
}

std::string plain_overview() { return overview_of(fixture::document(), fixture::link()); }

// Each tag with the names of its attributes, in order: what a value must not be able to change.
// Reads as strictly as the templates are written (quoted attributes); anything else comes out as
// text that no template gives.
std::vector<std::string> structure(const std::string& html) {
  std::vector<std::string> tags;
  std::size_t at = 0;
  while ((at = html.find('<', at)) != std::string::npos) {
    std::string tag = "<";
    ++at;
    bool in_name = true;
    while (at < html.size() && html[at] != '>') {
      if (html[at] == '"') {
        at = html.find('"', at + 1);
        if (at == std::string::npos) return {"unclosed attribute"};
        tag += "\"\"";
        in_name = true;
      } else {
        tag += html[at];
      }
      ++at;
    }
    if (in_name) tags.push_back(tag + ">");
  }
  return tags;
}

const std::vector<std::string>& naughty_strings() {
  static const std::vector<std::string> strings = {
      "<script>alert(1)</script>",
      "</title><script>alert(1)</script>",
      "\"><img src=x onerror=alert(1)>",
      "' onmouseover='alert(1)",
      "\" onfocus=\"alert(1)\" autofocus=\"",
      "javascript:alert(1)",
      "https://example.org/\"onmouseover=\"alert(1)",
      "{{ISSUER}}{{>HEAD}}{{#SAMPLE}}",
      "{{%AUTOESCAPE context=\"JAVASCRIPT\"}}",
      "<!--",
      "-->",
      "<![CDATA[",
      "]]>",
      "<svg/onload=alert(1)>",
      "&lt;script&gt;alert(1)&lt;/script&gt;",
      "&#60;script&#62;",
      "<a href=\"https://evil.example\">click</a>",
      "</td></tr></table><form action=https://evil.example>",
      "line one\nline two\r\n<script>",
      "a\tb\vc\fd",
      std::string("nul\0<script>", 12),
      "\xE2\x80\xAE"
      "gpj.exe",                                        // RIGHT-TO-LEFT OVERRIDE
      "\xE2\x81\xA6\xE2\x81\xA7\xE2\x81\xA8 isolates",  // never closed
      "\xFF\xFE not UTF-8 \xC0\xBCscript\xC0\xBE",      // overlong "<"
      "\xE2\x80",                                       // cut off
      "+ADw-script+AD4-",                               // UTF-7
      "\\\"><script>",
      "`${alert(1)}`",
      "%3Cscript%3E",
      std::string(5000, 'A'),
  };
  return strings;
}

TEST(Hostile, NoStringChangesThePagesStructure) {
  const auto structure_with = [](const std::string& text) {
    return structure(overview_of(fixture::document_with(text), fixture::link_with(text)));
  };
  const auto as_text = structure_with("harmless");
  const auto as_address = structure_with("https://harmless.example/");  // a source becomes a link
  const auto as_code = structure_with("`harmless`");  // a setting within an action
  ASSERT_GT(as_text.size(), 100U);
  for (const std::string& text : naughty_strings()) {
    const auto& expected = text.starts_with("https://") ? as_address
                           : text.starts_with("`")      ? as_code
                                                        : as_text;
    EXPECT_EQ(structure_with(text), expected) << text;
  }
}

TEST(Hostile, StructureNoticesAnInjectedTag) {
  // The check itself: without escaping, each of these would be seen.
  EXPECT_NE(structure("<p>harmless</p>"), structure("<p><script>x</script></p>"));
  EXPECT_NE(structure("<p title=\"harmless\">"), structure("<p title=\"\" onfocus=\"x\">"));
}

TEST(Hostile, DocsAndProblemsToo) {
  const Pages pages;
  const auto docs = [&](const std::string& text) {
    return structure(
        pages.docs({{text, "/pqc/" + text, text, text, text}}, {{text, text, text, 404}}, text));
  };
  const auto problem = structure(pages.link_problem("harmless", 404));
  for (const std::string& text : naughty_strings()) {
    EXPECT_EQ(docs(text), docs("harmless")) << text;
    EXPECT_EQ(structure(pages.link_problem(text, 404)), problem) << text;
  }
}

TEST(Hostile, MarkupIsShownAsText) {
  const std::string html =
      overview_of(fixture::document_with("<b>&\"'"), fixture::link_with("<b>&\"'"));
  EXPECT_THAT(html, HasSubstr("&lt;b&gt;&amp;&quot;&#39;"));
  EXPECT_THAT(html, Not(HasSubstr("<b>")));
}

TEST(Hostile, OnlyWebAddressesBecomeLinks) {
  inventory::ScanDocument document = fixture::document();
  for (inventory::BacklogItem& item : document.judgement.backlog)
    item.deadline_source = "javascript:alert(1)";
  document.judgement.frameworks[0].requirements[0].source =
      "data:text/html,<script>alert(1)</script>";
  document.judgement.frameworks[0].requirements[1].source = "https://nist.gov@evil.example/";
  const std::string html = overview_of(std::move(document), fixture::link());
  const std::regex link("href=\"([^\"]*)\"");
  for (std::sregex_iterator it(html.begin(), html.end(), link), end; it != end; ++it) {
    const std::string target = (*it)[1];
    EXPECT_TRUE(target.starts_with("https://") || target.starts_with("/") ||
                target.starts_with("#"))
        << target;
    EXPECT_THAT(target, Not(HasSubstr("evil.example")));
  }
}

TEST(Hostile, TextDirectionCannotBeTurned) {
  const std::string html = overview_of(fixture::document_with("\xE2\x80\xAE"
                                                              "fdp.exe"),
                                       fixture::link_with("\xE2\x80\xAE"
                                                          "fdp.exe"));
  EXPECT_THAT(html, Not(HasSubstr("\xE2\x80\xAE")));
  EXPECT_THAT(html, HasSubstr("\xEF\xBF\xBD"
                              "fdp.exe"));
}

TEST(Overview, NothingThatTheContentSecurityPolicyForbids) {
  for (const std::string& html : {plain_overview(), Pages().link_problem("rate_limited", 429),
                                  Pages().docs(fixture::routes(), fixture::problems(), "1")}) {
    EXPECT_FALSE(std::regex_search(html, std::regex("\\sstyle=|<style|\\son[a-z]+=|javascript:")))
        << html;
    // A script has a source and no body.
    EXPECT_FALSE(std::regex_search(html, std::regex("<script(?![^>]*src=)|<script[^>]*>[^<]")));
    EXPECT_FALSE(std::regex_search(html, std::regex("(src|<link[^>]*href)=\"(https?:|//)")));
  }
}

TEST(Overview, SaysWhoForWhomWhatAndUntilWhen) {
  const std::string html = plain_overview();
  EXPECT_THAT(html, HasSubstr("<html lang=\"en\">"));
  EXPECT_THAT(html,
              HasSubstr("Prepared for <strong><bdi>Audit Committee, Meridian Bank</bdi></strong>"));
  EXPECT_THAT(html, HasSubstr("<bdi>Meridian Bank</bdi>"));
  EXPECT_THAT(
      html,
      HasSubstr("<time datetime=\"2026-11-24T09:03:41Z\">24 November 2026, 09:03 UTC</time>"));
  EXPECT_THAT(html, HasSubstr("1 December 2026, 09:10 UTC"));
  EXPECT_THAT(html, HasSubstr("closes in 6 days"));
}

TEST(Overview, ScoreNeverStandsAlone) {
  const std::string html = plain_overview();
  EXPECT_THAT(html, HasSubstr("Readiness score 41.5 of 100, At Risk; score range 36.2 to 41.5"));
  EXPECT_THAT(html, HasSubstr("<strong>36.2 to 41.5</strong>"));
  EXPECT_THAT(html, HasSubstr("8 of 10 endpoints reached."));
  EXPECT_THAT(html, HasSubstr("73.6&nbsp;%</strong> A heuristic"));
}

TEST(Overview, WithoutAScoreItSaysThatItIsNotZero) {
  inventory::ScanDocument document = fixture::document();
  document.judgement = {};
  const std::string html = overview_of(std::move(document), fixture::link());
  EXPECT_THAT(html, HasSubstr("That is not a score of zero"));
  EXPECT_THAT(html, HasSubstr("No score: nothing could be classified"));
  EXPECT_THAT(html, Not(HasSubstr("g-value\"")));
}

TEST(Overview, CountsTheTwoExposuresApart) {
  const std::string html = plain_overview();
  EXPECT_THAT(html, HasSubstr("<strong>5</strong> <span>of 7 exposed</span>"));
  EXPECT_THAT(html, HasSubstr("<strong>5</strong> <span>of 6 vulnerable</span>"));
}

TEST(Overview, MarksWhichMoscaValuesAreDefaults) {
  const std::string html = plain_overview();
  EXPECT_TRUE(
      std::regex_search(html, std::regex("10 years</strong> the data must stay secret</li>")));
  EXPECT_THAT(html,
              HasSubstr("5 years</strong> the migration takes <em class=\"tag\">default</em>"));
  EXPECT_THAT(html, HasSubstr("10 + 5 = 15 years is more than 8.1 years."));
}

TEST(Overview, NamesThreeFirstStepsWithDeadlineAndSource) {
  inventory::ScanDocument document = fixture::document();
  document.judgement.backlog[0].status = "done";
  const std::string done = overview_of(std::move(document), fixture::link());
  const std::string html = plain_overview();
  EXPECT_THAT(html, HasSubstr("Turn off TLS 1.0 and RSA key transport"));
  EXPECT_THAT(html, HasSubstr("<strong>31 March 2025</strong> <bdi>PCI DSS 4.0.1, 4.2.1</bdi>"));
  EXPECT_THAT(html,
              HasSubstr("<a href=\"https://digital-strategy.ec.europa.eu/en/library/roadmap\""));
  EXPECT_THAT(html, HasSubstr("All 4 actions in order of urgency"));
  EXPECT_THAT(html, HasSubstr("0 of 4 done"));
  EXPECT_THAT(done, Not(HasSubstr("<h3><bdi>Turn off TLS 1.0 and RSA key transport")));
  EXPECT_THAT(done, HasSubstr("1 of 4 done"));
}

TEST(Overview, SettingsInAnActionAreCodeAndThePlaceIsSaidOnce) {
  inventory::ScanDocument document = fixture::document();
  inventory::BacklogItem& item = document.judgement.backlog[0];
  item.title = "Turn it off at legacy-swift-gateway.payments.meridian-bank.example:8443";
  item.action = "Set `a <b>` and `c`; a lone ` stays.";
  item.deadline.clear();
  const std::string html = overview_of(std::move(document), fixture::link());
  EXPECT_THAT(html, HasSubstr("<h3><bdi>Turn it off</bdi></h3>"));
  EXPECT_THAT(html,
              HasSubstr("<bdi>Set </bdi><code>a &lt;b&gt;</code><bdi> and </bdi><code>c</code>"
                        "<bdi>; a lone ` stays.</bdi>"));
  EXPECT_THAT(html, HasSubstr("now, as it can be attacked today"));
}

TEST(Overview, ShowsNothingThatIsMeantForTheOwner) {
  service::OpenLink link = fixture::link();
  link.share.label = "label-of-the-owner";
  link.share.public_id = "publicid00";
  link.share.hint = "hintXYZ";
  const std::string html = overview_of(fixture::document(), link);
  for (const char* secret : {"label-of-the-owner", "publicid00", "hintXYZ"})
    EXPECT_THAT(html, Not(HasSubstr(secret)));
}

TEST(Overview, SampleBannerOnlyOnSamples) {
  inventory::ScanDocument document = fixture::document();
  document.sample = true;
  EXPECT_THAT(overview_of(document, fixture::link()), HasSubstr("<strong>SAMPLE</strong>"));
  EXPECT_THAT(plain_overview(), Not(HasSubstr("SAMPLE")));
}

TEST(Overview, ListsDownloadsWithSizes) {
  const std::string html = plain_overview();
  EXPECT_THAT(html, HasSubstr("/report?format=csv\" download"));
  EXPECT_THAT(html, HasSubstr("48.2 KB"));
  EXPECT_THAT(overview_of(fixture::document(), fixture::link(), {}),
              Not(HasSubstr("Take it with you")));
}

TEST(Overview, LargeScanKeepsTheFirstViewSmall) {
  const Pages pages;
  const std::string html = overview_of(fixture::large_document(5000), fixture::link());
  const std::size_t first_view = html.size() + pages.asset("carnet.css")->bytes.size() +
                                 pages.asset("carnet.js")->bytes.size() +
                                 pages.asset("carnet.svg")->bytes.size();
  EXPECT_LT(first_view, 100U * 1024U);
  EXPECT_THAT(html, HasSubstr(" assets, 1 to 50 shown."));
  EXPECT_THAT(html, HasSubstr("Page 1 of 201"));
}

std::vector<std::string> rows_of(const std::string& html) {
  const std::size_t from = html.find("id=\"found\"");
  const std::size_t to = html.find("</section>", from);
  const std::string list = html.substr(from, to - from);
  std::vector<std::string> rows;
  const std::regex row("<th scope=\"row\"><bdi>([^<]*)</bdi>");
  for (std::sregex_iterator it(list.begin(), list.end(), row), end; it != end; ++it)
    rows.push_back((*it)[1]);
  return rows;
}

TEST(Assets, AreSearchedFilteredAndOrderedByTheQuery) {
  const auto ask = [](const AssetQuery& query) {
    return overview_of(fixture::document(), fixture::link(), {}, query);
  };
  const std::size_t all = fixture::document().judgement.assets.size();
  EXPECT_EQ(rows_of(ask({})).size(), all);
  EXPECT_THAT(rows_of(ask({.text = " SFTP. "})),
              ::testing::ElementsAre("sftp.meridian-bank.example:22"));
  EXPECT_THAT(rows_of(ask({.text = "rsa", .status = "broken"})),
              ::testing::Each(HasSubstr("legacy-swift-gateway")));
  EXPECT_EQ(rows_of(ask({.status = "unknown"})).size(), 1U);
  EXPECT_EQ(rows_of(ask({.exposure = "authentication"})).size(), 6U);
  const std::vector<std::string> by_host = rows_of(ask({.order = "where"}));
  EXPECT_TRUE(std::is_sorted(by_host.begin(), by_host.end()));
  EXPECT_THAT(rows_of(ask({})).front(), HasSubstr("legacy-swift-gateway"));
  const std::string nothing = ask({.text = "no such host"});
  EXPECT_TRUE(rows_of(nothing).empty());
  EXPECT_THAT(nothing, HasSubstr("Nothing fits."));
  EXPECT_THAT(nothing, HasSubstr("value=\"no such host\""));
  // What means nothing is as if it had not been said.
  EXPECT_EQ(rows_of(ask({.status = "x", .exposure = "y", .order = "z", .page = -5})).size(), all);
  EXPECT_EQ(rows_of(ask({.text = std::string(101, 'x')})).size(), all);
  EXPECT_EQ(rows_of(ask({.text = "\xFF"})).size(), all);
}

TEST(Assets, TurnPagesWithoutLosingTheSearch) {
  const auto ask = [](const AssetQuery& query) {
    return overview_of(fixture::large_document(400), fixture::link(), {}, query);
  };
  std::set<std::string> seen;
  std::size_t count = 0;
  for (int page = 1; page <= 17; ++page) {
    for (const std::string& row : rows_of(ask({.page = page}))) seen.insert(row), ++count;
  }
  EXPECT_EQ(count, fixture::large_document(400).judgement.assets.size());
  EXPECT_EQ(rows_of(ask({.page = 17})), rows_of(ask({.page = 1000})));
  const std::string second = ask({.text = "a&b \"é", .order = "where", .page = 1});
  EXPECT_THAT(second, Not(HasSubstr("rel=\"next\"")));
  const std::string html = ask({.text = "e", .order = "where", .page = 2});
  EXPECT_THAT(html, HasSubstr("href=\"/r/cnt_s_TOKEN?q=e&amp;order=where#assets\""));
  EXPECT_THAT(html, HasSubstr("href=\"/r/cnt_s_TOKEN?q=e&amp;order=where&amp;page=3#assets\""));
}

TEST(Assets, NoSearchChangesThePagesStructure) {
  const auto with = [](const std::string& text) {
    return structure(overview_of(fixture::document(), fixture::link(), {}, {.text = text}));
  };
  const auto expected = with("nowhere to be found");
  for (const std::string& text : naughty_strings()) {
    const std::string cut = text.substr(0, 99);
    if (cut.find_first_not_of("\xFF\xFE\xC0\xBC\xBE\xE2\x80") != 0) continue;  // not UTF-8
    const auto found = with(cut);
    if (found.size() > expected.size() + 20) continue;  // taken as not said: all rows
    EXPECT_EQ(found, expected) << cut;
  }
}

TEST(Room, StateAndHistoryAreForPassportLinksAlone) {
  service::Overview shown;
  shown.document = fixture::document();
  shown.document.judgement.backlog[0].status = "in_progress";
  shown.document.judgement.backlog[0].owner = "Platform team";
  shown.history = fixture::history();
  for (const std::string scope : {"report", "bundle", "passport"}) {
    service::OpenLink link = fixture::link();
    link.share.scope = scope;
    const std::string html = Pages().overview({.link = link,
                                               .overview = shown,
                                               .address = "/r/T",
                                               .downloads = {},
                                               .assets = {},
                                               .now = fixture::at(fixture::kNow)});
    const bool covered = scope == "passport";
    for (const char* part :
         {"Platform team", "In progress", "How the score developed", "0 of 4 done"})
      EXPECT_EQ(html.find(part) != std::string::npos, covered) << scope << part;
    EXPECT_THAT(html, HasSubstr("All 4 actions"));
    if (covered) EXPECT_THAT(html, HasSubstr("Up 19 points since 20 May 2026"));
  }
}

TEST(Room, SaysUntilWhenItIsOpenAndWhatEachFileHashesTo) {
  EXPECT_THAT(plain_overview(), Not(HasSubstr("Open in this browser until")));
  EXPECT_THAT(plain_overview(), HasSubstr(">9f86d081884c7d659a2feaa0c55ad015"));
  EXPECT_THAT(plain_overview(), Not(HasSubstr("verify.js")));
  service::OpenLink link = fixture::link();
  link.share.max_views = 3;
  link.session_until = fixture::at("2026-11-24T09:27:00Z");
  std::vector<DownloadLink> downloads = fixture::downloads();
  downloads.push_back(
      {.format = std::nullopt, .href = "/r/T/passport", .bytes = 7, .sha256 = "ab"});
  const std::string html = overview_of(fixture::document(), link, downloads);
  EXPECT_THAT(html, HasSubstr("24 November 2026, 09:27 UTC"));
  EXPECT_THAT(html, HasSubstr("data-passport=\"/r/T/passport\" data-sha256=\"ab\""));
  EXPECT_THAT(html, HasSubstr("type=\"module\" src=\"/assets/verify.js?v="));
}

TEST(Door, NamesNobodyAndAsksForWhatIsNeeded) {
  OpenPage door{.token = "cnt_s_T",
                .scope = "report",
                .passcode = false,
                .counted = true,
                .expires_at = fixture::link().share.expires_at,
                .note = OpenPage::Note::kNone};
  const Pages pages;
  const Timestamp now = fixture::at(fixture::kNow);
  const std::string button = pages.open(door, now);
  EXPECT_THAT(button, HasSubstr("action=\"/r/cnt_s_T/open\""));
  EXPECT_THAT(button, Not(HasSubstr("type=\"password\"")));
  EXPECT_THAT(button, HasSubstr("set number of times"));
  door.passcode = true;
  door.counted = false;
  EXPECT_THAT(pages.open(door, now), HasSubstr("type=\"password\""));
  EXPECT_THAT(pages.open(door, now), Not(HasSubstr("role=\"alert\"")));
  door.note = OpenPage::Note::kWrong;
  EXPECT_THAT(pages.open(door, now), HasSubstr("is not right"));
  EXPECT_THAT(pages.open(door, now), HasSubstr("aria-invalid=\"true\""));
}

TEST(Problems, NotFoundIsAlwaysTheSameBytes) {
  const Pages one, two;
  EXPECT_EQ(one.link_problem("not_found", 404), two.link_problem("not_found", 404));
}

TEST(Problems, EachCodeHasItsOwnWordsAndAdvice) {
  const Pages pages;
  std::set<std::string> titles;
  const std::vector<std::string> codes = {"not_found",
                                          "share_link_expired",
                                          "share_link_revoked",
                                          "share_link_paused",
                                          "share_link_exhausted",
                                          "share_scope",
                                          "share_session_needed",
                                          "rate_limited",
                                          "unavailable",
                                          "anything_else"};
  for (const std::string& code : codes) {
    const std::string html = pages.link_problem(code, 404);
    std::smatch title;
    ASSERT_TRUE(std::regex_search(html, title, std::regex("<h1>([^<]+)</h1>")));
    titles.insert(title[1]);
    EXPECT_THAT(html, HasSubstr("person who sent")) << code;
  }
  EXPECT_EQ(titles.size(), codes.size());
}

TEST(Docs, AnchorForEachProblemAndRowForEachOperation) {
  const std::string html = Pages().docs(fixture::routes(), fixture::problems(), "0.1.0");
  for (const DocsProblem& problem : fixture::problems())
    EXPECT_THAT(html, HasSubstr("id=\"problem-" + problem.code + "\""));
  for (const DocsRoute& route : fixture::routes()) {
    EXPECT_THAT(html, HasSubstr("id=\"op-" + route.operation_id + "\""));
    EXPECT_THAT(html, HasSubstr(route.path));
  }
}

TEST(Assets, VersionInTheUrlFollowsTheBytes) {
  const Pages pages;
  const std::string html = plain_overview();
  for (const std::string name : {"carnet.css", "carnet.js", "carnet.svg"}) {
    const auto file = pages.asset(name);
    ASSERT_TRUE(file) << name;
    EXPECT_FALSE(file->bytes.empty());
    EXPECT_THAT(html, HasSubstr("/assets/" + name + "?v=" + file->etag.substr(0, 8) + "\""));
  }
  // The modules of the verification import each other, and nothing else.
  const std::regex import("(?:from|import\\() ?[\"'](/assets/[^\"']+|[^/\"'][^\"']*)[\"']");
  std::set<std::string> wanted{"verify.js"}, seen;
  while (!wanted.empty()) {
    const std::string name = *wanted.begin();
    wanted.erase(wanted.begin());
    if (!seen.insert(name).second) continue;
    const auto file = pages.asset(name);
    ASSERT_TRUE(file) << name;
    const std::string text(file->bytes);
    for (std::sregex_iterator it(text.begin(), text.end(), import), end; it != end; ++it) {
      const std::string target = (*it)[1];
      ASSERT_TRUE(target.starts_with("/assets/")) << name << " imports " << target;
      wanted.insert(target.substr(8));
    }
  }
  EXPECT_EQ(seen.size(), 14U);
  EXPECT_FALSE(pages.asset("../pages.cc"));
  EXPECT_FALSE(pages.asset(""));
}

}  // namespace
}  // namespace carnet::web
