// The page: which part of it an address shows, the key, the colours.

import { key, Refused, useKey } from "./api.js";
import { h, say } from "./dom.js";
import { failure, loading } from "./parts.js";

const PAGES = [
  [/^\/ui\/?$/, "overview"],
  [/^\/ui\/tasks\/?$/, "tasks"],
  [/^\/ui\/tasks\/([^/]+)\/?$/, "task"],
  [/^\/ui\/users(?:\/([^/]+))?\/?$/, "users"],
  [/^\/ui\/decisions\/?$/, "decisions"],
  [/^\/ui\/decisions\/([^/]+)\/?$/, "decision"],
  [/^\/ui\/experiments(?:\/([^/]+))?\/?$/, "experiments"],
  [/^\/ui\/guardrails\/?$/, "guardrails"],
  [/^\/ui\/live\/?$/, "live"],
];

const main = document.getElementById("main");
let leaving = new AbortController();

function found(path) {
  for (const [pattern, name] of PAGES) {
    const match = pattern.exec(path);
    if (match) return { name, part: match[1] && decodeURIComponent(match[1]) };
  }
  return null;
}

function show(title, ...nodes) {
  main.replaceChildren(...nodes);
  document.title = title ? `${title} · Helm` : "Helm";
}

function mark(path) {
  for (const anchor of document.querySelectorAll("nav a")) {
    const own = anchor.getAttribute("href");
    const here = own === "/ui/" ? /^\/ui\/?$/.test(path) : path.startsWith(own);
    if (here) anchor.setAttribute("aria-current", "page");
    else anchor.removeAttribute("aria-current");
  }
}

/** Draws what the address names. `moved`: whether the reader went there, and is to be taken to its heading. */
async function draw(moved) {
  leaving.abort();
  leaving = new AbortController();
  const { signal } = leaving;
  mark(location.pathname);
  document.getElementById("forget").hidden = !key();
  const slow = setTimeout(() => signal.aborted || show("Loading", loading()), 120);
  try {
    const page = found(location.pathname);
    if (!page) throw new Refused(404, `There is no page at ${location.pathname}.`);
    const module = await import(`./pages/${page.name}.js`);
    const query = new URLSearchParams(location.search);
    const { title, nodes } = await module.page({ part: page.part, query, signal, go, again: () => draw(false) });
    if (signal.aborted) return;
    clearTimeout(slow);
    show(title, ...nodes);
    if (moved) {
      window.scrollTo(0, 0);
      main.querySelector("h1")?.focus({ preventScroll: true });
      say(title);
    }
  } catch (error) {
    clearTimeout(slow);
    if (signal.aborted || error.name === "AbortError") return;
    if (error.status === 401) askForKey(error);
    else show("Error", failure(error, () => draw(true)));
  }
}

/** Goes to an address of this page; with `replace`, instead of the present one. */
function go(path, replace) {
  history[replace ? "replaceState" : "pushState"](null, "", path);
  draw(!replace);
}

function askForKey(error) {
  const wrong = key() !== null;
  const field = h("input", { id: "key", type: "password", autocomplete: "off", required: true, spellcheck: "false", "aria-describedby": "key-note", "aria-invalid": wrong ? "true" : null });
  const submit = async (event) => {
    event.preventDefault();
    useKey(field.value.trim());
    draw(true);
  };
  const form = h(
    "form",
    { class: "card key", onsubmit: submit },
    h("h1", null, "This server wants a key"),
    wrong ? h("p", { class: "wrong", role: "alert" }, `That key does not open it: ${error.message}.`) : null,
    h("label", { for: "key" }, "API key"),
    field,
    h("p", { class: "note", id: "key-note" }, "It is kept in this tab until you close it, and sent to this server only. ", h("code", null, "helmctl keys create NAME --role read"), " makes one; giving feedback takes one with the role admin."),
    h("button", { type: "submit" }, "Open"),
  );
  show("Key", form);
  field.focus();
}

document.addEventListener("click", (event) => {
  const anchor = event.target.closest?.("a[href^='/ui']");
  const plain = !event.defaultPrevented && event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
  if (!anchor || !plain || anchor.target || anchor.hasAttribute("download")) return;
  event.preventDefault();
  go(anchor.getAttribute("href"));
});

window.addEventListener("popstate", () => draw(true));

document.getElementById("forget").addEventListener("click", () => {
  useKey(null);
  draw(true);
});

document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  main.focus();
});

const THEMES = { system: ["◐", "as the system has them"], light: ["☀", "light"], dark: ["☾", "dark"] };

function theme(next) {
  const root = document.documentElement;
  if (next === "system") delete root.dataset.theme;
  else if (next) root.dataset.theme = next;
  const now = root.dataset.theme ?? "system";
  try {
    if (next) localStorage.setItem("helm-theme", now);
  } catch {
    // Then it lasts as long as the page.
  }
  const button = document.getElementById("theme");
  const [sign, name] = THEMES[now];
  button.textContent = sign;
  button.title = `Colours: ${name}`;
  button.setAttribute("aria-label", `Colours: ${name}`);
  return now;
}

document.getElementById("theme").addEventListener("click", () => {
  const names = Object.keys(THEMES);
  const now = document.documentElement.dataset.theme ?? "system";
  say(`Colours: ${THEMES[theme(names[(names.indexOf(now) + 1) % names.length])][1]}`);
});

theme(null);
draw(false);
