/** The list of jobs. */

import { ApiError, get, jobPath, url } from "./api.js";
import { byId, el, fill, setText, show } from "./dom.js";
import { isActive, percent, stateName, when } from "./format.js";

/** @typedef {import('./types.js').Job} Job */

const REFRESH_MS = 5000;
/** @type {Map<string, Job>} by id, newest first */
const jobs = new Map();
/** @type {string|null} */
let cursor = null;

/** @param {Job} job @returns {HTMLElement} */
function row(job) {
  const progress = isActive(job.state) && job.state !== "queued"
    ? el("span", { className: "jobs-progress" }, el("progress", { max: 1, value: job.progress, "aria-label": `Progress of ${job.name || job.id}` }), el("span", { className: "number" }, percent(job.progress)))
    : job.state === "queued" && job.queue_position ? `Number ${job.queue_position} in the queue` : "";
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, el("a", { href: url(jobPath(job.id)) }, job.name || job.id)),
    el("td", {}, el("span", { className: "badge", "data-state": job.state }, stateName(job.state))),
    el("td", {}, progress),
    el("td", { "data-label": "Bundle" }, job.bundle),
    el("td", { "data-label": "Submitted", className: "number" }, when(job.created_at)),
  );
}

/** Show what is known. */
function render() {
  const rows = [...jobs.values()].sort((a, b) => Date.parse(b.created_at) - Date.parse(a.created_at)).map(row);
  fill(byId("jobs"), rows);
  show(byId("jobs-table"), rows.length > 0);
  show(byId("jobs-empty"), rows.length === 0);
  show(byId("more"), cursor !== null);
}

/** @param {string|null} from cursor; null for the newest page */
async function load(from) {
  const page = await get(from ? `/jobs?cursor=${encodeURIComponent(from)}` : "/jobs");
  for (const job of page.jobs) jobs.set(job.id, job);
  if (from !== null || cursor === null) cursor = page.next_cursor ?? null;
  render();
}

/** @param {unknown} error */
function complain(error) {
  const place = byId("page-error");
  const text = error instanceof ApiError ? `${error.message} ${error.action}` : String(error);
  if (place.hidden) place.replaceChildren(el("p", {}, text));
  show(place, true);
}

/** Refresh the newest page for as long as the page is open. */
async function refresh() {
  try {
    if (!document.hidden) {
      await load(null);
      show(byId("page-error"), false);
    }
  } catch (error) {
    complain(error);
  } finally {
    setTimeout(refresh, REFRESH_MS);
  }
}

byId("more").addEventListener("click", async () => {
  setText(byId("more"), "Loading…");
  await load(cursor).catch(complain);
  setText(byId("more"), "Show older jobs");
});
refresh();
