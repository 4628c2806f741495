// The page behind a link: the assets, searched, filtered, ordered and in pages, all by query
// parameters, so that it works without a script. See overview.h.

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "web/overview.h"
#include "web/words.h"

namespace carnet::web {
namespace {

using inventory::Asset;
using inventory::AssetStatus;
using inventory::Exposure;

// Keeps the first view under 100 KiB whatever the scan held.
constexpr std::size_t kRowsPerPageMax = 50;
constexpr std::size_t kSearchBytesMax = 100;
constexpr int kModulusBitsMin = 512;  // limit: internal

struct Choice {
  std::string_view value, text;
};
constexpr Choice kStatuses[] = {{"", "Any"},
                                {"broken", "Broken"},
                                {"at-risk", "At risk"},
                                {"safe", "Safe"},
                                {"unknown", "Unknown"}};
constexpr Choice kExposures[] = {
    {"", "Both"}, {"key-establishment", "Key establishment"}, {"authentication", "Authentication"}};
constexpr Choice kOrders[] = {{"", "Urgency"}, {"where", "Host"}, {"algorithm", "Algorithm"}};

// The query with words that mean nothing taken out.
template <std::size_t n>
void keep_known(std::string& value, const Choice (&choices)[n]) {
  const bool known = std::any_of(std::begin(choices), std::end(choices),
                                 [&](const Choice& choice) { return choice.value == value; });
  if (!known) value.clear();
}
AssetQuery understood(AssetQuery query) {
  keep_known(query.status, kStatuses);
  keep_known(query.exposure, kExposures);
  keep_known(query.order, kOrders);
  query.text = std::string(trim_ascii(query.text));
  if (query.text.size() > kSearchBytesMax || !is_valid_utf8(query.text)) query.text.clear();
  query.page = std::max(1, query.page);
  return query;
}

int urgency(const Asset& asset) {
  switch (asset.vulnerability.status) {
    case AssetStatus::kBroken:
      return 0;
    case AssetStatus::kAtRisk:
      return asset.vulnerability.hndl_exposed ? 1 : 2;
    case AssetStatus::kUnknown:
      return 3;
    case AssetStatus::kSafe:
      return 4;
  }
  return 4;
}

bool by_place(const Asset* a, const Asset* b) {
  if (a->host != b->host) return a->host < b->host;
  return a->port != b->port ? a->port < b->port : a->id < b->id;
}

bool by_urgency(const Asset* a, const Asset* b) {
  if (urgency(*a) != urgency(*b)) return urgency(*a) < urgency(*b);
  if (a->mosca_priority != b->mosca_priority) return a->mosca_priority > b->mosca_priority;
  return by_place(a, b);
}

bool by_algorithm(const Asset* a, const Asset* b) {
  return a->algorithm != b->algorithm ? a->algorithm < b->algorithm : by_urgency(a, b);
}

std::string_view exposure_token(Exposure exposure) {
  return exposure == Exposure::kKeyEstablishment ? "key-establishment" : "authentication";
}

bool contains(std::string_view text, const std::string& lower_needle) {
  return to_lower_ascii(text).find(lower_needle) != std::string::npos;
}

bool matches(const Asset& asset, const AssetQuery& query, const std::string& needle) {
  if (!query.status.empty() && status_label(asset.vulnerability.status).token != query.status)
    return false;
  if (!query.exposure.empty() && exposure_token(asset.exposure) != query.exposure) return false;
  return needle.empty() || contains(host_port(asset.host, asset.port), needle) ||
         contains(asset.label, needle) || contains(asset.algorithm, needle) ||
         contains(asset.vulnerability.summary, needle) ||
         contains(asset.vulnerability.pqc_replacement, needle);
}

std::vector<const Asset*> select(const std::vector<Asset>& assets, const AssetQuery& query) {
  const std::string needle = to_lower_ascii(query.text);
  std::vector<const Asset*> found;
  for (const Asset& asset : assets)
    if (matches(asset, query, needle)) found.push_back(&asset);
  const auto order = query.order == "where"       ? by_place
                     : query.order == "algorithm" ? by_algorithm
                                                  : by_urgency;
  std::sort(found.begin(), found.end(), order);
  return found;
}

std::string percent_encoded(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (plain) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string address_of(const Room& room, const AssetQuery& query, std::size_t page) {
  std::string out = room.address;
  char separator = '?';
  const auto add = [&](std::string_view name, std::string_view value) {
    if (value.empty()) return;
    out += separator;
    separator = '&';
    out += name;
    out += '=';
    out += percent_encoded(value);
  };
  add("q", query.text);
  add("status", query.status);
  add("exposure", query.exposure);
  add("order", query.order);
  if (page > 1) add("page", std::to_string(page));
  return out + "#assets";
}

template <std::size_t n>
void fill_choices(Filler form, std::string_view section, const Choice (&choices)[n],
                  const std::string& chosen) {
  for (const Choice& choice : choices) {
    Filler option = form.section(section);
    option.set("VALUE", choice.value);
    option.set("TEXT", choice.text);
    if (choice.value == chosen) (void)option.section("CHOSEN");
  }
}

void fill_finder(Filler page, const Room& room, const AssetQuery& query, bool narrowed) {
  Filler form = page.section("FINDER");
  form.set("ACTION", room.address + "#assets");
  form.set("TEXT", query.text);
  fill_choices(form, "STATUS", kStatuses, query.status);
  fill_choices(form, "EXPOSURE", kExposures, query.exposure);
  fill_choices(form, "ORDER", kOrders, query.order);
  if (narrowed) form.section("RESET").set("URL", room.address + "#assets");
}

// The label without what the table says anyway: its place ("Certificate of a.example:443" →
// "Certificate").
std::string short_label(const Asset& asset) {
  std::string_view label = asset.label;
  const std::string place = " of " + host_port(asset.host, asset.port);
  if (label.ends_with(place)) label.remove_suffix(place.size());
  if (!label.empty()) return std::string(label);
  return asset.exposure == Exposure::kKeyEstablishment ? "Key establishment" : "Authentication";
}

void fill_row(Filler row, const Asset& asset) {
  const inventory::Vulnerability& found = asset.vulnerability;
  const Label status = status_label(found.status);
  row.set("STATUS", status.token);
  row.set("STATUS_TEXT", status.text);
  row.set("WHERE", host_port(asset.host, asset.port));
  row.set("LABEL", short_label(asset));
  row.set("ALGORITHM", asset.algorithm.empty() ? "not determined" : asset.algorithm);
  // A modulus says something; for a curve the name says it already.
  if (asset.key_size >= kModulusBitsMin) row.section("SIZE").set("BITS", asset.key_size);
  row.set("SUMMARY", found.summary);
  if (found.hndl_exposed) (void)row.section("HNDL");
  row.set("REPLACEMENT", found.pqc_replacement.empty() ? "–" : found.pqc_replacement);
}

}  // namespace

void fill_assets(Filler page, const Room& room) {
  const std::vector<Asset>& all = room.overview.document.judgement.assets;
  if (all.empty()) {
    (void)page.section("NO_ASSETS");
    return;
  }
  const AssetQuery query = understood(room.assets);
  const std::vector<const Asset*> found = select(all, query);
  const bool narrowed = !query.text.empty() || !query.status.empty() || !query.exposure.empty();
  fill_finder(page, room, query, narrowed || !query.order.empty());
  const std::size_t pages =
      std::max<std::size_t>(1, (found.size() + kRowsPerPageMax - 1) / kRowsPerPageMax);
  const std::size_t number = std::min(static_cast<std::size_t>(query.page), pages);
  const std::size_t first = (number - 1) * kRowsPerPageMax;
  const std::size_t end = std::min(found.size(), first + kRowsPerPageMax);

  Filler list = page.section("FOUND");
  const std::string total = counted(static_cast<long long>(all.size()), "asset", "assets");
  std::string shown = narrowed ? fmt::format("{} of {}", found.size(), total) : total;
  if (pages > 1) shown += fmt::format(", {} to {} shown", first + 1, end);
  list.set("SHOWN", shown + ".");
  if (found.empty()) {
    (void)list.section("NONE");
    return;
  }
  Filler table = list.section("TABLE");
  for (std::size_t i = first; i < end; ++i) fill_row(table.section("ROW"), *found[i]);
  if (pages == 1) return;
  Filler turn = list.section("PAGES");
  turn.set("NUMBER", static_cast<long long>(number));
  turn.set("COUNT", static_cast<long long>(pages));
  if (number > 1) turn.section("PREVIOUS").set("URL", address_of(room, query, number - 1));
  if (number < pages) turn.section("NEXT").set("URL", address_of(room, query, number + 1));
}

}  // namespace carnet::web
