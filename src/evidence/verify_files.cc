// The files of a document against the digests that its passport lists.
#include <fmt/format.h>

#include <algorithm>
#include <boost/json.hpp>
#include <map>

#include "base/json.h"
#include "crypto/hash.h"
#include "evidence/verify_parts.h"

namespace carnet::evidence {
namespace {

namespace bj = boost::json;

constexpr std::string_view kSubjects = "subjects";
constexpr std::string_view kSample = "sample";
// What a bundle holds besides what its passport lists: these carry their own proof.
constexpr std::string_view kUnlisted[] = {kPassportName, kLogProofName, kChecksumsName};

const Subject* subject_named(const PassportFacts& facts, std::string_view name) {
  const auto found = std::find_if(facts.subjects.begin(), facts.subjects.end(),
                                  [&](const Subject& subject) { return subject.name == name; });
  return found == facts.subjects.end() ? nullptr : &*found;
}

const Subject* subject_with(const PassportFacts& facts, std::string_view sha256) {
  const auto found = std::find_if(facts.subjects.begin(), facts.subjects.end(),
                                  [&](const Subject& subject) { return subject.sha256 == sha256; });
  return found == facts.subjects.end() ? nullptr : &*found;
}

bool is_unlisted(std::string_view name) {
  return std::find(std::begin(kUnlisted), std::end(kUnlisted), name) != std::end(kUnlisted);
}

// The first thing that is wrong with a bundle's files; "" if nothing is.
std::string fault_of_bundle(const Taken& taken, const PassportFacts& facts) {
  std::map<std::string, std::string, std::less<>> digests;
  for (const BundleEntry& entry : taken.entries)
    digests[entry.name] = crypto::sha256_hex(entry.bytes);
  std::string added;  // a file too many may be a renamed one: then that is what is said
  for (const auto& [name, digest] : digests) {
    if (is_unlisted(name)) continue;
    const Subject* subject = subject_named(facts, name);
    if (subject == nullptr) {
      const Subject* same = subject_with(facts, digest);
      if (same != nullptr && !digests.contains(same->name))
        return fmt::format("The file {} was renamed: the passport lists it as {}.", name,
                           same->name);
      if (added.empty()) added = name;
      continue;
    }
    if (subject->sha256 != digest)
      return fmt::format("The file {} was altered: its SHA-256 is {}, and the passport says {}.",
                         name, digest, subject->sha256);
  }
  if (!added.empty())
    return fmt::format("The file {} was added: the passport does not list it.", added);
  for (const Subject& subject : facts.subjects)
    if (!digests.contains(subject.name))
      return fmt::format("The file {} was taken out: the passport lists it.", subject.name);
  const BundleEntry* sums = taken.entry(kChecksumsName);
  if (sums == nullptr) return fmt::format("The file {} was taken out.", kChecksumsName);
  std::string expected;  // a map is in the order of its names, as the list is
  for (const auto& [name, digest] : digests)
    if (name != kChecksumsName) expected += fmt::format("{}  {}\n", digest, name);
  if (sums->bytes != expected)
    return fmt::format("The file {} was altered: it is not the list of the other files.",
                       kChecksumsName);
  return {};
}

Check check_one(std::string_view digest, std::string_view what, const PassportFacts& facts,
                std::string_view wanted) {
  const Subject* subject =
      wanted.empty() ? subject_with(facts, digest) : subject_named(facts, wanted);
  if (subject != nullptr && subject->sha256 == digest)
    return passed(kSubjects,
                  fmt::format("{} is the {} that the passport lists.", what, subject->name));
  return failed(kSubjects,
                fmt::format("{} was altered or belongs to another passport: its SHA-256 is {}, "
                            "which this passport does not list.",
                            what, digest));
}

// Whether a report says that it is of a sample; nullopt if these are not a report's bytes.
std::optional<bool> sample_of_report(std::string_view bytes) {
  const auto value = json::parse(bytes);
  if (!value || !value->is_object()) return std::nullopt;
  const bj::value* sample = value->get_object().if_contains("sample");
  if (sample == nullptr || !sample->is_bool()) return std::nullopt;
  return sample->get_bool();
}

std::optional<bool> sample_of_document(const Taken& taken, std::string_view document) {
  switch (taken.kind) {
    case DocumentKind::kBundle: {
      const BundleEntry* report = taken.entry(kReportJsonName);
      return report == nullptr ? std::nullopt : sample_of_report(report->bytes);
    }
    case DocumentKind::kReport:
      return sample_of_report(taken.report);
    case DocumentKind::kFile:
      return document.starts_with('{') ? sample_of_report(document) : std::nullopt;
    case DocumentKind::kPassport:
    case DocumentKind::kProof:
      return std::nullopt;
  }
}

}  // namespace

Check check_subjects(const Taken& taken, std::string_view document, const PassportFacts& facts) {
  switch (taken.kind) {
    case DocumentKind::kPassport:
      return skipped(
          kSubjects,
          fmt::format("The passport came without the {} files that it lists; verify them "
                      "with it, or the whole bundle.",
                      facts.subjects.size()));
    case DocumentKind::kBundle: {
      std::string fault = fault_of_bundle(taken, facts);
      if (!fault.empty()) return failed(kSubjects, std::move(fault));
      return passed(kSubjects, fmt::format("All {} files are there, unchanged, and nothing else.",
                                           facts.subjects.size()));
    }
    case DocumentKind::kReport:
      return check_one(crypto::sha256_hex(taken.report), "The report", facts, kReportJsonName);
    case DocumentKind::kProof:
      return check_one(taken.content_hash, "The content hash", facts, {});
    case DocumentKind::kFile:
      return check_one(crypto::sha256_hex(document), "The file", facts, {});
  }
}

Check check_sample(const Taken& taken, std::string_view document, const PassportFacts& facts) {
  const std::optional<bool> report_says = sample_of_document(taken, document);
  if (!facts.sample && report_says.value_or(false))
    return failed(kSample,
                  "A SAMPLE is passed off as real: the passport says that it is of a real target, "
                  "and its report says that it is sample data.");
  if (facts.sample && report_says && !*report_says)
    return failed(kSample,
                  "The passport says that it is of a SAMPLE, and its report says that it is real.");
  if (!facts.sample && names_only_reserved_hosts(facts.targets))
    return failed(kSample,
                  "A SAMPLE is passed off as real: every target is under .example, which is "
                  "reserved for samples.");
  if (facts.sample)
    return passed(kSample,
                  "SAMPLE: the endpoints are invented. This is no passport of a real "
                  "target.");
  return passed(kSample, "It is of a real scan and not of sample data.");
}

}  // namespace carnet::evidence
