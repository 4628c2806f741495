#pragma once
// Every number of the method, with its source. docs/methodology.md explains them in words and a
// test compares the two. A change here is a change of the method: raise kMethodVersion, so that old
// and new reports are not compared blindly.

#include <array>
#include <string_view>

namespace carnet::assess {

inline constexpr std::string_view kMethodVersion = "1.0";

// Weights of the readiness score, together 100. Ours: what can be lost already (V, H) weighs more
// than what is prepared (P) and what is planned (R).
inline constexpr double kWeightNotVulnerable = 35;  // V
inline constexpr double kWeightHndl = 35;           // H
inline constexpr double kWeightPostQuantum = 20;    // P
inline constexpr double kWeightRemediation = 10;    // R
inline constexpr double kBrokenPenalty = 20;        // times the share of broken assets
inline constexpr double kHndlUrgencyFactor = 1.5;   // on H's share when Mosca's inequality holds
inline constexpr double kCreditPreferred = 1.0;     // P: negotiated by default
inline constexpr double kCreditSupported =
    0.6;  // P: there, but not what a client gets that offers both
inline constexpr double kCreditPlanned =
    0.5;  // R: has an owner and a date no later than the deadline

// Coverage confidence, a heuristic: min(95, 40 + 4 × classified assets) × reached ÷ requested.
inline constexpr double kConfidenceBase = 40;
inline constexpr double kConfidencePerAsset = 4;
inline constexpr double kConfidenceMax = 95;

// An endpoint that could not be judged counts, in the low end of the range, as this many vulnerable
// assets: one of key establishment and one of authentication, which is what nearly every endpoint
// shows.
inline constexpr int kAssetsPerUnjudgedEndpoint = 2;

struct Band {
  double below;
  std::string_view name;
};
inline constexpr std::array<Band, 4> kBands = {
    {{40, "Critical"}, {65, "At Risk"}, {85, "Developing"}, {1e9, "Prepared"}}};

// Mosca, "Cybersecurity in an era with quantum computers", IEEE Security & Privacy 16(5), 2018: X +
// Y > Z.
inline constexpr double kDefaultShelfLifeYears =
    10;  // X; the EU roadmap's "ten years or more" for high-risk secrets
inline constexpr double kDefaultMigrationYears =
    5;  // Y; NIST IR 8547 reckons with years to a decade
// Z is counted to the start of this year, from which NIST IR 8547 and NSM-10 want
// quantum-vulnerable algorithms gone.
inline constexpr int kQDayYear = 2035;
inline constexpr double kDaysPerYear = 365.25;

// RSA and Diffie-Hellman below this, and curves below 224 bits, lack 112 bits of strength: NIST SP
// 800-131A rev. 2. The registry's brokenBelowBits says it per algorithm; this one is for a DHE
// group, which has no row of its own.
inline constexpr int kDhBitsMin = 2048;

// Priority of an asset or a backlog item, 0–100: severity × exposure × Mosca.
inline constexpr double kSeverityCritical = 1.0;
inline constexpr double kSeverityHigh = 0.8;
inline constexpr double kSeverityMedium = 0.5;
inline constexpr double kSeverityLow = 0.2;
inline constexpr double kExposureRecorded = 1.0;        // recorded today, read later
inline constexpr double kExposureAuthentication = 0.7;  // forged only once the machine exists
inline constexpr double kMoscaNotHeld = 0.6;            // 1 when the inequality holds

}  // namespace carnet::assess
