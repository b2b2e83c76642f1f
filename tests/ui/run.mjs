// Runs the cases of cases.mjs in a real Chromium, reports each, and fails if one does.
//
// The servers are started by crates/helm-server/tests/ui/main.rs, which says in the environment where they are. Whatever a page
// writes to its console as an error, and whatever it asks another server, fails its case.

import { cases } from "./cases.mjs";

const { chromium } = await import(process.env.HELM_PLAYWRIGHT);
const servers = { filled: process.env.HELM_UI_FILLED, empty: process.env.HELM_UI_EMPTY, keyed: process.env.HELM_UI_KEYED };

const browser = await chromium.launch({
  executablePath: process.env.HELM_CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"],
});

/** A page that is watched. `expected`: errors that a case brings about on purpose. */
async function open(context, faults, expected) {
  const page = await context.newPage();
  page.on("console", (message) => {
    if (message.type() === "error" && !expected.some((one) => one.test(message.text()))) faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`error: ${error}`));
  page.on("request", (request) => {
    const address = new URL(request.url());
    const own = Object.values(servers).includes(address.origin) || ["data:", "blob:"].includes(address.protocol);
    if (!own) faults.push(`request to ${address.origin}`);
  });
  page.setDefaultTimeout(15_000);
  return page;
}

const wanted = process.argv.slice(2);
let [ran, failed] = [0, 0];
for (const { name, run, options = {}, expected = [] } of cases(servers)) {
  if (wanted.length && !wanted.some((word) => name.includes(word))) continue;
  ran += 1;
  const began = performance.now();
  const faults = [];
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, timezoneId: "UTC", locale: "en-GB", ...options });
  try {
    await run(await open(context, faults, expected), context);
  } catch (error) {
    faults.push(error.stack ?? String(error));
  }
  await context.close();
  const seconds = ((performance.now() - began) / 1000).toFixed(2);
  if (faults.length) {
    failed += 1;
    console.log(`FAILED  ${name}\n${faults.join("\n")}`);
  } else console.log(`ok      ${name} (${seconds} s)`);
}
await browser.close();
console.log(`${ran} cases, ${failed} failed`);
process.exit(failed || !ran ? 1 : 0);
