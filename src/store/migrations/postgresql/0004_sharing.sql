-- Tries at a link that is over, for its owner.
ALTER TABLE shares ADD COLUMN dead_tries BIGINT NOT NULL DEFAULT 0;
ALTER TABLE shares ADD COLUMN last_dead_try_at BIGINT;

-- Open links of a tenant, for the cap on them: those that expire after now are one range of this.
CREATE INDEX shares_unrevoked ON shares (tenant_id, expires_at, scan_id) WHERE revoked_at IS NULL;

-- What happened often within some minutes is one row: from `at` to `last_at`, `count` times.
ALTER TABLE share_views ADD COLUMN count BIGINT NOT NULL DEFAULT 1;
ALTER TABLE share_views ADD COLUMN last_at BIGINT NOT NULL DEFAULT 0;
SET LOCAL carnet.tenant = '*';
UPDATE share_views SET last_at = at;

-- Earlier scans of the same targets, for the score's history.
CREATE INDEX passports_by_target ON passports (tenant_id, target_set, issued_at);
