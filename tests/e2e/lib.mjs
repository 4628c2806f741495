// What the scripts of this folder share: a small test runner, Chromium, and the checks that every page must pass.

import { createRequire } from "node:module";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const npm = createRequire(path.join(here, "../../third_party/npm/package.json"));
const { chromium } = npm("playwright-core");
const axeSource = npm("axe-core").source;
const { HtmlValidate, StaticConfigLoader } = npm("html-validate");

const SKIPPED = 77;
export const FIRST_VIEW_BYTES_MAX = 100 * 1024;

export const VIEWS = {
  light: { viewport: { width: 1200, height: 900 }, colorScheme: "light" },
  dark: { viewport: { width: 1200, height: 900 }, colorScheme: "dark" },
  phone: { viewport: { width: 390, height: 844 }, colorScheme: "light", isMobile: true, hasTouch: true },
  "phone, dark": { viewport: { width: 390, height: 844 }, colorScheme: "dark", isMobile: true, hasTouch: true },
};

export function check(condition, message) {
  if (!condition) throw new Error(message);
}
export function same(actual, expected, what) {
  check(actual === expected, `${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
}

function browserPath() {
  if (process.env.CARNET_CHROMIUM) return process.env.CARNET_CHROMIUM;
  const folders = ["/usr/bin", ...(process.env.PATH ?? "").split(path.delimiter)];
  for (const folder of folders) {
    for (const name of ["chromium", "chromium-browser", "google-chrome"]) {
      if (folder !== "" && existsSync(path.join(folder, name))) return path.join(folder, name);
    }
  }
  return undefined;
}

// Runs each [name, function] of what `makeTests` gives, one after the other, and sets the exit code. `makeTests` gets
// {browser, scratch, atEnd}: a browser with a fresh profile, an own folder, and a list of functions to call at the end.
export async function run(makeTests) {
  const executablePath = browserPath();
  if (executablePath === undefined) {
    console.log("SKIPPED: no Chromium on this machine; install Debian's package chromium, or set CARNET_CHROMIUM");
    process.exit(SKIPPED);
  }
  const scratch = mkdtempSync(path.join(tmpdir(), "carnet-e2e-"));
  const atEnd = [];
  let failed = 0;
  let browser;
  try {
    browser = await chromium.launch({
      executablePath,
      args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
        "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    });
    for (const [name, test] of await makeTests({ browser, scratch, atEnd })) {
      const begun = Date.now();
      try {
        await test();
        console.log(`ok      ${name} (${Date.now() - begun} ms)`);
      } catch (error) {
        failed += 1;
        console.log(`FAILED  ${name}\n        ${String(error.stack ?? error).replaceAll("\n", "\n        ")}`);
      }
    }
  } catch (error) {
    failed += 1;
    console.log(`FAILED  set-up\n        ${String(error.stack ?? error).replaceAll("\n", "\n        ")}`);
  } finally {
    for (const end of atEnd.reverse()) await end();
    await browser?.close();
    rmSync(scratch, { recursive: true, force: true });
  }
  if (failed > 0) console.log(`${failed} failed`);
  process.exitCode = failed > 0 ? 1 : 0;
}

// Opens `url` in a context of its own, gives the page to `use`, and then demands that nothing was complained about (console,
// content security policy, uncaught errors) and nothing was asked of another origin. An answer that is an error page is
// reported by the browser on its console; `expectStatus` says which is meant to come, `cookies` how many there are in the end, `complaint` what else the
// browser may say.
export async function visit(browser, url, view, use, { expectStatus = 200, context: more = {}, cookies = 0, complaint } = {}) {
  const context = await browser.newContext({ ...view, ...more });
  try {
    const page = await context.newPage();
    const complaints = [];
    const foreign = [];
    let bytes = 0;
    const bodies = [];
    page.on("console", (message) => {
      const expected = expectStatus >= 400 && message.text().includes(`status of ${expectStatus}`);
      if (["error", "warning"].includes(message.type()) && !expected && !complaint?.test(message.text())) complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(String(error)));
    page.on("request", (request) => {
      if (new URL(request.url()).origin !== new URL(url).origin) foreign.push(request.url());
    });
    page.on("response", (response) => {
      bodies.push(response.body().then((body) => { bytes += body.length; }, () => {}));
    });
    const response = await page.goto(url, { waitUntil: "load" });
    await Promise.all(bodies);
    same(response.status(), expectStatus, `status of ${url}`);
    await use(page, response, () => bytes);
    same(complaints.join(" | "), "", "complaints of the browser");
    same(foreign.join(" | "), "", "requests to other origins");
    same((await context.cookies()).length, cookies, "cookies");
  } finally {
    await context.close();
  }
}

// No finding of axe-core above "moderate", with closed sections open.
export async function accessible(page) {
  await page.evaluate(() => { for (const section of document.querySelectorAll("details")) section.open = true; });
  await page.evaluate(axeSource); // over the debugging protocol, where the page's policy does not reach
  const { violations } = await page.evaluate(() => globalThis.axe.run(document, { resultTypes: ["violations"] }));
  const serious = violations
    .filter((violation) => violation.impact !== "minor" && violation.impact !== "moderate")
    .map((violation) => `${violation.id}: ${violation.nodes.slice(0, 3).map((node) => `${node.html} ${node.failureSummary}`).join("; ")}`);
  same(serious.join("\n"), "", "accessibility findings");
}

// The page itself must not scroll sideways.
export async function fitsWidth(page) {
  const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  check(content <= window, `content is ${content} px wide in a window of ${window} px`);
}

const validator = new HtmlValidate(new StaticConfigLoader({
  extends: ["html-validate:recommended"],
  rules: {
    "void-style": "off",
    "no-trailing-whitespace": "off",
    "long-title": "off", // a report's name may be long
    "require-sri": "off", // one origin
    "no-inline-style": "error",
    "svg-focusable": "off",
    "valid-id": ["error", { relaxed: true }], // operation ids have dots, as HTML allows
  },
}));

export async function validHtml(html) {
  const report = await validator.validateString(html);
  const messages = report.results.flatMap((result) => result.messages)
    .map((message) => `${message.line}:${message.column} ${message.ruleId}: ${message.message}`);
  same(messages.join("\n"), "", "html-validate");
}

// Text of the pages of a PDF is compressed; the count of pages is not.
export function pdfPages(pdf) {
  return (pdf.toString("latin1").match(/\/Type\s*\/Page[^s]/g) ?? []).length;
}
