#pragma once
// Handlers of webhooks and of the tenant's mail (handlers.h says what holds for all).

#include "api/handlers.h"

namespace carnet::api {

Task<Answer> create_webhook(Site&, Call&);
Task<Answer> list_webhooks(Site&, Call&);
Task<Answer> get_webhook(Site&, Call&);
Task<Answer> patch_webhook(Site&, Call&);
Task<Answer> delete_webhook(Site&, Call&);
Task<Answer> test_webhook(Site&, Call&);
Task<Answer> rotate_webhook_secret(Site&, Call&);
Task<Answer> list_webhook_deliveries(Site&, Call&);
Task<Answer> list_dead_letters(Site&, Call&);
Task<Answer> replay_dead_letters(Site&, Call&);
Task<Answer> list_mail(Site&, Call&);
Task<Answer> replay_mail(Site&, Call&);

}  // namespace carnet::api
