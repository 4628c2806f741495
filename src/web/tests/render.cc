// carnet_web_render DIR: writes every page of src/web as a file into DIR, and the static files into
// DIR/assets. For looking at pages while working on them, and for tests/e2e, which checks them in a
// browser.

#include <filesystem>
#include <fstream>
#include <iostream>
#include <string>

#include "web/pages.h"
#include "web/tests/fixture.h"

namespace {

using namespace std::string_literals;
namespace web = carnet::web;
namespace fixture = carnet::web::fixture;

bool write(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  return out.good();
}

bool write_overviews(const web::Pages& pages, const std::filesystem::path& dir) {
  const carnet::Timestamp now = fixture::at(fixture::kNow);
  const auto overview = [&](carnet::inventory::ScanDocument document,
                            const carnet::service::OpenLink& link) {
    carnet::service::Overview shown;
    shown.document = std::move(document);
    shown.history = fixture::history();
    return pages.overview({.link = link,
                           .overview = shown,
                           .address = "/r/cnt_s_TOKEN",
                           .downloads = fixture::downloads(),
                           .assets = {},
                           .now = now});
  };
  carnet::inventory::ScanDocument sample = fixture::document();
  sample.sample = true;
  carnet::inventory::ScanDocument empty = fixture::document();
  empty.label.clear();
  empty.judgement = {};
  empty.judgement.coverage.requested = 2;
  carnet::service::OpenLink anonymous = fixture::link();
  anonymous.share.recipient.clear();
  const std::string hostile =
      "\"><script>alert(1)</script><img src=x onerror=alert(2)> \xE2\x80\xAE gnp.exe "s +
      std::string(200, 'W');
  return write(dir / "overview.html", overview(fixture::document(), fixture::link())) &&
         write(dir / "sample.html", overview(std::move(sample), fixture::link())) &&
         write(dir / "empty.html", overview(std::move(empty), anonymous)) &&
         write(dir / "large.html", overview(fixture::large_document(400), fixture::link())) &&
         write(dir / "hostile.html",
               overview(fixture::document_with(hostile), fixture::link_with(hostile)));
}

bool write_verifications(const web::Pages& pages, const std::filesystem::path& dir) {
  using carnet::evidence::CheckState;
  using carnet::evidence::Verdict;
  carnet::evidence::Verification found;
  found.verdict = Verdict::kValid;
  found.summary = "Genuine: signed by this service, unaltered, and in its log.";
  found.checks = {{"envelope", CheckState::kOk, "A passport of scan scan_1 with 2 signatures."},
                  {"signature-ed25519", CheckState::kOk, "The Ed25519 signature holds."},
                  {"signature-ml-dsa-65", CheckState::kOk, "The ML-DSA-65 signature holds."},
                  {"log-inclusion", CheckState::kSkipped, "No log was at hand."}};
  found.passport = carnet::evidence::PassportFacts{.scan_id = "scan_01jd0000000000000000000000",
                                                   .targets = {"example.org:443", "example.net"}};
  found.keyids = {"ed25519", "ml-dsa-65"};
  found.passport->tenant_name = "Example Bank";
  found.passport->issuer_url = "https://carnet.example/\"><script>alert(1)</script>";
  found.passport->issuer_url += std::string(200, 'W');
  found.passport->score = 41.5;
  found.passport->band = "At risk";
  found.passport->issued_at = fixture::at(fixture::kNow);
  found.passport->not_after = found.passport->issued_at + std::chrono::hours(24 * 90);
  if (!write(dir / "verify.html", pages.verify(nullptr)) ||
      !write(dir / "verify-genuine.html", pages.verify(&found)))
    return false;
  found.verdict = Verdict::kForged;
  found.keyids.pop_back();
  found.summary = "Not genuine: a signature does not hold.";
  found.checks[2] = {"signature-ml-dsa-65", CheckState::kFailed, "The signature does not hold."};
  if (!write(dir / "verify-forged.html", pages.verify(&found))) return false;
  const carnet::evidence::Verification unreadable{.summary = "This is no document of Carnet's."};
  return write(dir / "verify-unreadable.html", pages.verify(&unreadable));
}

bool write_others(const web::Pages& pages, const std::filesystem::path& dir) {
  for (const char* code : {"not_found", "share_link_expired", "share_link_revoked",
                           "share_link_paused", "share_link_exhausted", "share_scope",
                           "share_session_needed", "rate_limited", "unavailable", "internal"}) {
    if (!write(dir / ("problem-"s + code + ".html"), pages.link_problem(code, 404))) return false;
  }
  web::OpenPage door{.token = "cnt_s_TOKEN",
                     .scope = "passport",
                     .passcode = true,
                     .counted = true,
                     .expires_at = fixture::link().share.expires_at,
                     .note = web::OpenPage::Note::kNone};
  const carnet::Timestamp now = fixture::at(fixture::kNow);
  if (!write(dir / "door-passcode.html", pages.open(door, now))) return false;
  door.note = web::OpenPage::Note::kWrong;
  if (!write(dir / "door-wrong.html", pages.open(door, now))) return false;
  door.passcode = false;
  if (!write(dir / "door-button.html", pages.open(door, now))) return false;
  if (!write(dir / "docs.html", pages.docs(fixture::routes(), fixture::problems(), "0.1.0")))
    return false;
  if (!write_verifications(pages, dir)) return false;
  std::filesystem::create_directories(dir / "assets");
  for (const char* name : {"carnet.css", "carnet.js", "carnet.svg"}) {
    const auto file = pages.asset(name);
    if (!file || !write(dir / "assets" / name, file->bytes)) return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: carnet_web_render DIR\n";
    return 2;
  }
  const std::filesystem::path dir = argv[1];
  std::filesystem::create_directories(dir);
  const web::Pages pages;
  if (!write_overviews(pages, dir) || !write_others(pages, dir)) {
    std::cerr << "carnet_web_render: cannot write to " << dir << "\n";
    return 1;
  }
  return 0;
}
