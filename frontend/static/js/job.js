/** The page of one job. */

import { ApiError, followUp, get, jobPath, post, remove, url } from "./api.js";
import { confirmed } from "./confirm.js";
import { bindCopyButtons } from "./copy.js";
import { announce, byId, el, fill, setText, show } from "./dom.js";
import { Follower } from "./follow.js";
import { duration, isActive, percent, stateName, when } from "./format.js";
import { showQc } from "./qc.js";
import { showQuality } from "./quality.js";
import { bindResults, showResults } from "./results.js";
import { showSettings } from "./settings.js";
import { activity, showStages } from "./stages.js";

/** @typedef {import('./types.js').Job} Job */

const id = byId("job").dataset.jobId ?? "";
/** @type {Record<import('./follow.js').Mode, string>} */
const MODES = { connecting: "Connecting", live: "Live", polling: "Updating every few seconds", lost: "No answer from the server, trying again" };
const RESULT_STATES = ["validating", "running", "complete", "failed", "cancelled"];

let heard = ""; // last state that was announced
let reported = ""; // which report is shown
let eta = { seconds: /** @type {number|null} */ (null), at: 0, line: "" };

/** @param {import('./follow.js').Mode} mode */
function showMode(mode) {
  const place = byId("connection");
  place.dataset.mode = mode;
  setText(place, MODES[mode]);
}

/** @param {Job} job */
function showProgress(job) {
  const bar = /** @type {HTMLProgressElement} */ (byId("progress-bar"));
  const active = isActive(job.state);
  const badge = byId("state-badge");
  badge.dataset.state = job.state;
  setText(badge, stateName(job.state));
  setText(byId("state-text"), activity(job));
  show(byId("progress-row"), active);
  show(byId("connection"), active);
  if (job.state === "queued") bar.removeAttribute("value");
  else bar.value = job.progress;
  show(byId("progress-percent"), job.state !== "queued");
  setText(byId("progress-percent"), percent(job.progress));
  showStages(byId("stages"), job);
  eta = { seconds: active ? job.eta_s : null, at: performance.now(), line: "" };
  if (job.started_at) {
    const end = job.finished_at ? Date.parse(job.finished_at) : Date.now();
    eta.line = `${active ? "Running for" : "Took"} ${duration((end - Date.parse(job.started_at)) / 1000)}`;
  }
  tick();
  document.title = `${active && job.state !== "queued" ? `${percent(job.progress)} ` : `${stateName(job.state)} - `}${job.name || "Job"} - Tessera`;
}

/** Count the estimate down between two looks. */
function tick() {
  const parts = [eta.line];
  if (eta.seconds !== null) {
    const left = eta.seconds - (performance.now() - eta.at) / 1000;
    parts.push(left > 1 ? `about ${duration(left)} left` : "almost done");
  }
  setText(byId("progress-detail"), parts.filter(Boolean).join(" · "));
}

/** @param {Job} job */
function showError(job) {
  const place = byId("job-error");
  const error = job.state === "failed" ? job.error : null;
  show(place, Boolean(error));
  if (!error) return;
  const details = error.details && Object.keys(error.details).length ? JSON.stringify(error.details, null, 2) : "";
  fill(
    place,
    /** @type {Node[]} */ ([
      el("h2", { id: "job-error-title" }, "Why the job stopped"),
      el("p", { className: "error-what" }, error.message),
      error.action ? el("p", {}, el("strong", {}, "What to do: "), error.action) : "",
      el("p", { className: "hint" }, "Code: ", el("code", {}, error.code)),
      details ? el("details", {}, el("summary", {}, "Details"), el("pre", { className: "error-details" }, details)) : "",
    ]),
  );
}

/** @param {Job} job */
function showActions(job) {
  const active = isActive(job.state);
  show(byId("cancel"), active);
  show(byId("restart"), ["failed", "cancelled"].includes(job.state));
  show(byId("delete"), !active);
  show(byId("follow-up"), job.mode === "qc" && job.state === "complete");
  const again = /** @type {HTMLAnchorElement} */ (byId("again"));
  again.href = url(`/?from=${encodeURIComponent(job.id)}`);
  show(again, !active);
}

/** @param {Job} job */
function showJob(job) {
  const title = job.name || job.files?.[0]?.filename || "Job";
  setText(byId("job-title"), title);
  setText(byId("job-created"), `submitted ${when(job.created_at)}`);
  for (const card of ["progress-card", "settings-card"]) show(byId(card), true);
  showProgress(job);
  showError(job);
  showActions(job);
  showSettings(job);
  show(byId("qc-card"), Boolean(job.qc));
  if (job.qc) showQc(byId("qc"), job.qc);
  byId("job").setAttribute("aria-busy", "false");
  const now = `${stateName(job.state)}: ${activity(job)}`;
  if (now !== heard) announce(now, job.state === "failed");
  heard = now;
}

/** @param {Job} job */
async function showReport(job) {
  // While the job runs there is the report of the checks; the whole one replaces it at the end.
  const wanted = isActive(job.state) ? "checks" : job.state;
  if (!job.links.report || reported === wanted) return;
  const link = /** @type {HTMLAnchorElement} */ (byId("report-link"));
  link.href = job.links.report;
  show(byId("quality-card"), showQuality(byId("quality"), await get(`${jobPath(id)}/report.json`)));
  show(link, true);
  reported = wanted;
}

/** Fetch and show the job as it is now. */
async function look() {
  let job;
  try {
    job = /** @type {Job} */ (await get(jobPath(id)));
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) gone(error);
    throw error;
  }
  show(byId("page-error"), false);
  showJob(job);
  if (RESULT_STATES.includes(job.state)) showResults((await get(`${jobPath(id)}/results`)).results, job);
  await showReport(job);
  if (isActive(job.state)) follower.start();
  else follower.stop();
}

/** @param {ApiError} error the job is not there (any more) */
function gone(error) {
  follower.stop();
  complain(error);
  for (const part of ["progress-card", "results-card", "qc-card", "quality-card", "settings-card", "cancel", "restart", "delete", "again", "follow-up"]) show(byId(part), false);
}

/** @param {unknown} error */
function complain(error) {
  const place = byId("page-error");
  const known = error instanceof ApiError ? error : null;
  place.replaceChildren(el("h2", {}, known?.message ?? "Something in this page went wrong"), el("p", {}, known?.action ?? String(error)));
  show(place, true);
  place.focus();
}

/** @param {string} button @param {Parameters<typeof confirmed>[0]|null} question @param {() => Promise<void>} act */
function bindAction(button, question, act) {
  const element = /** @type {HTMLButtonElement} */ (byId(button));
  element.addEventListener("click", async () => {
    if (question && !(await confirmed(question))) return;
    element.disabled = true;
    try {
      await act();
    } catch (error) {
      complain(error);
    } finally {
      element.disabled = false;
    }
  });
}

const follower = new Follower(id, look, showMode);
bindCopyButtons();
bindResults();
bindAction(
  "cancel",
  { title: "Cancel this job?", text: "Work that is done stays: you can restart the job later from where it stopped.", yes: "Cancel the job", no: "Let it run" },
  async () => {
    await post(`${jobPath(id)}/cancel`);
    await look();
  },
);
bindAction("restart", null, async () => {
  await post(`${jobPath(id)}/restart`);
  await look();
});
bindAction("follow-up", null, async () => {
  const job = await followUp(id);
  location.assign(url(jobPath(job.id)));
});
bindAction(
  "delete",
  { title: "Delete this job?", text: "The uploaded files, the results and the report are removed from the server for good.", yes: "Delete for good", no: "Keep it" },
  async () => {
    await remove(jobPath(id));
    location.assign(url("/jobs"));
  },
);
setInterval(tick, 1000);
look().catch((error) => {
  if (error instanceof ApiError && error.status === 404) return;
  complain(error);
  follower.start(); // the server may come back
});
