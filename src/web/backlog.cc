// The page behind a link: what to do first, and the whole list with its state. See overview.h.

#include <algorithm>
#include <unordered_map>

#include <fmt/format.h>

#include "web/overview.h"
#include "web/words.h"

namespace carnet::web {
namespace {

using inventory::Asset;
using inventory::AssetStatus;

constexpr std::size_t kFirstItems = 3;
constexpr std::size_t kActionsMax = 40;

// A source that is a web address becomes a link named after its host; any other stays text.
void fill_source(Filler parent, std::string_view source) {
  const std::string host = url_host(source);
  if (!host.empty()) {
    Filler link = parent.section("LINK");
    link.set("URL", source);
    link.set("HOST", host);
  } else if (!source.empty()) {
    parent.section("SOURCE").set("TEXT", source);
  }
}

// Text in which settings stand between backticks, as plain and code parts by turns; a backtick
// without a partner is text.
void fill_action(Filler item, std::string_view action) {
  while (!action.empty()) {
    const std::size_t open = action.find('`');
    const std::size_t close = open == std::string_view::npos ? open : action.find('`', open + 1);
    const bool has_code = close != std::string_view::npos;
    const std::string_view plain = has_code ? action.substr(0, open) : action;
    if (!plain.empty()) item.section("PART").section("PLAIN").set("TEXT", plain);
    if (!has_code) return;
    item.section("PART").section("CODE").set("TEXT", action.substr(open + 1, close - open - 1));
    action.remove_prefix(close + 1);
  }
}

// The title without the place, which stands on a line of its own.
std::string_view short_title(std::string_view title, std::string_view place) {
  const std::string suffix = " at " + std::string(place);
  if (!place.empty() && title.ends_with(suffix)) title.remove_suffix(suffix.size());
  return title;
}

void fill_item(Filler item, const inventory::BacklogItem& backlog, const Asset* asset) {
  const std::string place = asset == nullptr ? "" : host_port(asset->host, asset->port);
  item.set("TITLE", short_title(backlog.title, place));
  fill_action(item, backlog.action);
  if (!place.empty()) item.section("WHERE").set("TEXT", place);
  if (!backlog.pqc_algorithm.empty()) item.section("TARGET").set("TEXT", backlog.pqc_algorithm);
  if (backlog.deadline.empty()) {
    const bool broken = asset != nullptr && asset->vulnerability.status == AssetStatus::kBroken;
    item.section("NO_DEADLINE")
        .set("TEXT",
             broken ? "now, as it can be attacked today" : "none set by the rules examined");
  } else {
    Filler deadline = item.section("DEADLINE");
    deadline.set("DAY", long_day(backlog.deadline));
    fill_source(deadline, backlog.deadline_source);
  }
  if (backlog.effort_days > 0) {
    item.section("EFFORT").set("TEXT",
                               decimal(backlog.effort_days) +
                                   (backlog.effort_days == 1 ? " working day" : " working days"));
  }
}

using AssetIndex = std::unordered_map<std::string_view, const Asset*>;

Label state_label(std::string_view state) {
  if (state == "done") return {"safe", "Done"};
  if (state == "in_progress") return {"developing", "In progress"};
  if (state == "accepted_risk") return {"unknown", "Risk accepted"};
  return {"at-risk", "Open"};
}

void fill_action_row(Filler row, const inventory::BacklogItem& item, const AssetIndex& by_id,
                     bool with_state) {
  const auto asset = by_id.find(item.asset_id);
  const std::string place =
      asset == by_id.end() ? "" : host_port(asset->second->host, asset->second->port);
  row.set("TITLE", short_title(item.title, place));
  if (!place.empty()) row.section("WHERE").set("TEXT", place);
  row.set("TARGET", item.pqc_algorithm.empty() ? "–" : item.pqc_algorithm);
  const bool broken =
      asset != by_id.end() && asset->second->vulnerability.status == AssetStatus::kBroken;
  row.set("DEADLINE",
          !item.deadline.empty() ? long_day(item.deadline) : std::string(broken ? "now" : "–"));
  if (!with_state) return;
  const Label label = state_label(item.status);
  Filler state = row.section("STATE");
  state.set("TOKEN", label.token);
  state.set("TEXT", label.text);
  if (!item.owner.empty()) state.section("OWNER").set("NAME", item.owner);
  if (!item.target_date.empty()) state.section("BY").set("DAY", long_day(item.target_date));
}

void fill_all_actions(Filler page, const inventory::Judgement& judgement, const AssetIndex& by_id,
                      bool with_state) {
  const std::vector<inventory::BacklogItem>& backlog = judgement.backlog;
  if (backlog.size() <= kFirstItems && !with_state) return;
  Filler all = page.section("ACTIONS");
  all.set("COUNT", counted(static_cast<long long>(backlog.size()), "action", "actions"));
  if (with_state) {
    const auto done = std::count_if(backlog.begin(), backlog.end(),
                                    [](const auto& item) { return item.status == "done"; });
    all.section("PROGRESS").set("TEXT", fmt::format("{} of {} done", done, backlog.size()));
    (void)all.section("STATE_HEAD");
  }
  const std::size_t shown = std::min(backlog.size(), kActionsMax);
  for (std::size_t i = 0; i < shown; ++i)
    fill_action_row(all.section("ROW"), backlog[i], by_id, with_state);
  if (shown < backlog.size())
    all.section("MORE").set("TEXT", fmt::format("The {} most urgent of {} are shown; the downloads "
                                                "have them all.",
                                                shown, backlog.size()));
}

}  // namespace

void fill_backlog(Filler page, const Room& room) {
  const inventory::Judgement& judgement = room.overview.document.judgement;
  AssetIndex by_id;
  for (const Asset& asset : judgement.assets) by_id.emplace(asset.id, &asset);
  std::vector<const inventory::BacklogItem*> open;
  for (const inventory::BacklogItem& item : judgement.backlog) {
    if (item.status != "done") open.push_back(&item);
  }
  if (open.empty()) {
    page.section("NOTHING_FIRST")
        .set("TEXT", judgement.score
                         ? "Nothing is open: no finding of this scan calls for an action."
                         : "Nothing could be classified, so no action follows from this scan.");
  } else {
    Filler first = page.section("FIRST");
    for (std::size_t i = 0; i < std::min(open.size(), kFirstItems); ++i) {
      const auto asset = by_id.find(open[i]->asset_id);
      fill_item(first.section("ITEM"), *open[i], asset == by_id.end() ? nullptr : asset->second);
    }
  }
  // Who works on what until when is told to those alone whose link covers it.
  if (!judgement.backlog.empty())
    fill_all_actions(page, judgement, by_id, room.link.share.scope == "passport");
}

}  // namespace carnet::web
