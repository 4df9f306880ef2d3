/** The files to download. */

import { absolute } from "./api.js";
import { download } from "./command.js";
import { copy } from "./copy.js";
import { byId, el, setText, show } from "./dom.js";
import { size, when } from "./format.js";

/** @typedef {import('./types.js').ResultFile} ResultFile */
/** @typedef {import('./types.js').Job} Job */

/** @type {ResultFile[]} */
let shown = [];

/** @param {ResultFile} file @returns {HTMLElement} */
function row(file) {
  const button = el("button", { type: "button", className: "button button-plain", "aria-label": `Copy SHA-256 of ${file.name}` }, "Copy");
  button.addEventListener("click", () => copy(button, file.sha256));
  return el(
    "tr",
    {},
    el("th", { scope: "row", className: "result-name" }, file.name),
    el("td", file.chromosome ? { "data-label": "Chromosome" } : {}, file.chromosome ?? ""),
    el("td", { className: "right", "data-label": "Size" }, size(file.size)),
    el(
      "td",
      { className: "sha", "data-label": "SHA-256" },
      el("code", { className: "short", title: file.sha256 }, `${file.sha256.slice(0, 12)}…`),
      el("code", { className: "full" }, file.sha256),
      button,
    ),
    el("td", { className: "right" }, el("a", { className: "button button-small", href: file.href, download: file.name, "aria-label": `Download ${file.name}` }, "Download")),
  );
}

/** Bring the command lines up to date with the files and the chosen program. */
function refreshCommands() {
  const tool = /** @type {HTMLInputElement} */ (document.querySelector("[name=tool]:checked")).value;
  setText(byId("download-line"), download(/** @type {'curl'|'wget'} */ (tool), shown.map((file) => ({ ...file, href: absolute(file.href) }))));
}

/** Bind the choice between curl and wget. */
export function bindResults() {
  for (const radio of document.querySelectorAll("[name=tool]")) radio.addEventListener("change", refreshCommands);
}

/** @param {ResultFile} file @returns {number} genotypes first, reports after them */
const rank = (file) => (file.chromosome ? 0 : file.name.startsWith("report") ? 1 : 2);
const collator = new Intl.Collator("en", { numeric: true });

/** @param {ResultFile[]} results @param {Job} job */
export function showResults(results, job) {
  show(byId("results-card"), results.length > 0);
  const sorted = [...results].sort((a, b) => rank(a) - rank(b) || collator.compare(a.name, b.name));
  if (JSON.stringify(sorted) !== JSON.stringify(shown)) {
    shown = sorted;
    byId("results").replaceChildren(...shown.map(row)); // not on every look: a focused link must stay
    refreshCommands();
  }
  const active = ["queued", "validating", "running"].includes(job.state);
  const notes = active ? ["Finished files can be downloaded now; more follow as they are ready."] : [];
  if (results.some((file) => file.name === "sha256sums.txt")) notes.push("The checksums of all files are in sha256sums.txt.");
  if (job.expires_at) notes.push(`Kept until ${when(job.expires_at)}.`);
  setText(byId("results-note"), notes.join(" "));
}
