// The table itself. Order is the order of the docs.

#include "api/handlers.h"
#include "api/handlers_alert.h"
#include "api/handlers_governance.h"
#include "api/handlers_portfolio.h"
#include "api/handlers_schedule.h"
#include "api/handlers_webhook.h"

namespace carnet::api {
namespace {

constexpr Method kGet = Method::kGet;
constexpr Method kPost = Method::kPost;
constexpr Method kPut = Method::kPut;
constexpr Method kPatch = Method::kPatch;
constexpr Method kDelete = Method::kDelete;

constexpr std::string_view kJson = "application/json";
// What report formats come as.
constexpr std::string_view kReportTypes =
    "application/json, text/csv, application/pdf, application/vnd.cyclonedx+json, "
    "application/sarif+json, application/zip, application/vnd.dsse.envelope.v1+json";
// It may take a processor ten seconds.
constexpr int kPlanRateCost = 20;
// It calls somebody else and may take ten seconds.
constexpr int kWebhookTestRateCost = 10;
constexpr std::string_view kPaging = "limit,cursor";

// Reads and writes differ in few things, so each has a short form; what is not said is the usual.
struct Read {
  std::string_view path, operation_id;
  Access access;
  std::string_view tag, response, summary;
  Handle handle;
  std::string_view query = "";
  std::string_view produces = kJson;
  bool etag = true;
};
constexpr Route read(const Read& r) {
  return {.method = kGet,
          .path = r.path,
          .operation_id = r.operation_id,
          .access = r.access,
          .body_bytes_max = 0,
          .rate_cost = 1,
          .idempotent = false,
          .etag = r.etag,
          .tag = r.tag,
          .request = "",
          .response = r.response,
          .produces = r.produces,
          .success = 200,
          .needs_if_match = false,
          .summary = r.summary,
          .form = false,
          .consumes = "",
          .query = r.query,
          .handle = r.handle};
}

struct Write {
  Method method;
  std::string_view path, operation_id;
  Access access;
  std::string_view tag, request, response;
  int success;
  std::string_view summary;
  Handle handle;
  bool idempotent = false;
  bool needs_if_match = false;
  bool form = false;
  std::string_view produces = kJson;
  std::string_view consumes = "";
  std::size_t body_bytes_max = 0;  // 0: by what it consumes
  std::string_view query = "";
  int rate_cost = 1;
};
constexpr Route write(const Write& w) {
  return {.method = w.method,
          .path = w.path,
          .operation_id = w.operation_id,
          .access = w.access,
          .body_bytes_max = w.body_bytes_max > 0          ? w.body_bytes_max
                            : w.request.empty() || w.form ? 0
                            : w.consumes.empty()          ? kBodyBytesMax
                                                          : kVerifyBodyBytesMax,
          .rate_cost = w.rate_cost,
          .idempotent = w.idempotent,
          .etag = false,
          .tag = w.tag,
          .request = w.request,
          .response = w.response,
          .produces = w.produces,
          .success = w.success,
          .needs_if_match = w.needs_if_match,
          .summary = w.summary,
          .form = w.form,
          .consumes = w.consumes,
          .query = w.query,
          .handle = w.handle};
}

// What files of the kinds that are read come as; anything else is sent as application/octet-stream.
constexpr std::string_view kFileTypes =
    "multipart/form-data, text/csv, text/plain, application/json, application/vnd.cyclonedx+json, "
    "application/jwk-set+json, application/pem-certificate-chain, application/x-pem-file, "
    "application/pkix-cert, application/x-x509-ca-cert, application/pkix-crl, "
    "application/pkcs7-mime, application/x-pkcs7-certificates, application/pkcs10, "
    "application/pkcs8, application/x-pkcs12, application/octet-stream";

constexpr Access kOpen = Access::open();
constexpr Access kVerify = Access::verify();
constexpr Access kLog = Access::log();
constexpr Access kLink = Access::link();
constexpr Access kViewer = Access::viewer();
constexpr Access kOperator = Access::operator_role();
constexpr Access kAdmin = Access::admin();
constexpr Access kPlatform = Access::platform();

constexpr Route kRoutes[] = {
    read({"/health", "service.health", kOpen, "service", "Status", "Whether the program runs",
          get_health}),
    read({"/healthz", "service.healthz", kOpen, "service", "Status", "Whether the program runs",
          get_health}),
    read({"/readyz", "service.ready", kOpen, "service", "Status", "Whether requests can be served",
          get_readiness, "", kJson, false}),
    read({"/metrics", "service.metrics", Access::platform_or_loopback(), "service", "",
          "Metrics for Prometheus", get_metrics, "", "text/plain", false}),
    read({"/openapi.json", "docs.openapi", kOpen, "docs", "OpenApiDocument",
          "This interface as OpenAPI 3.1", get_openapi}),
    read({"/docs", "docs.page", kOpen, "docs", "", "This interface as a page", get_docs, "",
          "text/html"}),
    read({"/robots.txt", "docs.robots", kOpen, "docs", "", "What crawlers may read", get_robots, "",
          "text/plain"}),
    read({"/.well-known/carnet-keys.json", "keys.published", kOpen, "verification", "KeySet",
          "The public keys that passports and the log are signed with", get_keys}),
    read({"/.well-known/security.txt", "docs.security", kOpen, "docs", "",
          "Where to report a weakness (RFC 9116)", get_security_txt, "", "text/plain"}),
    read({"/assets/{name}", "docs.asset", kOpen, "docs", "",
          "A style sheet, script or image of the pages", get_asset, "",
          "text/css, text/javascript, image/svg+xml"}),

    write({kPost, "/admin/tenants", "tenant.create", kPlatform, "admin", "NewTenant", "Tenant", 201,
           "Create a tenant", create_tenant, true}),
    read({"/admin/tenants", "tenant.list", kPlatform, "admin", "TenantList", "List the tenants",
          list_tenants, kPaging}),
    write({kPost, "/admin/tenants/{tenant_id}/keys", "key.create", kPlatform, "admin", "NewKey",
           "IssuedKey", 201, "Issue an API key; it is shown this once", create_key, true}),
    read({"/admin/tenants/{tenant_id}/keys", "key.list", kPlatform, "admin", "KeyList",
          "List a tenant's keys", list_keys, kPaging}),
    write({kDelete, "/admin/keys/{key_id}", "key.revoke", kPlatform, "admin", "", "Key", 200,
           "Revoke a key at once", revoke_key}),
    read({"/admin/audit", "platform_audit.list", kPlatform, "admin", "AuditList",
          "Who did what of no tenant: the platform's own trail", list_audit_entries,
          "audit_limit,cursor,action,since,until,actor,subject"}),
    read({"/admin/audit/verify", "platform_audit.verify", kPlatform, "admin", "AuditVerification",
          "Whether the platform's trail is whole and as it was written", verify_audit, "", kJson,
          false}),
    read({"/admin/audit/export", "platform_audit.export", kPlatform, "admin", "",
          "The platform's trail with its hash chain and signed head", export_audit, "audit_form",
          "application/x-ndjson, text/csv", false}),

    read({"/tenant/me", "tenant.me", kViewer, "tenant", "Me",
          "Who this key is, and the tenant at a glance", get_me}),
    read({"/tenant/settings", "settings.get", kViewer, "tenant", "Settings",
          "Read the tenant's settings", get_settings}),
    write({kPut, "/tenant/settings", "settings.update", kAdmin, "tenant", "NewSettings", "Settings",
           200, "Replace the tenant's settings", put_settings}),
    read({"/tenant/authorized-targets", "authorized_targets.get", kViewer, "tenant",
          "AuthorizedTargets", "What this tenant may scan", get_authorized_targets}),
    write({kPut, "/tenant/authorized-targets", "authorized_targets.update", kAdmin, "tenant",
           "NewAuthorizedTargets", "AuthorizedTargets", 200, "Replace what this tenant may scan",
           put_authorized_targets, false, true}),
    read({"/tenant/audit", "audit.list", kAdmin, "tenant", "AuditList", "Who did what",
          list_audit_entries, "audit_limit,cursor,action,since,until,actor,subject"}),
    read({"/tenant/audit/verify", "audit.verify", kAdmin, "tenant", "AuditVerification",
          "Whether the audit trail is whole and as it was written", verify_audit, "", kJson,
          false}),
    read({"/tenant/audit/export", "audit.export", kAdmin, "tenant", "",
          "The audit trail with its hash chain and signed head", export_audit, "audit_form",
          "application/x-ndjson, text/csv", false}),
    read({"/tenant/export", "tenant.export", kAdmin, "tenant", "",
          "Everything that is kept of the tenant, as a ZIP of NDJSON", export_tenant, "",
          "application/zip", false}),
    write({kDelete, "/tenant/data", "tenant.erase", kAdmin, "tenant", "TenantErasure",
           "TenantRemoval", 200,
           "Erase scans and all that came of them; keys, settings and the audit trail stay",
           erase_tenant_data}),
    read({"/tenant/offboard", "tenant.removal", kAdmin, "tenant", "TenantRemovalState",
          "Whether the tenant is being erased or closed, and how far that is", get_removal, "",
          kJson, false}),
    write({kPost, "/tenant/offboard", "tenant.offboard", kAdmin, "tenant", "TenantOffboarding",
           "TenantRemoval", 200, "Close the tenant and erase everything after a grace period",
           offboard_tenant}),
    write({kDelete, "/tenant/offboard", "tenant.offboard_cancel", kAdmin, "tenant", "",
           "TenantReopened", 200, "Cancel the closing, before the grace period ends",
           cancel_offboarding}),

    read({"/tenant/retention", "retention.view", kViewer, "tenant", "Retention",
          "Which scans are too old, which of them go, and what keeps the others", get_retention,
          "limit,cursor,retention_days", kJson, false}),

    read({"/tenant/portfolio", "portfolio.get", kViewer, "portfolio", "Portfolio",
          "The children of this tenant, added up and one by one", get_portfolio,
          "limit,cursor,portfolio_sort", "application/json, text/csv"}),
    read({"/tenant/portfolio/{tenant_id}", "portfolio.child", kViewer, "portfolio",
          "PortfolioChildAnswer", "One child as it is now", get_portfolio_child}),
    read({"/tenant/portfolio/{tenant_id}/scans", "portfolio.scans", kViewer, "portfolio",
          "ScanList", "The scans of a child whose agreement covers them", list_portfolio_scans,
          kPaging}),
    write({kPost, "/tenant/partner/children", "partner.invite", kAdmin, "portfolio",
           "NewPartnerInvitation", "PartnerInvitation", 201,
           "Invite a tenant to be seen by this one; the code is shown this once", invite_child,
           true}),
    read({"/tenant/partner/children", "partner.children", kViewer, "portfolio", "PartnerList",
          "Whom this tenant sees, and invitations that wait", list_children, kPaging}),
    write({kDelete, "/tenant/partner/children/{link_id}", "partner.end_child", kAdmin, "portfolio",
           "", "EndedPartner", 200, "End an agreement or withdraw an invitation, at once",
           end_child}),
    write({kPost, "/tenant/partner/parents/preview", "partner.preview", kAdmin, "portfolio",
           "PartnerCode", "PartnerOffer", 200, "What accepting an invitation would grant, to whom",
           preview_parent}),
    write({kPost, "/tenant/partner/parents", "partner.accept", kAdmin, "portfolio", "PartnerCode",
           "AcceptedPartner", 201, "Accept an invitation: its tenant sees this one from now on",
           accept_parent, true}),
    read({"/tenant/partner/parents", "partner.parents", kViewer, "portfolio", "PartnerList",
          "Who sees this tenant, and how much of it", list_parents, kPaging}),
    write({kDelete, "/tenant/partner/parents/{link_id}", "partner.end_parent", kAdmin, "portfolio",
           "", "EndedPartner", 200, "End an agreement: nothing is seen any more", end_parent}),

    write({kPost, "/pqc/upload-bundle", "upload.create", kOperator, "scans", "UploadBundle",
           "Upload", 201, "Hand in files and lists to be scanned", upload_bundle, true, false,
           false, kJson, kFileTypes, kUploadBodyBytesMax}),
    write({kPost, "/pqc/scan", "scan.create", kOperator, "scans", "NewScan", "StartedScan", 202,
           "Start a scan", create_scan, true}),
    read({"/pqc/scan/{scan_id}", "scan.get", kViewer, "scans", "Scan",
          "Read a scan, finished or not", get_scan}),
    read({"/pqc/scan/{scan_id}/events", "scan.events", kViewer, "scans", "",
          "Follow a scan's timeline", stream_scan_events, "last_event_id", "text/event-stream",
          false}),
    write({kPost, "/pqc/scan/{scan_id}/cancel", "scan.cancel", kOperator, "scans", "",
           "CancelledScan", 200, "Cancel a scan", cancel_scan}),
    write({kPost, "/pqc/scan/{scan_id}/persist", "scan.persist", kOperator, "scans", "",
           "PersistedScan", 200, "Keep a scan beyond the retention time", persist_scan}),
    write({kPost, "/pqc/handshake/prove", "handshake.prove", kOperator, "scans", "HandshakeTarget",
           "ProvenHandshake", 200, "Prove a live post-quantum handshake with one endpoint",
           prove_handshake}),
    read({"/pqc/report/{scan_id}", "report.get", kViewer, "reports", "Report",
          "Take a scan away as a file", get_report, "report_format,cbom_version,signed",
          kReportTypes}),
    read({"/pqc/report/{scan_id}/availability", "report.availability", kViewer, "reports",
          "ReportAvailability", "Which formats are ready", get_report_availability}),
    read({"/pqc/verify/{scan_id}", "verify.scan", kViewer, "verification", "ScanVerification",
          "Verify the stored passport of a scan with all its files", verify_scan, "", kJson,
          false}),
    write({kPost, "/pqc/verify", "verify.document", kVerify, "verification", "HandedDocument",
           "Verification", 200, "Verify a passport, report, bundle or proof", verify_document,
           false, false, false, kJson,
           "application/json, application/zip, application/octet-stream, multipart/form-data"}),
    read({"/verify", "verify.page", kOpen, "verification", "", "A page to verify a document",
          get_verify_page, "", "text/html"}),
    write({kPost, "/verify", "verify.form", kVerify, "verification", "VerifyForm", "", 200,
           "What the page's form sends", post_verify_page, false, false, false, "text/html",
           "multipart/form-data"}),
    read({"/pqc/inventory", "inventory.list", kViewer, "scans", "Inventory",
          "Every current asset of the tenant", list_inventory, "limit,cursor,kind,status,host"}),
    read({"/pqc/standards", "standards.list", kViewer, "knowledge", "Standards",
          "Deadlines and frameworks", list_standards}),
    read({"/pqc/algorithms", "algorithms.list", kViewer, "knowledge", "Algorithms",
          "Every algorithm that can be named", list_algorithms}),
    read({"/pqc/scenarios", "scenarios.list", kViewer, "knowledge", "Scenarios", "Sample scenarios",
          list_scenarios}),

    read({"/tenant/scans", "scan.list", kViewer, "scans", "ScanList",
          "List the tenant's scans, newest first", list_scans, kPaging}),
    read({"/tenant/scans/{scan_id}", "scan.row", kViewer, "scans", "ScanRow", "One row of the list",
          get_scan_row}),
    write({kDelete, "/tenant/scans/{scan_id}", "scan.delete", kAdmin, "scans", "", "DeletedScan",
           200, "Delete a scan with its report and links", delete_scan}),
    read({"/tenant/scans/{scan_id}/diff", "scan.diff", kViewer, "scans", "ScanDiff",
          "What changed since another scan", diff_scans, "against"}),

    read({"/tenant/scans/{scan_id}/remediation", "remediation.list", kViewer, "remediation",
          "RemediationList", "The backlog of a scan with its state as of now", list_remediation,
          "limit,cursor,remediation_status,owner,overdue"}),
    write({kPost, "/tenant/scans/{scan_id}/remediation", "remediation.update", kOperator,
           "remediation", "RemediationUpdate", "RemediationChanged", 200,
           "Say who does an item until when, that its risk is accepted, or that it is done",
           update_remediation, true}),
    read({"/tenant/scans/{scan_id}/remediation/export", "remediation.export", kViewer,
          "remediation", "", "The backlog as a table", export_remediation, "", "text/csv", false}),
    write({kPost, "/tenant/scans/{scan_id}/remediation/import", "remediation.import", kOperator,
           "remediation", "RemediationTable", "RemediationImport", 200,
           "Take over states from a table; rows that are wrong are named", import_remediation, true,
           false, false, kJson, "text/csv, text/plain", kBodyBytesMax, "dry_run"}),
    write({kPost, "/tenant/scans/{scan_id}/remediation/verify", "remediation.verify", kOperator,
           "remediation", "RemediationVerify", "RemediationProof", 200,
           "Whether a later scan proves that an item is done", verify_remediation, true}),
    write({kPost, "/tenant/scans/{scan_id}/remediation/projection", "remediation.projection",
           kViewer, "remediation", "RemediationIds", "RemediationProjection", 200,
           "The score as it would be if these items were done", project_remediation}),
    read({"/tenant/scans/{scan_id}/remediation/{remediation_id}", "remediation.get", kViewer,
          "remediation", "RemediationItem",
          "One item, with configuration to paste for the servers that can do it",
          get_remediation_item}),
    write({kPost, "/tenant/scans/{scan_id}/plan", "plan.make", kViewer, "remediation",
           "PlanRequest", "MigrationPlan", 200,
           "A migration plan: which work in which week, so that the most exposure is gone soonest",
           plan_remediation, false, false, false, kJson, "", 0, "", kPlanRateCost}),
    read({"/tenant/drift/summary", "drift.summary", kViewer, "drift", "DriftSummary",
          "Scores and changes by day", get_drift_summary, "since_days"}),
    read({"/tenant/drift-intel", "drift.list", kViewer, "drift", "DriftList",
          "What changed at which endpoint and when, newest first", list_drift,
          "limit,cursor,since_days,host,port,change,direction,hybrid"}),

    read({"/tenant/webhooks", "webhook.list", kOperator, "webhooks", "WebhookList",
          "List the tenant's webhooks", list_webhooks, kPaging}),
    write({kPost, "/tenant/webhooks", "webhook.create", kOperator, "webhooks", "NewWebhook",
           "IssuedWebhook", 201, "Register a webhook; its secret is shown this once",
           create_webhook, true}),
    read({"/tenant/webhooks/{webhook_id}", "webhook.get", kOperator, "webhooks", "Webhook",
          "Read a webhook and how it fares", get_webhook}),
    write({kPatch, "/tenant/webhooks/{webhook_id}", "webhook.update", kOperator, "webhooks",
           "WebhookPatch", "Webhook", 200, "Change a webhook, pause or resume it", patch_webhook}),
    write({kDelete, "/tenant/webhooks/{webhook_id}", "webhook.delete", kOperator, "webhooks", "",
           "DeletedWebhook", 200, "Delete a webhook with its deliveries", delete_webhook}),
    write({kPost, "/tenant/webhooks/{webhook_id}/test", "webhook.test", kOperator, "webhooks", "",
           "WebhookTest", 200, "Make one call now and say what came of it", test_webhook, false,
           false, false, kJson, "", 0, "", kWebhookTestRateCost}),
    write({kPost, "/tenant/webhooks/{webhook_id}/rotate-secret", "webhook.rotate_secret", kOperator,
           "webhooks", "SecretRotation", "IssuedWebhook", 200,
           "A new secret, shown this once; the former one signs too for a while",
           rotate_webhook_secret, true}),
    read({"/tenant/webhooks/{webhook_id}/deliveries", "webhook.deliveries", kOperator, "webhooks",
          "DeliveryList", "What was sent to a webhook, and what waits", list_webhook_deliveries,
          "limit,cursor,delivery_state"}),
    read({"/tenant/webhooks/{webhook_id}/dlq", "webhook.dlq", kOperator, "webhooks",
          "DeadLetterList", "A webhook's dead letters", list_dead_letters, kPaging}),
    write({kPost, "/tenant/webhooks/{webhook_id}/replay", "webhook.replay", kOperator, "webhooks",
           "ReplayRequest", "Replayed", 202, "Send dead letters again, under their ids",
           replay_dead_letters, true}),
    read({"/tenant/mail", "mail.list", kOperator, "webhooks", "MailDeliveryList",
          "The tenant's mail: what was sent, what waits, what was given up", list_mail,
          "limit,cursor,delivery_state"}),
    write({kPost, "/tenant/mail/replay", "mail.replay", kOperator, "webhooks", "ReplayRequest",
           "Replayed", 202, "Send mail that was given up again", replay_mail, true}),

    read({"/tenant/alerts", "alert.list", kViewer, "alerts", "AlertList",
          "What needs a person, newest first", list_alerts,
          "limit,cursor,alert_status,alert_kind,severity,scan,since"}),
    read({"/tenant/alerts/{alert_id}", "alert.get", kViewer, "alerts", "Alert", "Read an alert",
          get_alert}),
    write({kPatch, "/tenant/alerts/{alert_id}", "alert.update", kOperator, "alerts", "AlertPatch",
           "Alert", 200, "Acknowledge an alert, open it again, or keep a note with it",
           patch_alert}),

    read({"/tenant/schedules", "schedule.list", kViewer, "schedules", "ScheduleList",
          "List the tenant's schedules, newest first", list_schedules, kPaging}),
    write({kPost, "/tenant/schedules", "schedule.create", kOperator, "schedules", "NewSchedule",
           "Schedule", 201, "Scan again and again: every so many hours or by a cron line",
           create_schedule, true}),
    read({"/tenant/schedules/{schedule_id}", "schedule.get", kViewer, "schedules", "Schedule",
          "Read a schedule with its next and its last run", get_schedule}),
    write({kPatch, "/tenant/schedules/{schedule_id}", "schedule.update", kOperator, "schedules",
           "SchedulePatch", "Schedule", 200, "Change a schedule, pause or resume it",
           patch_schedule}),
    write({kDelete, "/tenant/schedules/{schedule_id}", "schedule.delete", kOperator, "schedules",
           "", "DeletedSchedule", 200, "Delete a schedule and its history; its scans stay",
           delete_schedule}),
    read({"/tenant/schedules/{schedule_id}/runs", "schedule.runs", kViewer, "schedules",
          "ScheduleRunList", "How a schedule's runs went, newest first", list_schedule_runs,
          kPaging}),
    write({kPost, "/tenant/schedules/{schedule_id}/run", "schedule.run", kOperator, "schedules", "",
           "StartedRun", 202, "Run a schedule now; its plan stays", run_schedule, true}),

    write({kPost, "/tenant/scans/{scan_id}/share", "share.create", kOperator, "shares", "NewShare",
           "IssuedShare", 201,
           "Share a scan by an expiring link; token and url are shown this once", create_share,
           true}),
    read({"/tenant/scans/{scan_id}/shares", "share.list_of_scan", kOperator, "shares", "ShareList",
          "List a scan's links", list_scan_shares, kPaging}),
    read({"/tenant/shares", "share.list", kOperator, "shares", "ShareList",
          "List the tenant's links", list_shares, kPaging}),
    read({"/tenant/shares/{share_id}", "share.get", kOperator, "shares", "Share", "Read a link",
          get_share}),
    write({kPatch, "/tenant/shares/{share_id}", "share.update", kOperator, "shares", "SharePatch",
           "Share", 200, "Change a link's label, recipient or expiry, or pause it", patch_share}),
    write({kDelete, "/tenant/shares/{share_id}", "share.revoke", kOperator, "shares", "", "Share",
           200, "Revoke a link at once; its row and log stay", revoke_share}),
    read({"/tenant/shares/{share_id}/views", "share.views", kOperator, "shares", "ViewList",
          "A link's access log", list_share_views, kPaging}),

    read({"/r/{token}", "link.overview", kLink, "links", "LinkOverview",
          "What a link opens; HTML for a browser", get_link, "", "application/json, text/html",
          false}),
    write({kPost, "/r/{token}/open", "link.open", kLink, "links", "OpenLink", "OpenedLink", 200,
           "Open a protected link: counts one view, gives a session", open_link, false, false, true,
           "application/json, text/html"}),
    read({"/r/{token}/report", "link.report", kLink, "links", "Report",
          "Download the report behind a link", get_link_report, "format", kReportTypes}),
    read({"/r/{token}/passport", "link.passport", kLink, "links", "Envelope",
          "Download the signed passport behind a link", get_link_passport, "",
          "application/vnd.dsse.envelope.v1+json, application/json"}),

    read({"/pqc/transparency/root", "transparency.root", kLog, "transparency", "LogRoot",
          "The log's signed root, the newest or of an earlier size", get_log_root, "log_size"}),
    read({"/pqc/transparency/consistency", "transparency.consistency", kLog, "transparency",
          "LogConsistency", "That the log only grew between two sizes", get_log_consistency,
          "from_size,to_size"}),
    read({"/pqc/transparency/inclusion", "transparency.inclusion", kLog, "transparency",
          "LogInclusion", "That a signed envelope is in the log", get_log_inclusion,
          "hash,log_size"}),
    read({"/pqc/transparency/witnesses", "transparency.witnesses", kLog, "transparency",
          "LogWitnesses", "Who cosigns the log, and what each signed last", list_witnesses}),
    write({kPost, "/pqc/transparency/witness", "transparency.cosign", kLog, "transparency",
           "CosignedCheckpoint", "AcceptedCosignature", 200,
           "Hand in a cosignature, as a configured witness", add_cosignature}),
    read({"/log/checkpoint", "log.checkpoint", kLog, "transparency", "",
          "The newest checkpoint as a signed note (C2SP tlog-checkpoint)", get_log_checkpoint, "",
          "text/plain; charset=utf-8"}),
    read({"/log/tile/{tile_path}", "log.tile", kLog, "transparency", "",
          "A tile of hashes or a bundle of entries (C2SP tlog-tiles)", get_log_tile, "",
          "application/octet-stream"}),
};

static_assert(!std::is_default_constructible_v<Access>, "a row without a role must not compile");
static_assert(!std::is_default_constructible_v<Route>, "a row must name its role and handler");

}  // namespace

std::span<const Route> all_routes() { return kRoutes; }

}  // namespace carnet::api
