/** Numbers, sizes, times and states as text for people. */

const COUNT = new Intl.NumberFormat("en");
const UNITS = ["B", "kB", "MB", "GB", "TB"];
const WHEN = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

/** @param {number} value @returns {string} with thousands separators */
export const count = (value) => COUNT.format(value);

/** @param {number} number @param {string} one @param {string} [many] @returns {string} such as "3 files" */
export const plural = (number, one, many = `${one}s`) => `${count(number)} ${number === 1 ? one : many}`;

/** @param {number} bytes @returns {string} decimal units, three digits at most before they round */
export function size(bytes) {
  let value = bytes;
  let unit = 0;
  while (value >= 999.5 && unit < UNITS.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${unit && value < 99.95 ? value.toFixed(1) : Math.round(value)} ${UNITS[unit]}`;
}

/** @param {number} seconds @returns {string} such as "2 min 10 s" */
export function duration(seconds) {
  const whole = Math.max(0, Math.round(seconds));
  if (whole < 60) return `${whole} s`;
  const minutes = Math.floor(whole / 60);
  if (minutes < 10) return whole % 60 ? `${minutes} min ${whole % 60} s` : `${minutes} min`;
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 ? `${hours} h ${minutes % 60} min` : `${hours} h`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** @param {number} fraction 0 to 1 @returns {string} never "100 %" before the end */
export function percent(fraction) {
  return `${fraction >= 1 ? 100 : Math.min(99, Math.floor(fraction * 100))} %`;
}

/** @param {string} iso @returns {string} local date and time */
export const when = (iso) => WHEN.format(new Date(iso));

/** @param {string} key such as "typed_only" @returns {string} such as "Typed only" */
export function words(key) {
  const text = key.replaceAll("_", " ").trim();
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** @type {Record<string, string>} */
const STATES = {
  queued: "Queued",
  validating: "Checking",
  running: "Running",
  complete: "Complete",
  failed: "Failed",
  cancelled: "Cancelled",
  expired: "Expired",
};

/** @param {string} state @returns {string} */
export const stateName = (state) => STATES[state] ?? words(state);

/** @param {string} state @returns {boolean} whether the server still works on a job in this state */
export const isActive = (state) => ["queued", "validating", "running"].includes(state);
