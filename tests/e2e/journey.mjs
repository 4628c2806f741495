// journey.mjs CARNET: the main job from the empty machine to the auditor's browser, with the real program: init, serve, a
// sample scan, a link, and what the link's visitor sees.

import { execFileSync, spawn } from "node:child_process";
import path from "node:path";
import readline from "node:readline";
import { FIRST_VIEW_BYTES_MAX, VIEWS, accessible, check, fitsWidth, pdfPages, run, same, validHtml, visit } from "./lib.mjs";

const PATIENCE_MS = 60_000;
const RECIPIENT = "Audit <b>Committee</b> & Board";

function keysOf(output) {
  const keys = {};
  for (const [, role, key] of output.matchAll(/^\s*(viewer|operator|admin)\s+(cnt_\S+)$/gm)) keys[role] = key;
  check(keys.operator !== undefined, `init printed no operator key:\n${output}`);
  return keys;
}

// Starts the server on a free port; gives its address and a function that ends it.
function serve(carnet, data) {
  const child = spawn(carnet, ["serve", "--data", data, "--listen", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "pipe"] });
  let log = "";
  child.stderr.on("data", (chunk) => { log += chunk; });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  const stop = async () => {
    child.kill("SIGTERM");
    return ended;
  };
  return new Promise((resolve, reject) => {
    ended.then((code) => reject(new Error(`carnet serve ended with ${code}:\n${log}`)));
    readline.createInterface({ input: child.stdout }).on("line", (line) => {
      const ready = /^carnet ready on (http:\S+)/.exec(line);
      if (ready) resolve({ base: ready[1].replace(/\/$/, ""), stop, log: () => log });
    });
  });
}

function client(base, key) {
  return async (method, route, body) => {
    const response = await fetch(base + route, {
      method,
      headers: { authorization: `Bearer ${key}`, ...(body === undefined ? {} : { "content-type": "application/json" }) },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await response.text();
    return { status: response.status, json: text === "" ? undefined : JSON.parse(text) };
  };
}

// The timeline as server-sent events ends when the scan has; reading it to its end is how to wait without sleeping.
async function finished(base, key, scanId) {
  const call = client(base, key);
  const events = await fetch(`${base}/pqc/scan/${scanId}/events`, {
    headers: { authorization: `Bearer ${key}` }, signal: AbortSignal.timeout(PATIENCE_MS),
  });
  await events.text();
  const { json } = await call("GET", `/pqc/scan/${scanId}`);
  same(json.status, "success", "state of the scan");
  return json;
}

async function prepare(scratch, atEnd) {
  const carnet = process.argv[2];
  const data = path.join(scratch, "data");
  const keys = keysOf(execFileSync(carnet, ["init", "--data", data], { encoding: "utf8" }));
  const server = await serve(carnet, data);
  atEnd.push(server.stop);
  const call = client(server.base, keys.operator);
  const started = await call("POST", "/pqc/scan", { scenarioId: "bank-tls-inventory", useFixture: true, label: "Board review" });
  same(started.status, 202, "status of the scan request");
  const scan = await finished(server.base, keys.operator, started.json.scanId);
  const share = async (body) => {
    const made = await call("POST", `/tenant/scans/${scan.scanId}/share`, body);
    same(made.status, 201, "status of the share request");
    // `url` begins with the public base URL; the visitor of this test comes by the listener.
    return { ...made.json, page: `${server.base}/r/${made.json.token}` };
  };
  return { server, call, scan, share, data, link: await share({ label: "label for the owner only", recipient: RECIPIENT, scope: "passport" }) };
}

function overviewTests(browser, { scan, link }) {
  const tests = [["the page says what the scan says", () =>
    visit(browser, link.page, VIEWS.light, async (page, response) => {
      const text = await page.locator("body").innerText();
      check(text.includes(RECIPIENT), "recipient, as text");
      check(text.includes("Board review"), "label of the scan");
      check(text.includes("SAMPLE"), "sample banner");
      check(!text.includes("label for the owner only"), "the link's label is not shown");
      for (const part of [`${scan.readinessScore}`, scan.readinessBand, "Score range", "heuristic", "no audit", "Mosca"]) {
        check(text.includes(part), `the page lacks "${part}"`);
      }
      const figures = await page.locator(".figure strong").allInnerTexts();
      same(figures[0], `${scan.counts.hndlExposed}`, "harvest-now figure");
      same(await page.locator("#found tbody tr").count(), Math.min(scan.assets.length, 50), "rows of assets");
      same(await page.locator(".first > li").count(), Math.min(3, scan.remediationBacklog.length), "first steps");
      await validHtml(await response.text());
    })],
  ["every header that a link's answer must have", async () => {
    const response = await fetch(link.page, { headers: { accept: "text/html" } });
    const expected = {
      "cache-control": "no-store", "referrer-policy": "no-referrer", "x-robots-tag": "noindex, nofollow, noarchive",
      "x-content-type-options": "nosniff", "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin",
    };
    for (const [name, value] of Object.entries(expected)) same(response.headers.get(name), value, name);
    check(response.headers.get("content-security-policy").includes("default-src 'none'"), "content security policy");
    check(!response.headers.get("content-security-policy").includes("unsafe"), "no unsafe source");
  }],
  ["without JavaScript it is the same page", () =>
    visit(browser, link.page, VIEWS.light, async (page) => {
      check((await page.locator(".g-number").textContent()).includes(`${scan.readinessScore}`), "score");
      await page.locator("details:has(li) > summary").first().click();
      check(await page.locator(".framework li").first().isVisible(), "sections open without a script");
    }, { context: { javaScriptEnabled: false } })],
  ["assets are searched and filtered without a script", () =>
    visit(browser, link.page, VIEWS.light, async (page) => {
      const wanted = scan.assets.filter((asset) => asset.vulnerability.status === "at-risk" && asset.host.includes("mail"));
      await page.getByLabel("Search").fill("MAIL");
      await page.getByLabel("Status", { exact: true }).selectOption("at-risk");
      await page.getByRole("button", { name: "Show" }).click();
      check(page.url().includes("q=MAIL") && page.url().includes("status=at-risk"), page.url());
      same(await page.locator("#found tbody tr").count(), wanted.length, "rows");
      same(await page.getByLabel("Search").inputValue(), "MAIL", "the search stays in its field");
      await page.getByRole("link", { name: "Show all" }).click();
      same(await page.locator("#found tbody tr").count(), Math.min(scan.assets.length, 50), "all rows again");
    }, { context: { javaScriptEnabled: false } })],
  ["assets follow what is typed, with a script", () =>
    visit(browser, link.page, VIEWS.phone, async (page) => {
      await page.getByLabel("Search").fill("no such host");
      await page.getByText("Nothing fits.").waitFor();
      check((await page.locator("h1").innerText()).includes("Board review"), "the page stays");
      await page.getByLabel("Search").fill("");
      await page.getByLabel("Order").selectOption("where");
      await page.locator("#found tbody tr").first().waitFor();
      check(page.url().includes("order=where"), "the address can be kept");
    })],
  ["the passport is verified in the visitor's own browser", () =>
    visit(browser, link.page, VIEWS.light, async (page) => {
      await page.getByRole("button", { name: "Verify in this browser" }).click();
      await page.locator("#verify-verdict.good, #verify-verdict.bad, #verify-verdict.unable").waitFor();
      const said = await page.locator("#verify").innerText();
      same(await page.locator("#verify-verdict.good").count(), 1, said);
      same(await page.locator(".check.good").count(), 8, "checks");
      await page.evaluate(() => { document.getElementById("verify").dataset.sha256 = "0".repeat(64); });
      await page.getByRole("button", { name: "Verify in this browser" }).click();
      await page.locator("#verify-verdict.bad").waitFor();
      await accessible(page);
    })],
  ["it can be printed", () =>
    visit(browser, link.page, VIEWS.light, async (page) => {
      const pdf = await page.pdf({ preferCSSPageSize: true });
      check(pdf.subarray(0, 5).toString() === "%PDF-" && pdfPages(pdf) >= 2, "a PDF of some pages");
      check(!pdf.includes(link.token), "the secret address is not on the paper");
    })],
  ["each download it offers comes, with the size it names", () =>
    visit(browser, link.page, VIEWS.light, async (page) => {
      const offered = await page.locator(".downloads a").evaluateAll((links) =>
        links.map((link) => ({ target: link.href, size: link.querySelector(".size").textContent })));
      check(offered.length >= 2, "JSON and CSV at least");
      for (const { target, size } of offered) {
        const response = await fetch(target);
        same(response.status, 200, target);
        const bytes = (await response.arrayBuffer()).byteLength;
        const words = bytes < 1000 ? `${bytes} B` : `${(bytes / 1000).toFixed(1).replace(/\.0$/, "")} KB`;
        same(size, words, `size of ${target}`);
      }
    })]];
  for (const [kind, view] of Object.entries(VIEWS)) {
    tests.push([`${kind}: accessible, fits, light, quiet`, () =>
      visit(browser, link.page, view, async (page, response, bytes) => {
        await fitsWidth(page);
        check(bytes() < FIRST_VIEW_BYTES_MAX, `first view weighs ${bytes()} bytes`);
        await accessible(page);
      })]);
  }
  return tests;
}

// Protected links, as a person opens them.
function doorTests(browser, { server, call, share, data }) {
  const opens = async (page, passcode) => {
    if (passcode !== undefined) await page.getByLabel("Passcode").fill(passcode);
    await page.getByRole("button", { name: "Open the report" }).click();
  };
  return [["a passcode, wrong and right; counted once; exhausted; without a script", async () => {
    const made = await share({ passcode: "correct horse", maxViews: 1, recipient: "Audit Ltd" });
    await visit(browser, made.page, VIEWS.phone, async (page, response) => {
      check(!(await page.locator("body").innerText()).includes("Audit Ltd"), "names nobody before it is opened");
      await fitsWidth(page);
      await validHtml(await response.text());
      await opens(page, "wrong");
      check((await page.locator("#passcode-note").innerText()).includes("not right"), "says that it was wrong");
      await opens(page, "correct horse");
      check((await page.locator("body").innerText()).includes("Audit Ltd"), "opened");
      same(page.url(), made.page, "the address is the link's again");
      await page.reload();
      check((await page.locator("body").innerText()).includes("Open in this browser until"), "stays open");
    }, { context: { javaScriptEnabled: false }, cookies: 1, complaint: /status of 403/ });
    const { json } = await call("GET", `/tenant/shares/${made.id}`);
    same(json.viewCount, 1, "views");
    same(json.state, "exhausted", "state");
    await visit(browser, made.page, VIEWS.light, async (page) => {
      check((await page.locator("h1").innerText()).includes("used up"), "says so to the next visitor");
    }, { expectStatus: 404 });
  }],
  ["revoked while it is open", async () => {
    const made = await share({ maxViews: 3 });
    await visit(browser, made.page, VIEWS.light, async (page) => {
      await accessible(page);
      await opens(page);
      check((await page.locator("body").innerText()).includes("Board review"), "opened");
      await call("DELETE", `/tenant/shares/${made.id}`);
      await page.reload();
      check((await page.locator("h1").innerText()).includes("withdrawn"), "closed at once");
    }, { cookies: 1, complaint: /status of 404/ });
  }],
  ["expired while it is open", async () => {
    const made = await share({ maxViews: 4 });
    await visit(browser, made.page, VIEWS.phone, async (page) => {
      await opens(page);
      check((await page.locator("body").innerText()).includes("Board review"), "opened");
      // The service's clock is the machine's, so the end of the link is moved to meet it.
      execFileSync("sqlite3", [path.join(data, "carnet.db"), ".timeout 5000", "UPDATE shares SET expires_at = 1 WHERE max_views = 4"]);
      await page.reload();
      check((await page.locator("h1").innerText()).includes("expired"), "closed at once");
      await fitsWidth(page);
      await accessible(page);
    }, { cookies: 1, complaint: /status of 404/ });
  }]];
}

async function handIn(page, bytes) {
  await page.getByLabel("Passport, report or bundle").setInputFiles({ name: "bundle.zip", mimeType: "application/zip", buffer: bytes });
  await Promise.all([page.waitForNavigation(), page.getByRole("button", { name: "Verify" }).click()]);
}

function problemTests(browser, { server, call, share, link }) {
  const html = (address) => fetch(address, { headers: { accept: "text/html" } }).then((response) => response.text());
  return [["a link that never was: friendly, and always the same bytes", async () => {
    const addresses = [`${server.base}/r/nonsense`, `${server.base}/r/${link.token.slice(0, -1)}${link.token.endsWith("0") ? "1" : "0"}`,
      `${server.base}/r/cnt_s_${"0".repeat(48)}`];
    const bodies = await Promise.all(addresses.map(html));
    for (const body of bodies) same(body, bodies[0], "body");
    await visit(browser, addresses[0], VIEWS.phone, async (page, response) => {
      check((await page.locator("body").innerText()).includes("person who sent you the link"), "whom to ask");
      await fitsWidth(page);
      await accessible(page);
      await validHtml(await response.text());
    }, { expectStatus: 404 });
  }],
  ["a revoked link: friendly, and names no tenant", async () => {
    const gone = await share({ recipient: "Somebody" });
    const me = await call("GET", "/tenant/me");
    const deleted = await call("DELETE", `/tenant/shares/${gone.id}`);
    check(deleted.status < 300, `revoking gave ${deleted.status}`);
    await visit(browser, gone.page, VIEWS.light, async (page) => {
      const text = await page.locator("body").innerText();
      check(text.includes("withdrawn") && text.includes("ask the person who sent you"), "says what happened and whom to ask");
      check(!text.includes("Somebody") && !text.includes(me.json.tenantName), "names nobody");
      await accessible(page);
    }, { expectStatus: 404 });
  }],
  ["a file outside of the link's scope", async () => {
    const narrow = await share({ scope: "report" });
    await visit(browser, `${narrow.page}/report?format=bundle`, VIEWS.light, async (page) => {
      check((await page.locator("h1").innerText()).includes("does not include"), "says what is wrong");
    }, { expectStatus: 403 });
  }],
  ["/docs: a row for each operation, an entry for each problem", () =>
    visit(browser, `${server.base}/docs`, VIEWS.phone, async (page, response) => {
      const openapi = await (await fetch(`${server.base}/openapi.json`)).json();
      for (const item of Object.values(openapi.paths)) {
        for (const method of ["get", "post", "put", "patch", "delete"]) {
          const id = item[method]?.operationId;
          if (id) same(await page.locator(`[id="op-${id}"]`).count(), 1, `row of ${id}`);
        }
      }
      check((await page.locator('[id^="problem-"]').count()) > 20, "problems");
      await fitsWidth(page);
      await accessible(page);
      await validHtml(await response.text());
    })],
  ...Object.entries(VIEWS).map(([kind, view]) => [`/verify, ${kind}: a bundle handed in, and one that was altered`, () =>
    visit(browser, `${server.base}/verify`, view, async (page, response) => {
      await fitsWidth(page);
      await accessible(page);
      await validHtml(await response.text());
      const bundle = Buffer.from(await (await fetch(`${link.page}/report?format=bundle`)).arrayBuffer());
      await handIn(page, bundle);
      same(await page.locator("h1").innerText(), "A genuine sample", "verdict");
      check(await page.locator(".verified .safe").count() >= 8, "a line for each check");
      check((await page.locator(".claims").innerText()).includes("of 100"), "what the passport says");
      await fitsWidth(page);
      await accessible(page);
      bundle[bundle.length >> 1] ^= 1;
      await handIn(page, bundle);
      check(["Not genuine", "This cannot be read"].includes(await page.locator("h1").innerText()), "verdict on the altered one");
      same(await page.locator(".claims").count(), 0, "what nobody signed is not repeated");
      await fitsWidth(page);
      await accessible(page);
    })]),
  ["the visitors' secrets are in no log line", () => check(!server.log().includes(link.token), "token in the log")]];
}

await run(async ({ browser, scratch, atEnd }) => {
  const prepared = await prepare(scratch, atEnd);
  return [...overviewTests(browser, prepared), ...doorTests(browser, prepared), ...problemTests(browser, prepared)];
});
