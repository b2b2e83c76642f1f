// Charts as SVG. Each has its figures in a table beside it, for those who do not see it.

import { h, svg } from "./dom.js";
import { NONE, moment, tick } from "./format.js";

const MARGIN = { top: 12, right: 14, bottom: 24 };

/** Round numbers that span a range, at most `most` steps. */
function ticks(low, high, most) {
  const raw = (high - low) / most || 1;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw);
  const first = Math.ceil(low / step - 1e-9) * step;
  const found = [];
  for (let value = first; value <= high + step * 1e-9; value += step) found.push(Number(value.toPrecision(12)));
  return found;
}

const LENGTHS = [1, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 7200, 14400, 43200, 129600].map((minutes) => minutes * 60_000);

/** Round moments between two, in the reader's own time. */
function timeTicks(since, until, most) {
  const step = LENGTHS.find((length) => (until - since) / length <= most) ?? LENGTHS.at(-1);
  const zone = new Date(since).getTimezoneOffset() * 60_000;
  const found = [];
  for (let at = Math.ceil((since - zone) / step) * step + zone; at <= until; at += step) found.push(at);
  return found;
}

/** A figure whose drawing has the width of its place, drawn anew when that changes. */
function figure({ title, note, wide }, draw, ...rest) {
  const place = h("div", { class: "plot" });
  let width = 0;
  const redraw = () => {
    const now = Math.floor(place.clientWidth);
    if (!now || now === width) return;
    width = now;
    place.replaceChildren(draw(width));
  };
  new ResizeObserver(redraw).observe(place);
  const caption = h("figcaption", null, h("h2", null, title), note ? h("p", { class: "note" }, note) : null);
  return h("figure", { class: wide ? "card wide" : "card" }, caption, place, ...rest);
}

function legend(series) {
  const entry = (one) =>
    h("li", null, svg("svg", { width: 26, height: 10, "aria-hidden": "true" }, svg("line", { class: `mark ${one.style}`, x1: 1, y1: 5, x2: 25, y2: 5 })), one.name);
  return series.length > 1 ? h("ul", { class: "legend" }, series.map(entry)) : null;
}

/** The figures of a chart, behind a summary. */
function figures(title, head, rows) {
  if (!rows.length) return null;
  const cell = (value, index) => (index ? h("td", { class: "number" }, value) : h("th", { scope: "row" }, value));
  return h(
    "details",
    { class: "figures" },
    h("summary", null, "Figures"),
    h(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": `Figures: ${title}` },
      h(
        "table",
        null,
        h("caption", { class: "hidden" }, title),
        h("thead", null, h("tr", null, head.map((name) => h("th", { scope: "col" }, name)))),
        h("tbody", null, rows.map((row) => h("tr", null, row.map(cell)))),
      ),
    ),
  );
}

function axes(area, scale, time, format, hours) {
  const lines = scale.ticks.map((value) => [
    svg("line", { class: "grid", x1: area.left, x2: area.right, y1: scale.y(value), y2: scale.y(value) }),
    svg("text", { class: "axis", x: area.left - 6, y: scale.y(value) + 4, "text-anchor": "end" }, format(value)),
  ]);
  const moments = timeTicks(time.since, time.until, Math.max(2, Math.floor((area.right - area.left) / 90)));
  const under = moments.map((at) =>
    svg("text", { class: "axis", x: time.x(at), y: area.bottom + 17, "text-anchor": time.x(at) > area.right - 24 ? "end" : "middle" }, tick(at, hours)),
  );
  return [...lines, ...under];
}

function frame(width, height, since, until, low, high, format) {
  const values = ticks(low, high, 5);
  const longest = Math.max(...values.map((value) => format(value).length));
  const area = { left: 14 + 6.6 * longest, right: width - MARGIN.right, top: MARGIN.top, bottom: height - MARGIN.bottom };
  const y = (value) => area.bottom - ((value - low) / (high - low)) * (area.bottom - area.top);
  const x = (at) => area.left + ((at - since) / (until - since)) * (area.right - area.left);
  return { area, scale: { ticks: values, y }, time: { since, until, x } };
}

/** A range that holds these values with some air, and 0 where it is asked for. */
function range(values, { zero, least = 0, most = Infinity }) {
  if (!values.length) return [0, 1];
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (zero) low = Math.min(0, low);
  const air = (high - low || Math.abs(high) || 1) * 0.12;
  if (!zero) low = Math.max(least, low - air);
  high = Math.min(most, high + air);
  return high > low ? [low, high] : [low, low + 1];
}

function lineOf(points, x, y) {
  return points.map((point, index) => `${index ? "L" : "M"}${x(point.at).toFixed(1)} ${y(point.value).toFixed(1)}`).join("");
}

function bandOf(points, x, y) {
  const known = points.filter((point) => point.low !== undefined);
  if (known.length < 2) return null;
  const there = known.map((point, index) => `${index ? "L" : "M"}${x(point.at).toFixed(1)} ${y(point.high).toFixed(1)}`);
  const back = known.toReversed().map((point) => `L${x(point.at).toFixed(1)} ${y(point.low).toFixed(1)}`);
  return `${there.join("")}${back.join("")}Z`;
}

/**
 * Lines over time. `series`: name, style, points of at, value, and low and high where they are known. `level`: a constant
 * beside them. `time`: since, until, hours.
 */
export function lines({ title, note, wide, time, series, level, format, bounds = {} }) {
  const drawn = series.filter((one) => one.points.length);
  const all = drawn.flatMap((one) => one.points.flatMap((point) => [point.value, point.low ?? point.value, point.high ?? point.value]));
  if (level) all.push(level.value);
  const [low, high] = range(all, bounds);
  const inside = (value) => Math.min(high, Math.max(low, value));
  const draw = (width) => {
    const { area, scale, time: across } = frame(width, 210, time.since, time.until, low, high, format);
    const y = (value) => scale.y(inside(value));
    const parts = drawn.map((one) => [
      svg("path", { class: `band ${one.style}`, d: bandOf(one.points, across.x, y) }),
      svg("path", { class: `line ${one.style}`, d: lineOf(one.points, across.x, y) }),
      one.points.map((point) =>
        svg("circle", { class: `dot ${one.style}`, cx: across.x(point.at), cy: y(point.value), r: one.points.length > 40 ? 1.8 : 2.8 }, svg("title", null, `${one.name}, ${moment(point.at)}: ${format(point.value)}`)),
      ),
    ]);
    const flat = level && svg("line", { class: "level", x1: area.left, x2: area.right, y1: y(level.value), y2: y(level.value) }, svg("title", null, `${level.name}: ${format(level.value)}`));
    return svg("svg", { viewBox: `0 0 ${width} 210`, width, height: 210, role: "img", "aria-label": described(title, drawn, level, format) }, axes(area, scale, across, format, time.hours), flat, parts);
  };
  const shown = level ? [...drawn, { name: level.name, style: "level" }] : drawn;
  return figure({ title, note, wide }, draw, legend(shown), figures(title, ["Time", ...drawn.map((one) => one.name)], rowsOf(drawn, format)));
}

function described(title, series, level, format) {
  const one = (of) => `${of.name} ${format(of.points[0].value)} at first and ${format(of.points.at(-1).value)} at last`;
  return `${title}: ${series.length ? series.map(one).join("; ") : "nothing yet"}${level ? `; ${level.name} ${format(level.value)}` : ""}. The figures follow as a table.`;
}

function rowsOf(series, format) {
  const moments = [...new Set(series.flatMap((one) => one.points.map((point) => point.at)))].sort((a, b) => a - b);
  const value = (one, at) => {
    const point = one.points.find((candidate) => candidate.at === at);
    return point ? format(point.value) : NONE;
  };
  return moments.map((at) => [moment(at), ...series.map((one) => value(one, at))]);
}

/** Bars over time, stacked. `series`: name, style, points of at and value. `step`: a slot's length in milliseconds. */
export function bars({ title, note, wide, time, step, series, format }) {
  const drawn = series.filter((one) => one.points.some((point) => point.value > 0));
  const sums = new Map();
  for (const point of drawn.flatMap((one) => one.points)) sums.set(point.at, (sums.get(point.at) ?? 0) + point.value);
  const [low, high] = range([0, ...sums.values()], { zero: true });
  const draw = (width) => {
    const { area, scale, time: across } = frame(width, 170, time.since, time.until, low, high, format);
    const thick = Math.max(1, ((area.right - area.left) * step) / (time.until - time.since) - 1);
    const below = new Map();
    const parts = drawn.map((one) =>
      one.points.filter((point) => point.value > 0).map((point) => {
        const begin = below.get(point.at) ?? 0;
        below.set(point.at, begin + point.value);
        const [top, bottom] = [scale.y(begin + point.value), scale.y(begin)];
        return svg("rect", { class: `bar ${one.style}`, x: across.x(point.at) + 0.5, y: top, width: thick, height: Math.max(0.5, bottom - top) }, svg("title", null, `${one.name}, ${moment(point.at)}: ${format(point.value)}`));
      }),
    );
    const total = (one) => `${one.name} ${format(one.points.reduce((sum, point) => sum + point.value, 0))}`;
    const label = `${title}: ${drawn.length ? drawn.map(total).join("; ") : "nothing"} in all. The figures follow as a table.`;
    return svg("svg", { viewBox: `0 0 ${width} 170`, width, height: 170, role: "img", "aria-label": label }, axes(area, scale, across, format, time.hours), parts);
  };
  return figure({ title, note, wide }, draw, legend(drawn), figures(title, ["Time", ...drawn.map((one) => one.name)], rowsOf(drawn, format)));
}

/** Estimates with intervals, a row each: label, value, low, high, style. `level`: where nothing would differ. */
export function intervals({ title, note, wide, rows, level, format, bounds = {} }) {
  const values = rows.flatMap((row) => [row.value, row.low, row.high]).filter(Number.isFinite);
  if (level !== undefined) values.push(level);
  const [low, high] = range(values, bounds);
  const height = 34 * rows.length + 26;
  const draw = (width) => {
    const left = Math.min(190, width * 0.36);
    const x = (value) => left + ((Math.min(high, Math.max(low, value)) - low) / (high - low)) * (width - left - 16);
    const grid = ticks(low, high, Math.max(2, Math.floor((width - left) / 90))).map((value) => [
      svg("line", { class: "grid", x1: x(value), x2: x(value), y1: 4, y2: height - 22 }),
      svg("text", { class: "axis", x: x(value), y: height - 7, "text-anchor": "middle" }, format(value)),
    ]);
    const flat = level === undefined ? null : svg("line", { class: "level", x1: x(level), x2: x(level), y1: 2, y2: height - 22 });
    const parts = rows.map((row, index) => {
      const y = 34 * index + 20;
      const name = row.label.length * 6.6 > left - 8 ? `${row.label.slice(0, Math.floor((left - 14) / 6.6))}…` : row.label;
      return [
        svg("text", { class: "name", x: 0, y: y + 4 }, name, svg("title", null, row.label)),
        Number.isFinite(row.low) && Number.isFinite(row.high) ? svg("line", { class: `whisker ${row.style}`, x1: x(row.low), x2: x(row.high), y1: y, y2: y }) : null,
        Number.isFinite(row.value) ? svg("circle", { class: `dot ${row.style}`, cx: x(row.value), cy: y, r: 5 }, svg("title", null, `${row.label}: ${format(row.value)}`)) : null,
      ];
    });
    const label = `${title}: ${rows.map((row) => `${row.label} ${Number.isFinite(row.value) ? format(row.value) : "not known"}`).join("; ")}.`;
    return svg("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": label }, grid, flat, parts);
  };
  const told = (value) => (Number.isFinite(value) ? format(value) : NONE);
  const table = rows.map((row) => [row.label, told(row.value), told(row.low), told(row.high)]);
  return figure({ title, note, wide }, draw, figures(title, ["", "Value", "From", "To"], table));
}
