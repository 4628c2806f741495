-- wrk script: create a share link on every request. The key comes from the environment, so that no command line shows it.
wrk.method = "POST"
wrk.headers["Authorization"] = "Bearer " .. os.getenv("CARNET_BENCH_KEY")
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"label":"Auditor handoff","scope":"passport"}'
