/** The upload page. */

import { ApiError, absolute, get, jobPath, submitJob, url } from "./api.js";
import { bindBundles } from "./bundles.js";
import { curlSubmit } from "./command.js";
import { bindCopyButtons } from "./copy.js";
import { announce, byId, el, setText, show } from "./dom.js";
import { clearErrors, fieldErrors, showErrors } from "./fields.js";
import { Files } from "./files.js";
import { duration, percent, plural, size, stateName } from "./format.js";
import { SHARES, changedOptions, countFolded, fitPedigree, takeOver } from "./options.js";
import { Transfer } from "./transfer.js";

const RECENT = 5;

const form = /** @type {HTMLFormElement} */ (byId("job-form"));
const maxBytes = Number(form.dataset.maxBytes) || Infinity;
const maxFiles = Number(form.dataset.maxFiles) || Infinity;
/** @type {AbortController|null} */
let upload = null;

/** @returns {[string, string][]} what to send beside the files */
const options = () => changedOptions(form).filter(([name]) => !(name === "bundle" && files.pedigree));

/** Files that go with a pedigree, by their fields. */
const BESIDE = ["map", "frequencies"];

/** @returns {[string, File][]} the files beside the genotypes and the pedigree, each with its field */
const beside = () =>
  files.pedigree
    ? BESIDE.flatMap((name) => [...(/** @type {HTMLInputElement} */ (byId(name)).files ?? [])].map((file) => /** @type {[string, File]} */ ([name, file])))
    : [];

/** Bring the command line and the words above the button up to date. */
function refresh() {
  // With one bundle there is nothing to choose, and the short command works too.
  const onlyBundle = /** @type {HTMLSelectElement} */ (byId("bundle")).options.length === 1;
  const fields = options().filter(([name]) => !(onlyBundle && name === "bundle"));
  fitPedigree(Boolean(files.pedigree));
  const more = beside();
  countFolded([...fields.map(([name]) => name), ...new Set(more.map(([name]) => name))]);
  const names = files.vcfs.map((file) => file.name);
  show(byId("bundle-choice"), !files.pedigree);
  show(byId("no-bundle"), Boolean(files.pedigree));
  setText(byId("curl-line"), curlSubmit(absolute(url("/jobs")), names, files.pedigree?.name ?? null, fields, more.map(([name, file]) => [name, file.name])));
  setText(byId("ready-text"), names.length ? `${plural(names.length, "genotype file")}, ${size(files.bytes)} to upload.` : "No file chosen yet.");
}

/** @returns {import('./fields.js').FieldError[]} what can be seen to be wrong before anything is sent */
function faults() {
  const r2 = /** @type {HTMLInputElement} */ (byId("r2_min"));
  const found = [];
  if (!files.vcfs.length) found.push({ field: "vcf", message: "Choose at least one genotype file.", action: "" });
  const empty = files.vcfs.find((file) => !file.size);
  if (empty) found.push({ field: "vcf", message: `${empty.name} is empty.`, action: "Remove it or choose another file." });
  for (const [field, file] of beside()) {
    if (!file.size) found.push({ field, message: `${file.name} is empty.`, action: "Choose another file, or none." });
  }
  const number = files.vcfs.length + (files.pedigree ? 1 : 0) + beside().length;
  if (number > maxFiles) found.push({ field: "vcf", message: `There are ${number} files; this server takes at most ${maxFiles} in one job.`, action: "" });
  if (files.bytes > maxBytes) {
    const message = `The files hold ${size(files.bytes)}; this server takes at most ${size(maxBytes)} in one job.`;
    found.push({ field: "vcf", message, action: "Split them by chromosome or by samples, or use BCF." });
  }
  if (!r2.validity.valid) found.push({ field: "r2_min", message: "The minimum R² is a number from 0 to 1.", action: "" });
  for (const name of SHARES) {
    const share = /** @type {HTMLInputElement} */ (byId(name));
    if (!share.validity.valid) found.push({ field: name, message: `${share.labels?.[0].textContent} is a number from 0 to 1.`, action: "" });
  }
  return found;
}

/** @param {boolean} running */
function setRunning(running) {
  byId("form-body").toggleAttribute("inert", running);
  show(byId("ready"), !running);
  show(byId("transfer"), running);
}

/** @param {Transfer} transfer @returns {(sent: number, total: number) => void} */
function progressView(transfer) {
  const bar = /** @type {HTMLProgressElement} */ (byId("transfer-bar"));
  let announced = 0;
  return (sent, total) => {
    if (sent >= total) {
      bar.removeAttribute("value");
      setText(byId("transfer-title"), "The server checks the files");
      setText(byId("transfer-percent"), "");
      setText(byId("transfer-detail"), `${size(total)} sent.`);
      announce("Upload done. The server checks the files.");
      return;
    }
    const { speed, left } = transfer.add(sent, total, performance.now());
    bar.value = sent / total;
    const parts = [`${size(sent)} of ${size(total)}`];
    if (speed) parts.push(`${size(speed)}/s`);
    if (left !== null) parts.push(`${duration(left)} left`);
    setText(byId("transfer-percent"), percent(sent / total));
    setText(byId("transfer-detail"), parts.join(" · "));
    const quarter = Math.floor((4 * sent) / total);
    if (quarter > announced) announce(`${25 * quarter} percent uploaded`);
    announced = Math.max(announced, quarter);
  };
}

/** Send the form, then go to the page of the new job. */
async function submit() {
  const wrong = faults();
  if (wrong.length) {
    showErrors(wrong, "The job cannot start yet");
    return;
  }
  clearErrors();
  const data = new FormData();
  for (const [name, value] of options()) data.append(name, value); // fields first: the server can refuse them before the files
  if (files.pedigree) data.append("pedigree", files.pedigree);
  for (const [name, file] of beside()) data.append(name, file);
  for (const file of files.vcfs) data.append("vcf", file);
  upload = new AbortController();
  setRunning(true);
  byId("transfer-cancel").focus();
  setText(byId("transfer-title"), "Uploading");
  announce("Uploading");
  try {
    const job = await submitJob(data, progressView(new Transfer()), upload.signal);
    upload = null;
    location.assign(url(jobPath(job.id)));
  } catch (error) {
    const cancelled = upload?.signal.aborted;
    upload = null;
    setRunning(false);
    if (cancelled) {
      byId("submit").focus();
      announce("Upload cancelled. Nothing was submitted.");
    } else if (error instanceof ApiError) {
      showErrors(fieldErrors(error.problem), error.status ? "The server refused the job" : "The upload did not get through");
    } else throw error;
  }
}

/** Take over the options of the job that `?from=` names. */
async function copyOptions() {
  const from = new URLSearchParams(location.search).get("from");
  if (!from) return;
  const job = await get(jobPath(from));
  takeOver(form, job);
  byId("bundle").dispatchEvent(new Event("change"));
}

/** Show the last few jobs beside the form. */
async function showRecent() {
  const { jobs } = await get(`/jobs?limit=${RECENT}`);
  const rows = jobs.map((/** @type {import('./types.js').Job} */ job) =>
    el(
      "li",
      {},
      el("a", { href: url(jobPath(job.id)) }, job.name || job.id),
      el("span", { className: "badge", "data-state": job.state }, stateName(job.state)),
    ),
  );
  byId("recent-list").replaceChildren(...rows);
  show(byId("recent"), rows.length > 0);
}

const files = new Files(() => {
  clearErrors("vcf");
  clearErrors("pedigree");
  refresh();
});
bindCopyButtons();
refresh();
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (!upload) submit();
});
form.addEventListener("input", (event) => {
  const name = /** @type {HTMLInputElement} */ (event.target).name;
  if (name) clearErrors(name);
  refresh();
});
byId("transfer-cancel").addEventListener("click", () => upload?.abort(new Error("cancelled")));
addEventListener("beforeunload", (event) => {
  if (upload) event.preventDefault();
});
showRecent().catch(() => show(byId("recent"), false));
bindBundles()
  .then(copyOptions)
  .catch((error) => announce(error.message))
  .finally(refresh);
