// naughty.mjs LISTING: the pages that tests/system/naughty_test.py names, in a real browser: what somebody typed or a server
// said is there to be read, and nothing else comes of it.

import { readFileSync } from "node:fs";
import { VIEWS, accessible, check, fitsWidth, run, same, validHtml, visit } from "./lib.mjs";

const listing = JSON.parse(readFileSync(process.argv[2], "utf8"));
const FOREIGN = "script:not([src]), img:not([src^='/assets/']), iframe, object, embed, [onerror], [onload], [onfocus], [onmouseover], " +
  "[autofocus], [style], a[href^='javascript:' i], svg[onload]";

async function inert(page) {
  same(await page.locator(FOREIGN).count(), 0, "elements that a text became");
  check(!(await page.title()).includes("pwned") || (await page.title()).includes("<script>"), "title as text");
  same(await page.evaluate(() => document.title === "pwned"), false, "a script ran");
  const text = await page.locator("body").innerText();
  const turning = text.match(/[\u202A-\u202E\u2066-\u2069\u200B\u2060\uFEFF\u0000-\u0008\u000B-\u001F\u007F-\u009F]/gu);
  same(turning, null, "characters that deceive");
  await fitsWidth(page);
  return text;
}

async function look(browser, { url, marks, recipient, row }, thorough) {
  await visit(browser, url, thorough ? VIEWS.light : VIEWS.phone, async (page, response) => {
    page.on("dialog", (dialog) => { throw new Error(`a dialog: ${dialog.message()}`); });
    const text = await inert(page);
    for (const mark of marks) check(text.includes(mark), `${mark} is not to be read`);
    if (recipient) check((await page.locator("header, main").allInnerTexts()).join(" ").includes(recipient), "recipient");
    if (row) check((await page.locator("#found tbody").innerText()).includes(row), `${row} in the rows that were found`);
    if (thorough) {
      await validHtml(await response.text());
      await accessible(page);
    }
  });
}

await run(async ({ browser }) => {
  const tests = listing.pages.map((wanted, i) =>
    [`${decodeURIComponent(new URL(wanted.url).search) || wanted.recipient}`, () => look(browser, wanted, i % 10 === 0)]);
  tests.push(["the bundle on /verify", () => visit(browser, listing.verify, VIEWS.light, async (page) => {
    await page.getByLabel("Passport, report or bundle").setInputFiles(listing.bundle);
    await page.getByRole("button", { name: "Verify" }).click();
    await page.getByRole("heading", { name: "What was checked" }).waitFor();
    check((await inert(page)).includes("n27"), "the tenant's name");
  })]);
  return tests;
});
