#include "app/bin/portfolio_options.h"

#include "app/bin/share_options.h"
#include "service/portfolio.h"

namespace carnet::app {

void PortfolioOptions::add_to(CLI::App& portfolio) {
  portfolio.require_subcommand(1);
  const auto add_limit = [this](CLI::App& command) {
    command.add_option("--limit", limit, "1 to 100")
        ->capture_default_str()
        ->check(CLI::Range(1, 100));
  };
  CLI::App* const show = portfolio.add_subcommand("show", "the tenants that this one may see");
  show->add_option("TENANT_ID", tenant_id, "only this one");
  show->add_option("--sort", sort, "score (the worst first), name or criticals")
      ->capture_default_str()
      ->check(CLI::IsMember({"score", "name", "criticals"}));
  add_limit(*show);
  add_tenant_connection(*show, connection);
  CLI::App* const invite =
      portfolio.add_subcommand("invite", "a code by which another tenant lets this one see it");
  invite->add_option("--label", wish.label, "your note; the other tenant sees it");
  invite->add_option("--scope", wish.scope, "summary, or scans for the list of scans besides")
      ->capture_default_str()
      ->check(CLI::IsMember({"summary", "scans"}));
  invite->add_option("--expires-days", wish.expires_days, "how long the code is good: 1 to 30")
      ->capture_default_str()
      ->check(CLI::Range(1, service::kPartnerInvitationDaysMax));
  add_tenant_connection(*invite, connection);
  CLI::App* const accept =
      portfolio.add_subcommand("accept", "what a code would grant; with --yes, grant it");
  accept->add_option("CODE", code, "cnt_p_…")->required();
  accept->add_flag("--yes", yes, "accept");
  add_tenant_connection(*accept, connection);
  CLI::App* const children =
      portfolio.add_subcommand("children", "whom this tenant sees, and invitations that wait");
  add_limit(*children);
  add_tenant_connection(*children, connection);
  CLI::App* const parents = portfolio.add_subcommand("parents", "who sees this tenant");
  add_limit(*parents);
  add_tenant_connection(*parents, connection);
  CLI::App* const end = portfolio.add_subcommand("end", "end an agreement, at once");
  end->add_option("LINK_ID", link_id, "which one")->required();
  end->add_flag("--as-parent", as_parent, "one of `children`, or an invitation, not of `parents`");
  add_tenant_connection(*end, connection);
}

int PortfolioOptions::run(const CLI::App& portfolio) const {
  if (portfolio.got_subcommand("show"))
    return run_portfolio_show(connection, tenant_id, sort, limit);
  if (portfolio.got_subcommand("invite")) return run_portfolio_invite(connection, wish);
  if (portfolio.got_subcommand("accept")) return run_portfolio_accept(connection, code, yes);
  if (portfolio.got_subcommand("children"))
    return run_portfolio_partners(connection, "children", limit);
  if (portfolio.got_subcommand("parents"))
    return run_portfolio_partners(connection, "parents", limit);
  return run_portfolio_end(connection, link_id, as_parent);
}

}  // namespace carnet::app
