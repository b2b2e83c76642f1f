// What the dashboard is held to. Each case has a page of its own; run.mjs watches its console and its requests.

import assert from "node:assert/strict";

const WIDTHS = { desk: { width: 1280, height: 900 }, phone: { width: 360, height: 740 } };
const env = process.env;

/** Opens an address and waits until the page is there. */
async function visit(page, address) {
  await page.goto(address);
  await page.locator("main h1, main .empty").first().waitFor();
}

async function firstDecision(server) {
  const response = await fetch(`${server}/helm/v1/decisions?limit=1&status=completed&user=ana`);
  return (await response.json()).turns[0].decision_id;
}

async function addresses(server) {
  const id = await firstDecision(server);
  return {
    overview: "/ui/", tasks: "/ui/tasks", task: "/ui/tasks/support", users: "/ui/users?task=support", user: "/ui/users/ana?task=support",
    decisions: "/ui/decisions", decision: `/ui/decisions/${id}`, experiments: "/ui/experiments", experiment: "/ui/experiments/tone",
    guardrails: "/ui/guardrails", live: "/ui/live",
  };
}

async function chat(server, message, user = "ana") {
  const body = JSON.stringify({ user_id: user, task: "support", message, conversation_id: "c1" });
  const response = await fetch(`${server}/chat`, { method: "POST", headers: { "content-type": "application/json" }, body });
  assert.equal(response.status, 200);
  return response.json();
}

/** What holds of every page for those who do not see it, or use no mouse. */
async function checkStructure(page, where) {
  const found = await page.evaluate(() => {
    const all = (selector) => [...document.querySelectorAll(selector)];
    const nameOf = (field) => field.labels?.length || field.getAttribute("aria-label");
    return {
      mains: all("main").length,
      navs: all("nav[aria-label]").length,
      headings: all("h1").length,
      captions: all("table").filter((table) => !table.caption?.textContent.trim()).length,
      scopes: all("th").filter((cell) => !cell.scope).length,
      drawings: all("main svg").filter((drawing) => !(drawing.getAttribute("aria-label") || drawing.getAttribute("aria-hidden"))).length,
      fields: all("main input, main select").filter((field) => !nameOf(field)).length,
      buttons: all("button").filter((button) => !button.hidden && !(button.textContent.trim() || button.getAttribute("aria-label"))).length,
      title: document.title,
    };
  });
  const { title, ...counts } = found;
  assert.deepEqual(counts, { mains: 1, navs: 1, headings: 1, captions: 0, scopes: 0, drawings: 0, fields: 0, buttons: 0 }, where);
  assert.match(title, /· Helm$/, where);
}

async function checkWidth(page, where) {
  const [inner, outer] = await page.evaluate(() => [document.documentElement.scrollWidth, window.innerWidth]);
  assert.ok(inner <= outer, `${where} is ${inner} wide on a screen of ${outer}`);
}

/** The contrast of texts with what is behind them (WCAG 2.2, 1.4.3), where both are plain colours. */
async function checkContrast(page, where) {
  const poor = await page.evaluate(() => {
    const numbers = (colour) => colour.match(/[\d.]+/g).map(Number);
    const light = ([r, g, b]) => {
      const [x, y, z] = [r, g, b].map((part) => part / 255).map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
      return 0.2126 * x + 0.7152 * y + 0.0722 * z;
    };
    const behind = (element) => {
      for (let at = element; at; at = at.parentElement) {
        const colour = numbers(getComputedStyle(at).backgroundColor);
        if (colour.length < 4 || colour[3] > 0) return colour;
      }
      return [255, 255, 255];
    };
    const found = [];
    for (const element of document.querySelectorAll("body *")) {
      const own = [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.textContent.trim());
      if (!own || element.closest("svg, option, .hidden, .skip, noscript") || !element.checkVisibility()) continue;
      const [one, other] = [light(numbers(getComputedStyle(element).color)), light(behind(element))];
      const contrast = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
      if (contrast < 4.5) found.push(`${element.tagName}.${element.className} "${element.textContent.slice(0, 30)}": ${contrast.toFixed(2)}`);
    }
    return found;
  });
  assert.deepEqual(poor, [], `${where}: texts that are hard to read`);
}

/** How bright the page is, from 0 to 255. */
const brightness = (page) => page.evaluate(() => Number(getComputedStyle(document.body).backgroundColor.match(/\d+/)[0]));

async function picture(page, name) {
  if (env.HELM_UI_PICTURES) await page.screenshot({ path: `${env.HELM_UI_PICTURES}/${name}.png`, fullPage: true });
}

export function* cases({ filled, empty, keyed }) {
  for (const scheme of ["light", "dark"]) {
    for (const [size, viewport] of Object.entries(WIDTHS)) {
      yield {
        name: `every page is there: ${scheme}, ${size}`,
        options: { colorScheme: scheme, viewport },
        async run(page) {
          for (const [name, path] of Object.entries(await addresses(filled))) {
            await visit(page, filled + path);
            if (name === "live") await page.getByText("connected", { exact: true }).waitFor();
            // Drawings have the width of their place one frame later.
            await page.waitForTimeout(150);
            await picture(page, `${name}-${scheme}-${size}`);
            await checkStructure(page, name);
            await checkWidth(page, name);
            await checkContrast(page, name);
            assert.equal((await brightness(page)) > 128, scheme === "light", name);
          }
        },
      };
      yield {
        name: `nothing yet is said well: ${scheme}, ${size}`,
        options: { colorScheme: scheme, viewport },
        async run(page) {
          const titles = {
            "/ui/": "No turns yet", "/ui/decisions": "No decisions yet", "/ui/experiments": "No experiment is configured",
            "/ui/guardrails": "Guards found nothing in the last hour", "/ui/users": "Nobody has taught this task anything yet", "/ui/live": "Waiting for turns",
            "/ui/tasks/support": "Nothing was drawn in the last hour",
          };
          for (const [path, title] of Object.entries(titles)) {
            await visit(page, empty + path);
            await page.getByRole("heading", { name: title }).waitFor();
            await page.waitForTimeout(100);
            await picture(page, `empty${path.replaceAll("/", "-")}-${scheme}-${size}`);
            await checkStructure(page, path);
            await checkWidth(page, path);
            await checkContrast(page, path);
          }
        },
      };
    }
  }

  yield {
    name: "the first page is small and drawn at once",
    async run(page, context) {
      const network = await context.newCDPSession(page);
      await network.send("Network.enable");
      let bytes = 0;
      network.on("Network.loadingFinished", (event) => (bytes += event.encodedDataLength));
      await page.addInitScript(() => {
        new MutationObserver(() => {
          if (!window.drawn && document.querySelector("main figure svg path.line")) window.drawn = performance.now();
        }).observe(document, { childList: true, subtree: true });
      });
      const times = [];
      for (let run = 0; run < 5; run += 1) {
        bytes = 0;
        await page.goto(`${filled}/ui/`);
        await page.waitForFunction(() => window.drawn);
        await page.waitForLoadState("networkidle");
        if (run === 0) assert.ok(bytes > 10_000 && bytes <= 150_000, `${bytes} bytes`);
        if (run === 0) console.log(`        first page: ${bytes} bytes`);
        times.push(await page.evaluate(() => window.drawn));
      }
      const turns = (await page.locator(".tile dd").first().textContent()).trim();
      console.log(`        drawn with ${turns} turns after ${times.map((time) => time.toFixed(0)).join(", ")} ms`);
      if (env.HELM_UI_TURNS) assert.ok(Math.min(...times) <= 200, `${times} ms`);
    },
  };

  yield {
    name: "the overview adds up",
    async run(page) {
      await visit(page, `${filled}/ui/`);
      const overview = await (await fetch(`${filled}/helm/v1/overview`)).json();
      const turns = overview.tasks.flatMap((task) => task.slots).reduce((sum, slot) => sum + slot.turns, 0);
      const shown = await page.getByRole("table", { name: "By task" }).locator("tbody td:nth-child(2)").allTextContents();
      assert.equal(shown.map((text) => Number(text.replaceAll(",", ""))).reduce((a, b) => a + b), turns);
      assert.ok(turns > 24);
      await page.locator("figure", { hasText: "Reward over time" }).getByText("Figures").click();
      assert.ok((await page.getByRole("table", { name: "Reward over time" }).locator("tbody tr").count()) > 3);
      await page.getByLabel("Task", { exact: true }).selectOption("support");
      await page.waitForURL(/task=support/);
    },
  };

  yield {
    name: "all can be done with the keyboard",
    async run(page) {
      await visit(page, `${filled}/ui/`);
      await page.keyboard.press("Tab");
      assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
      await page.keyboard.press("Enter");
      assert.equal(await page.evaluate(() => document.activeElement.id), "main");
      await page.reload();
      await page.locator("main h1").waitFor();
      for (const name of ["skip", "Helm", "Overview", "Tasks"]) {
        await page.keyboard.press("Tab");
        const [text, ring] = await page.evaluate(() => {
          const style = getComputedStyle(document.activeElement);
          return [document.activeElement.textContent.trim(), `${style.outlineStyle} ${style.outlineWidth}`];
        });
        assert.ok(text === name || name === "skip", text);
        assert.equal(ring, "solid 3px", `${name} shows that it has the focus`);
      }
      await page.keyboard.press("Enter");
      await page.waitForURL(/\/ui\/tasks$/);
      await page.locator("h1", { hasText: "Tasks" }).waitFor();
      assert.equal(await page.evaluate(() => document.activeElement.tagName), "H1", "the reader is taken to the new page's heading");
      await page.getByRole("link", { name: "support" }).focus();
      await page.keyboard.press("Enter");
      await page.locator("h1", { hasText: "Task support" }).waitFor();
      await page.goBack();
      await page.locator("h1", { hasText: "Tasks" }).waitFor();
      await page.getByRole("button", { name: /Colours/ }).focus();
      await page.keyboard.press("Enter");
      await page.keyboard.press("Space");
      assert.equal(await page.getByRole("button", { name: "Colours: dark" }).count(), 1);
      assert.ok((await brightness(page)) < 128);
      await page.reload();
      assert.ok((await brightness(page)) < 128, "it is remembered");
    },
  };

  yield {
    name: "a turn appears live",
    async run(page) {
      await visit(page, `${filled}/ui/live`);
      await page.getByText("connected", { exact: true }).waitFor();
      assert.equal(await page.locator(".live > li").count(), 0, "what was there before is not new");
      const { decision_id: id } = await chat(filled, "How long does a parcel to Oslo take?");
      const entry = page.locator(".live > li", { hasText: "a parcel to Oslo" });
      await entry.waitFor({ timeout: 5_000 });
      await picture(page, "live-with-a-turn");
      await page.getByRole("button", { name: "Pause" }).click();
      await chat(filled, "And to Bergen?");
      await page.getByRole("button", { name: "Go on (1 waiting)" }).click();
      await page.locator(".live > li", { hasText: "And to Bergen?" }).waitFor();
      await entry.getByRole("link").first().click();
      await page.waitForURL(new RegExp(id));
    },
  };

  yield {
    name: "feedback is given where a decision is explained",
    async run(page) {
      const { decision_id: id } = await chat(filled, "Where can I see my invoices?");
      await visit(page, `${filled}/ui/decisions?user=ana`);
      await page.locator("tr", { hasText: "Where can I see my invoices?" }).getByRole("link").first().click();
      await page.waitForURL(new RegExp(id));
      await page.getByText("Where can I see my invoices?").first().waitFor();
      await page.getByRole("table", { name: "What the policy knew" }).waitFor();
      await page.getByRole("heading", { name: "Conversation" }).waitFor();
      await page.getByRole("button", { name: "4 of 5, good" }).click();
      await page.getByRole("table", { name: "Given so far" }).getByText("0.75").waitFor();
      assert.equal(await page.getByRole("button", { name: "4 of 5, good" }).getAttribute("aria-pressed"), "true");
      const decision = await (await fetch(`${filled}/helm/v1/decisions/${id}`)).json();
      assert.deepEqual(decision.feedback.map((one) => [one.source, one.value]), [["dashboard", 0.75]]);
      await page.getByRole("button", { name: "1 of 5, bad" }).click();
      await page.getByRole("table", { name: "Given so far" }).getByText("0.00").waitFor();
    },
  };

  yield {
    name: "decisions are searched",
    async run(page) {
      await visit(page, `${filled}/ui/decisions`);
      const rows = page.locator("main table tbody tr");
      assert.equal(await rows.count(), 25);
      await page.getByRole("button", { name: "Show more decisions" }).click();
      await page.locator("main table").nth(1).waitFor();
      await page.getByLabel("Ended").selectOption("blocked");
      await page.getByRole("button", { name: "Search" }).click();
      await page.waitForURL(/status=blocked/);
      await page.waitForFunction(() => {
        const shown = [...document.querySelectorAll("main tbody tr")];
        return shown.length > 0 && shown.every((row) => row.textContent.includes("blocked"));
      });
      await page.getByLabel("User", { exact: true }).fill("nobody");
      await page.getByRole("button", { name: "Search" }).click();
      await page.getByRole("heading", { name: "No decision matches" }).waitFor();
      const id = await firstDecision(filled);
      await page.getByLabel("Decision", { exact: true }).fill(id);
      await page.keyboard.press("Enter");
      await page.waitForURL(new RegExp(id));
    },
  };

  yield {
    name: "what guards found is shown, and never the secret",
    async run(page) {
      await visit(page, `${filled}/ui/guardrails`);
      await page.getByRole("table", { name: /What was found/ }).getByText("email", { exact: true }).waitFor();
      const turns = page.getByRole("table", { name: /Turns in which guards found something/ });
      await turns.getByText("email: redact").first().waitFor();
      const told = await page.evaluate(() => document.documentElement.outerHTML);
      assert.ok(!told.includes(env.HELM_UI_SECRET));
      await turns.getByRole("link").first().click();
      await page.getByRole("table", { name: /the text itself is never kept/ }).waitFor();
      assert.ok(!(await page.content()).includes(env.HELM_UI_SECRET));
    },
  };

  yield {
    name: "an experiment is reported",
    async run(page) {
      await visit(page, `${filled}/ui/experiments`);
      await page.getByRole("link", { name: "tone" }).click();
      await page.locator("h1", { hasText: "Experiment tone" }).waitFor();
      await page.locator(".verdict h2").waitFor();
      assert.equal(await page.getByRole("table", { name: "Variants" }).locator("tbody tr").count(), 2);
      await page.getByRole("table", { name: "Whether the log can be trusted" }).waitFor();
      const saved = page.waitForEvent("download");
      await page.getByRole("button", { name: "Save as a page" }).click();
      assert.equal((await saved).suggestedFilename(), "experiment-tone.html");
    },
  };

  yield {
    name: "a user stands beside the population",
    async run(page) {
      await visit(page, `${filled}/ui/users?task=support`);
      await page.getByRole("table", { name: /Mean reward by user/ }).getByRole("link", { name: "ana", exact: true }).click();
      await page.getByRole("table", { name: "This user beside the population" }).waitFor();
      await page.getByRole("table", { name: "Latest decisions" }).waitFor();
    },
  };

  yield {
    name: "a key is asked for, kept in the tab alone, and forgotten",
    expected: [/401/],
    async run(page, context) {
      await page.goto(`${keyed}/ui/decisions`);
      await page.getByRole("heading", { name: "This server wants a key" }).waitFor();
      await picture(page, "key");
      await page.getByLabel("API key").fill("hk_0_wrong");
      await page.keyboard.press("Enter");
      await page.getByRole("alert").filter({ hasText: "That key does not open it" }).waitFor();
      await checkStructure(page, "key");
      await checkContrast(page, "key");
      await picture(page, "key-wrong");
      await page.getByLabel("API key").fill(env.HELM_UI_KEY);
      await page.keyboard.press("Enter");
      await page.locator("h1", { hasText: "Decisions" }).waitFor();
      const [kept, session, address] = await page.evaluate(() => [JSON.stringify({ ...localStorage }), sessionStorage.getItem("helm-key"), location.href]);
      assert.ok(!kept.includes(env.HELM_UI_KEY) && !address.includes(env.HELM_UI_KEY));
      assert.equal(session, env.HELM_UI_KEY);
      assert.deepEqual(await context.cookies(), []);
      await page.getByRole("link", { name: "Live" }).click();
      await page.getByText("connected", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Forget key" }).click();
      await page.getByRole("heading", { name: "This server wants a key" }).waitFor();
      assert.equal(await page.evaluate(() => sessionStorage.getItem("helm-key")), null);
    },
  };

  yield {
    name: "what goes wrong is said, and tried again",
    expected: [/404/, /500/, /ERR_/],
    async run(page) {
      await visit(page, `${filled}/ui/nowhere`);
      await page.getByRole("heading", { name: "Not found" }).waitFor();
      await page.goto(`${filled}/ui/decisions/0193e4a0-0000-7000-8000-000000000000`);
      await page.getByRole("heading", { name: "Not found" }).waitFor();
      await page.route("**/helm/v1/overview*", (route) => route.abort());
      await page.goto(`${filled}/ui/`);
      await page.getByRole("heading", { name: "No connection" }).waitFor();
      await picture(page, "no-connection");
      await page.unroute("**/helm/v1/overview*");
      await page.getByRole("button", { name: "Try again" }).click();
      await page.locator("h1", { hasText: "Overview" }).waitFor();
      const problem = { status: 500, contentType: "application/problem+json", body: '{"detail":"something went wrong inside","request_id":"r-7"}' };
      await page.route("**/helm/v1/tasks", (route) => route.fulfill(problem));
      await page.goto(`${filled}/ui/decisions`);
      await page.getByText("Request r-7").waitFor();
    },
  };

  yield {
    name: "texts are never read as HTML",
    async run(page) {
      const text = '<img src="x" onerror="window.hurt = 1"><b>bold</b>';
      const { decision_id: id } = await chat(filled, text, "mallory");
      await visit(page, `${filled}/ui/decisions/${id}`);
      await page.getByText(text).first().waitFor();
      assert.equal(await page.evaluate(() => window.hurt), undefined);
      const response = await fetch(`${filled}/ui/`);
      assert.match(response.headers.get("content-security-policy"), /default-src 'self'/);
      const again = await fetch(`${filled}/ui/`, { headers: { "if-none-match": response.headers.get("etag") } });
      assert.equal(again.status, 304);
    },
  };

  if (env.HELM_UPDATE_SCREENSHOT) {
    yield {
      name: "the screenshot of the documentation is taken anew",
      options: { viewport: { width: 1200, height: 860 } },
      async run(page) {
        await visit(page, `${filled}/ui/`);
        await page.locator("figure svg").first().waitFor();
        await page.waitForTimeout(300);
        await page.screenshot({ path: env.HELM_UPDATE_SCREENSHOT });
      },
    };
  }
}
