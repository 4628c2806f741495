#include "app/bin/webhook_options.h"

#include "app/bin/share_options.h"

namespace carnet::app {

void WebhookOptions::add_to(CLI::App& webhook) {
  webhook.require_subcommand(1);
  const auto add = [&](const char* name, const char* what, bool of_one = true) {
    CLI::App* const command = webhook.add_subcommand(name, what);
    if (of_one) command->add_option("WEBHOOK_ID", id, "which webhook")->required();
    add_tenant_connection(*command, connection);
    return command;
  };
  add("list", "list the tenant's webhooks", false);
  CLI::App* const fresh_one =
      add("add", "register a webhook and print its secret, this once", false);
  fresh_one->add_option("URL", fresh.url, "where to call, https://…")->required();
  fresh_one->add_option("--event", fresh.events,
                        "scan.completed, alert.*, …; may be given several times; without it all");
  fresh_one->add_option("--format", fresh.format, "carnet, slack or teams");
  fresh_one->add_option("--description", fresh.description, "for yourself");
  add("rm", "delete a webhook with its deliveries");
  add("test", "make one call now and say what came of it");
  add("pause", "hold what is to be sent to it");
  add("resume", "send it what is held, and what comes");
  add("deliveries", "what was sent, and what waits")
      ->add_option("--state", state, "only queued, held, delivered or dead ones")
      ->check(CLI::IsMember({"queued", "held", "delivered", "dead"}));
  add("dlq", "its dead letters");
  add("replay", "send dead letters again")
      ->add_option("DEAD_LETTER_ID", letter, "only this one; without it all");
  add("rotate", "make a new secret and print it, this once")
      ->add_option("--overlap-hours", overlap_hours, "how long the former one signs too")
      ->capture_default_str()
      ->check(CLI::Range(0, 168));
}

int WebhookOptions::run(const CLI::App& webhook) const {
  if (webhook.got_subcommand("list")) return run_webhook_list(connection);
  if (webhook.got_subcommand("add")) return run_webhook_add(connection, fresh);
  if (webhook.got_subcommand("rm")) return run_webhook_remove(connection, id);
  if (webhook.got_subcommand("test")) return run_webhook_test(connection, id);
  if (webhook.got_subcommand("pause")) return run_webhook_pause(connection, id, true);
  if (webhook.got_subcommand("resume")) return run_webhook_pause(connection, id, false);
  if (webhook.got_subcommand("deliveries")) return run_webhook_deliveries(connection, id, state);
  if (webhook.got_subcommand("dlq")) return run_webhook_deliveries(connection, id, "dead");
  if (webhook.got_subcommand("replay")) return run_webhook_replay(connection, id, letter);
  return run_webhook_rotate(connection, id, overlap_hours);
}

}  // namespace carnet::app
