"""The commands on PostgreSQL: init, migrate, config and serve, with the roles that docs/operating.md names.

    postgresql_test.py CARNET
"""

import os
import sys
import tempfile

import harness
import pg_cluster

SECRET = "s3cret-of-the-url"


def first_handoff(service, key):
    """A sample scan, its link, and the link's page: what needs a tenant's rows and what finds them without one."""
    request = {"scenarioId": "bank-tls-inventory", "useFixture": True}
    scan = harness.call("POST", f"{service.url}/pqc/scan", key, request).json()["scanId"]
    status = lambda: harness.call("GET", f"{service.url}/pqc/scan/{scan}", key).json()["status"]
    harness.wait_until(lambda: status() == "success", 30, "the sample scan")
    made = harness.call("POST", f"{service.url}/tenant/scans/{scan}/share", key, {"label": "Auditor", "scope": "passport"})
    assert made.status == 201, made.body
    page = harness.call("GET", f"{service.url}/r/{made.json()['token']}")
    assert page.status == 200, page.body


def main(carnet):
    with tempfile.TemporaryDirectory() as folder, pg_cluster.Cluster(tcp=True) as cluster:
        name = cluster.create_database()
        url = f"postgresql://carnet:{SECRET}@127.0.0.1:{cluster.port}/{name}"
        data = f"{folder}/data"
        made = harness.run(carnet, "init", "--data", data, CARNET_DATABASE_URL=url)
        assert made.returncode == 0, made.stderr
        key = next(line.split()[1] for line in made.stdout.splitlines() if line.split()[:1] == ["operator"])
        assert not os.path.exists(f"{data}/carnet.db")

        config = harness.run(carnet, "config", "--data", data, "--database", url).stdout
        assert f"postgresql://carnet@127.0.0.1:{cluster.port}/{name}" in config and SECRET not in config, config
        malformed = harness.run(carnet, "config", "--data", data, "--database", url.replace("@", "@[", 1))
        assert malformed.returncode == 2 and SECRET not in malformed.stderr and "%XX" in malformed.stderr, malformed.stderr
        current = harness.run(carnet, "migrate", "--check", "--data", data, "--database", url)
        assert current.returncode == 0 and "current" in current.stdout, current.stderr

        second = harness.run(carnet, "init", "--data", f"{folder}/second", "--database", url)
        assert second.returncode == 1 and "tenants already" in second.stderr, second.stderr
        assert not os.path.exists(f"{folder}/second")
        other = cluster.create_database()
        cluster.sql(other, "CREATE TABLE scans (theirs INTEGER)")
        refused = harness.run(carnet, "init", "--data", f"{folder}/third", "--database", cluster.url(other))
        assert refused.returncode == 1 and "another program" in refused.stderr, refused.stderr
        nowhere = harness.run(carnet, "serve", "--data", data, "--database", f"postgresql://carnet:{SECRET}@127.0.0.1:1/x")
        assert nowhere.returncode == 1 and "127.0.0.1" in nowhere.stderr and SECRET not in nowhere.stderr, nowhere.stderr

        # The owner, and a user who is only a member of the role that serves.
        cluster.sql("postgres", "CREATE ROLE runner LOGIN; GRANT carnet_app TO runner")
        for user in ("carnet", "runner"):
            log_path = f"{folder}/{user}.log"
            with open(log_path, "w") as log:
                with harness.Service(carnet, data, "--database", url.replace("carnet:", f"{user}:", 1), log=log) as service:
                    first_handoff(service, key)
                    assert service.stop() == 0
            with open(log_path) as log:
                text = log.read()
            assert "PostgreSQL 1" in text and SECRET not in text, text
        # What serves may not take the log back, nor see a tenant's rows without saying whose.
        unscoped = cluster.sql(name, "SET ROLE carnet_app; SELECT count(*) FROM scans", user="carnet")
        assert unscoped == "0", unscoped


if __name__ == "__main__":
    main(sys.argv[1])
