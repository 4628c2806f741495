// docs/methodology.md and method.h tell the same numbers.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "assess/method.h"

namespace carnet::assess {
namespace {

TEST(Methodology, ThePageTellsTheNumbersOfTheCode) {
  std::ifstream file(std::string(CARNET_SOURCE_DIR) + "/docs/methodology.md");
  ASSERT_TRUE(file.is_open());
  std::stringstream text;
  text << file.rdbuf();
  const std::string page = text.str();
  const auto says = [&page](const std::string& words) {
    EXPECT_THAT(page, ::testing::HasSubstr(words));
  };
  says(fmt::format("version {} of the method", kMethodVersion));
  says(fmt::format("| V | {} |", kWeightNotVulnerable));
  says(fmt::format("| H | {} |", kWeightHndl));
  says(fmt::format("| P | {} |", kWeightPostQuantum));
  says(fmt::format("| R | {} |", kWeightRemediation));
  says(fmt::format("the share counts {} times", kHndlUrgencyFactor));
  says(fmt::format("{} where a post-quantum group is what a client gets", kCreditPreferred));
  says(fmt::format("{} where it is known but not picked", kCreditSupported));
  says(fmt::format("no later than its deadline counts {}", kCreditPlanned));
  says(fmt::format("Then {} × the share of broken assets", kBrokenPenalty));
  says(fmt::format("below {} Critical, below {} At Risk, below {} Developing, else Prepared",
                   kBands[0].below, kBands[1].below, kBands[2].below));
  says(fmt::format("min({}, {} + {} × classified assets)", kConfidenceMax, kConfidenceBase,
                   kConfidencePerAsset));
  says(fmt::format("not reached as {}, one of each exposure", kAssetsPerUnjudgedEndpoint));
  says(fmt::format("`dataShelfLifeYears` | {} years", kDefaultShelfLifeYears));
  says(fmt::format("`migrationTimeYears` | {} years", kDefaultMigrationYears));
  says(fmt::format("to the start of {}", kQDayYear));
  says(fmt::format("Diffie-Hellman below {} bits", kDhBitsMin));
  says(fmt::format("critical {:.1f}, high {}, medium {}, low {}", kSeverityCritical, kSeverityHigh,
                   kSeverityMedium, kSeverityLow));
  says(fmt::format("authentication {}", kExposureAuthentication));
  says(fmt::format("inequality holds, else {}", kMoscaNotHeld));
}

}  // namespace
}  // namespace carnet::assess
