/** Imputation quality by allele frequency, from the JSON report. */

import { el, fill } from "./dom.js";
import { count } from "./format.js";

/** @typedef {{maf_low: number, maf_high: number, sites: number, mean_r2: number|null}} Bin */

/** @param {number} fraction @returns {string} */
const share = (fraction) => `${+(100 * fraction).toPrecision(3)}`;

/** @param {Bin} bin @returns {HTMLElement} */
function row(bin) {
  const r2 = bin.mean_r2;
  const meter = r2 === null ? "" : el("progress", { className: "meter", max: 1, value: r2, "aria-hidden": "true" });
  return el(
    "tr",
    {},
    el("th", { scope: "row" }, `${share(bin.maf_low)}–${share(bin.maf_high)} %`),
    el("td", { className: "right" }, count(bin.sites)),
    el("td", { className: "right" }, r2 === null ? "-" : r2.toFixed(2)),
    el("td", { className: "meter-cell" }, meter),
  );
}

/**
 * @param {Element} place
 * @param {{quality?: Bin[], mean_r2?: number|null, job?: {engine: string}}} report
 * @returns {boolean} whether there was something to show
 */
export function showQuality(place, report) {
  const bins = (report.quality ?? []).filter((bin) => bin.sites > 0);
  if (!bins.length) return false;
  const head = el(
    "tr",
    {},
    el("th", { scope: "col" }, "Allele frequency"),
    el("th", { scope: "col", className: "right" }, report.job?.engine === "peeling" ? "Sites" : "Imputed sites"),
    el("th", { scope: "col", className: "right" }, "Mean R²"),
    el("td", {}),
  );
  const mean = typeof report.mean_r2 === "number" ? ` Over all of them: ${report.mean_r2.toFixed(3)}.` : "";
  const whose = report.job?.engine === "peeling" ? "all sites, over every animal of the pedigree" : "the sites that were not typed";
  fill(place, [
    el("p", { className: "hint" }, `Estimated R² of ${whose}, by minor allele frequency.${mean}`),
    el("table", { className: "table table-compact" }, el("thead", {}, head), el("tbody", {}, ...bins.map(row))),
  ]);
  return true;
}
