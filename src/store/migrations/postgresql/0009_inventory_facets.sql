-- What kinds and statuses the current assets of an endpoint have: each kind, each status, each pair of them, and any; '' is any. The
-- endpoints on a page of the inventory are found by it without reading all the rest.
CREATE TABLE inventory_facets (
  tenant_id TEXT COLLATE "C" NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
  host      TEXT COLLATE "C" NOT NULL,
  port      BIGINT NOT NULL,
  kind      TEXT COLLATE "C" NOT NULL,
  status    TEXT COLLATE "C" NOT NULL,
  scan_id   TEXT COLLATE "C" NOT NULL,  -- the endpoint's latest
  PRIMARY KEY (tenant_id, host, port, kind, status)
);
CREATE INDEX inventory_facets_by_value ON inventory_facets (tenant_id, kind, status, host, port);

ALTER TABLE inventory_facets ENABLE ROW LEVEL SECURITY;
ALTER TABLE inventory_facets FORCE ROW LEVEL SECURITY;
CREATE POLICY of_tenant ON inventory_facets
  USING ((SELECT NULLIF(current_setting('carnet.tenant', true), '')) IN (tenant_id, '*'));
GRANT SELECT, INSERT, UPDATE, DELETE ON inventory_facets TO carnet_app;

SET LOCAL carnet.tenant = '*';
INSERT INTO inventory_facets (tenant_id, host, port, kind, status, scan_id)
SELECT DISTINCT e.tenant_id, e.host, e.port,
  CASE WHEN way.n IN (2, 4) THEN '' ELSE a.kind END, CASE WHEN way.n IN (1, 4) THEN '' ELSE a.status END, e.scan_id
FROM endpoint_latest e JOIN assets a ON a.scan_id = e.scan_id AND a.host = e.host AND a.port = e.port
CROSS JOIN (SELECT 1 AS n UNION ALL SELECT 2 UNION ALL SELECT 3 UNION ALL SELECT 4) AS way;
