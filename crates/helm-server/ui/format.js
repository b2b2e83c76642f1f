// Numbers, moments and names as people read them. What is not known is a dash, never a zero.

export const NONE = "–";

const known = (value) => value !== null && value !== undefined && Number.isFinite(value);

export function count(value) {
  return known(value) ? value.toLocaleString("en") : NONE;
}

export function short(value) {
  if (!known(value)) return NONE;
  return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(value);
}

export function fixed(value, digits = 3) {
  return known(value) ? value.toFixed(digits) : NONE;
}

export function signed(value, digits = 3) {
  if (!known(value)) return NONE;
  return `${value < 0 ? "−" : "+"}${Math.abs(value).toFixed(digits)}`;
}

export function percent(value, digits = 1) {
  return known(value) ? `${(100 * value).toFixed(digits)} %` : NONE;
}

export function dollars(value) {
  if (!known(value)) return NONE;
  if (value === 0) return "$0";
  if (value >= 0.01) return `$${value.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: value < 1 ? 4 : 2 })}`;
  return `$${value.toPrecision(2)}`;
}

export function duration(ms) {
  if (!known(ms)) return NONE;
  if (ms === 0) return "0 ms";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${ms.toFixed(0)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return `${(ms / 60_000).toFixed(1)} min`;
}

const two = (number) => String(number).padStart(2, "0");

/** A moment in the reader's own time. */
export function moment(text) {
  if (!text) return NONE;
  const at = new Date(text);
  return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${clock(at)}:${two(at.getSeconds())}`;
}

const clock = (at) => `${two(at.getHours())}:${two(at.getMinutes())}`;

/** A moment on an axis that spans so many hours. */
export function tick(ms, hours) {
  const at = new Date(ms);
  const day = `${at.getDate()} ${at.toLocaleString("en", { month: "short" })}`;
  if (hours <= 30) return clock(at);
  return hours <= 24 * 10 ? `${day} ${clock(at)}` : day;
}

export function words(name) {
  return name ? name.replaceAll("_", " ") : NONE;
}

/** So many things. */
export function many(number, one, several = `${one}s`) {
  return `${count(number)} ${number === 1 ? one : several}`;
}

const LENGTHS = { 1: "hour", 24: "24 hours", 168: "7 days", 720: "30 days", 8760: "year" };

export function stretch(hours) {
  return LENGTHS[hours] ?? many(hours, "hour");
}
