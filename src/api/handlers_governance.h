#pragma once
// The handlers of a tenant's administration as a whole: audit trail, export, erasure, closing. As
// handlers.h.

#include "api/handlers.h"

namespace carnet::api {

Task<Answer> list_audit_entries(Site&, Call&);
Task<Answer> verify_audit(Site&, Call&);
Task<Answer> export_audit(Site&, Call&);
Task<Answer> export_tenant(Site&, Call&);
Task<Answer> erase_tenant_data(Site&, Call&);
Task<Answer> get_removal(Site&, Call&);
Task<Answer> offboard_tenant(Site&, Call&);
Task<Answer> cancel_offboarding(Site&, Call&);

// Writes down that a key took a file of a scan away, if this answer gives it: not for HEAD, nor for
// what the client has already. An error keeps the file from being given.
[[nodiscard]] Task<Result<void>> note_download(Site& site, const Call& call,
                                               const Response& response,
                                               const service::Artifact& artifact,
                                               std::string_view format);

}  // namespace carnet::api
