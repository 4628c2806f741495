// pages.mjs CARNET_WEB_RENDER: every page of src/web, also those that a running server shows only after days or under
// load, in a browser under the policy that docs/sharing.md prescribes.

import { execFileSync } from "node:child_process";
import { readFileSync, readdirSync, existsSync } from "node:fs";
import http from "node:http";
import path from "node:path";
import { FIRST_VIEW_BYTES_MAX, VIEWS, accessible, check, fitsWidth, pdfPages, run, same, validHtml, visit } from "./lib.mjs";

const POLICY = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; " +
  "form-action 'self'; base-uri 'none'; frame-ancestors 'none'";
const TYPES = { ".html": "text/html; charset=utf-8", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml" };

function serve(folder) {
  const server = http.createServer((request, response) => {
    const file = path.join(folder, path.normalize(new URL(request.url, "http://localhost").pathname));
    if (!existsSync(file)) {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { "content-type": TYPES[path.extname(file)], "content-security-policy": POLICY, "x-content-type-options": "nosniff" });
    response.end(readFileSync(file));
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

await run(async ({ browser, scratch, atEnd }) => {
  execFileSync(process.argv[2], [scratch]);
  const server = await serve(scratch);
  atEnd.push(() => new Promise((resolve) => server.close(resolve)));
  const at = (name) => `http://127.0.0.1:${server.address().port}/${name}`;
  const names = readdirSync(scratch).filter((name) => name.endsWith(".html"));
  const tests = [["the tool wrote the pages", () => check(names.length >= 15, names.join(" "))]];

  // The problem pages differ in their words only: two of them stand for all where the browser is slow.
  const alike = names.filter((name) => name.startsWith("problem-") && !["problem-not_found.html", "problem-internal.html"].includes(name));
  for (const name of names) {
    tests.push([`${name}: valid HTML`, () => validHtml(readFileSync(path.join(scratch, name), "utf8"))]);
    const views = alike.includes(name) ? { phone: VIEWS.phone } : VIEWS;
    for (const [kind, view] of Object.entries(views)) {
      tests.push([`${name}, ${kind}: accessible, fits, light, quiet`, () =>
        visit(browser, at(name), view, async (page, response, bytes) => {
          await fitsWidth(page);
          check(bytes() < FIRST_VIEW_BYTES_MAX, `first view weighs ${bytes()} bytes`);
          // A hundred rows are checked as well as fifteen in the other pages.
          if (name !== "large.html" && !alike.includes(name)) await accessible(page);
          await fitsWidth(page);
        })]);
    }
  }

  tests.push(["hostile.html: nothing of it runs or becomes an element", () =>
    visit(browser, at("hostile.html"), VIEWS.light, async (page) => {
      same(await page.locator("script:not([src]), img:not([src^='/assets/']), form:not(.finder), iframe, [onerror]").count(), 0, "injected elements");
      check((await page.locator("h1").innerText()).includes("<script>alert(1)</script>"), "shown as text");
    })]);
  tests.push(["overview.html: all of it is reachable by keyboard, beginning with the skip link", () =>
    visit(browser, at("overview.html"), VIEWS.light, async (page) => {
      await page.keyboard.press("Tab");
      same(await page.evaluate(() => document.activeElement.className), "skip", "first stop");
      const every = "a[href], summary, input, select, button:visible";
      const stops = await page.locator(every).count();
      for (let i = 1; i < stops; i += 1) await page.keyboard.press("Tab");
      const rest = await page.evaluate(() => [...document.querySelectorAll("a[href], summary, input, select, button")].indexOf(document.activeElement));
      check(rest >= 0, "a stop is something to follow or open");
      await page.locator("summary").first().focus();
      await page.keyboard.press("Enter");
      check(await page.locator("details").first().evaluate((section) => section.open), "Enter opens a section");
    })]);
  tests.push(["overview.html: printing shows what is closed on screen, and no button-like things", () =>
    visit(browser, at("overview.html"), VIEWS.light, async (page) => {
      const pdf = await page.pdf({ preferCSSPageSize: true });
      const pages = pdfPages(pdf);
      check(pages >= 2 && pages <= 8, `${pages} printed pages`);
      await page.emulateMedia({ media: "print" });
      check(await page.locator(".framework li").first().isVisible(), "requirements are printed");
      check(!(await page.locator(".downloads").isVisible()), "downloads are not printed");
      const after = await page.locator("a[href^='https']").first().evaluate((link) => getComputedStyle(link, "::after").content);
      check(after.includes("https://"), "the target of a link is printed");
    })]);
  tests.push(["overview.html: 320 px wide and with text twice as large", () =>
    visit(browser, at("overview.html"), { viewport: { width: 320, height: 640 } }, async (page) => {
      await fitsWidth(page);
      await page.setViewportSize({ width: 640, height: 800 });
      await page.evaluate(() => { document.documentElement.style.setProperty("font-size", "200%"); });
      await fitsWidth(page);
    })]);
  return tests;
});
