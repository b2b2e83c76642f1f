// Elements from names, attributes and children. Texts are always texts: nothing is ever read as HTML.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "value") element.value = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

export function h(name, attributes, ...children) {
  return fill(document.createElement(name), attributes, children);
}

export function svg(name, attributes, ...children) {
  return fill(document.createElementNS(SVG, name), attributes, children);
}

export function link(path, ...children) {
  return h("a", { href: path }, ...children);
}

/** Tells those who do not see the page what has changed on it. */
export function say(text) {
  document.getElementById("said").textContent = text;
}

export const taskPath = (task) => `/ui/tasks/${encodeURIComponent(task)}`;
export const decisionPath = (id) => `/ui/decisions/${encodeURIComponent(id)}`;
export const userPath = (user, task) =>
  `/ui/users/${encodeURIComponent(user)}${task ? `?task=${encodeURIComponent(task)}` : ""}`;
export const experimentPath = (key) => `/ui/experiments/${encodeURIComponent(key)}`;
