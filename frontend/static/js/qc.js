/** What quality control counted, mended and removed. */

import { el, fill } from "./dom.js";
import { count } from "./format.js";

/** @typedef {Record<string, any>} Qc */

/** @param {string} name @param {any} value @param {string} [title] @returns {HTMLElement|null} */
function line(name, value, title) {
  if (value === undefined || value === null) return null;
  const text = typeof value === "number" ? count(value) : String(value);
  return el("tr", {}, el("th", { scope: "row", title }, name), el("td", { className: "right" }, text));
}

/** @param {number} fraction @returns {string} */
const share = (fraction) => `${(100 * fraction).toFixed(1)} %`;

/** @param {Qc[]} chromosomes @param {string} key @returns {number|null} */
const total = (chromosomes, key) => (chromosomes.some((one) => key in one) ? chromosomes.reduce((sum, one) => sum + (one[key] ?? 0), 0) : null);

/** @param {Qc} qc @returns {HTMLElement} */
function counts(qc) {
  const sites = qc.sites ?? {};
  const parts = qc.chromosomes ?? [];
  const rows = [
    line("Samples", qc.samples),
    line("Animals of the pedigree", qc.pedigree?.animals),
    line("Of these without data", qc.pedigree?.without_data),
    line("Mendelian errors", qc.mendel?.trios?.errors, "Genotypes that no child of its parents can have"),
    line("Probable swaps", qc.mendel?.swaps?.length, "Samples that fit each other's place in the pedigree, and not their own"),
    line("Doubtful parents", qc.mendel?.suspicious?.length, "Opposite homozygotes at more sites than wrong calls explain"),
    line("Mean call rate", typeof qc.call_rate?.mean === "number" ? share(qc.call_rate.mean) : null),
    line("Sites read", sites.read ?? total(parts, "read")),
    line("Sites used", sites.matched ?? total(parts, "matched")),
    line("Alleles swapped", total(parts, "swapped"), "REF and ALT were exchanged; genotypes were turned round"),
    line("Strand flipped", total(parts, "flipped"), "Alleles were given on the other strand"),
    line("Not in the bundle", total(parts, "typed_only"), "Kept in the output as typed only"),
    line("Removed", total(parts, "removed"), "The reasons are below and in the report"),
  ].filter((row) => row !== null);
  return el("table", { className: "table table-compact" }, el("caption", { className: "visually-hidden" }, "Counts"), el("tbody", {}, ...rows));
}

/** @param {Qc[]} chromosomes @returns {HTMLElement} */
function byChromosome(chromosomes) {
  const columns = [
    ["Read", "read"],
    ["Used", "matched"],
    ["Not in bundle", "typed_only"],
    ["Removed", "removed"],
  ];
  const head = columns.map(([name]) => el("th", { scope: "col", className: "right" }, name));
  const rows = chromosomes.map((one) =>
    el("tr", {}, el("th", { scope: "row" }, one.name), ...columns.map(([, key]) => el("td", { className: "right" }, count(one[key] ?? 0)))),
  );
  return el(
    "details",
    {},
    el("summary", {}, `By chromosome (${chromosomes.length})`),
    el("div", { className: "table-scroll" }, el("table", { className: "table table-compact" }, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Chromosome"), ...head)), el("tbody", {}, ...rows))),
  );
}

/** @param {Qc} note @returns {HTMLElement} */
const noteItem = (note) =>
  el("li", {}, note.message, note.count > 1 ? ` (${count(note.count)})` : "", note.chromosome ? el("span", { className: "hint" }, ` chromosome ${note.chromosome}`) : "");

/** @param {Element} place @param {Qc} qc */
export function showQc(place, qc) {
  const children = [counts(qc)];
  if (qc.left_out?.length) {
    const shown = qc.left_out.slice(0, 30).map((/** @type {Qc} */ one) => one.name);
    const further = qc.left_out.length - shown.length;
    const names = shown.join(", ") + (further ? ` and ${further.toLocaleString("en")} more` : "");
    const why = qc.pedigree ? "they are not inherited as autosomes are" : "the bundle does not hold them";
    children.push(el("p", { className: "caution" }, `Not imputed, as ${why}: ${names}.`));
  }
  const low = (qc.call_rate?.lowest ?? []).filter((/** @type {Qc} */ one) => one.rate < qc.call_rate.warn_below);
  if (low.length) {
    const names = low.slice(0, 5).map((/** @type {Qc} */ one) => `${one.sample} (${share(one.rate)})`);
    children.push(el("p", { className: "caution" }, `Samples with a low call rate: ${names.join(", ")}${low.length > names.length ? " and more" : ""}.`));
  }
  if (qc.chromosomes?.length > 1) children.push(byChromosome(qc.chromosomes));
  if (qc.notes?.length) children.push(el("h3", {}, "Mended, removed, noticed"), el("ul", { className: "notes" }, ...qc.notes.map(noteItem)));
  fill(place, children);
}
