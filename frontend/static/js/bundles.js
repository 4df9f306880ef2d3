/** The bundles of this server: a selection and the facts of the chosen one. */

import { get } from "./api.js";
import { byId, el } from "./dom.js";
import { count, plural, words } from "./format.js";

/** @typedef {Record<string, any>} Bundle a bundle's manifest or its summary */

/** @param {Bundle} bundle @returns {string[]} names of its chromosomes */
const chromosomes = (bundle) =>
  Array.isArray(bundle.chromosomes) ? bundle.chromosomes.map((one) => one.name ?? String(one)) : Object.keys(bundle.chromosomes ?? {});

/** @param {Bundle} bundle @returns {number|null} output sites of all chromosomes */
function sites(bundle) {
  if (typeof bundle.sites === "number") return bundle.sites;
  const sum = Object.values(bundle.chromosomes ?? {}).reduce((total, one) => total + (one.sites ?? 0), 0);
  return sum || null;
}

/** @param {any} panel @returns {string} */
function panelText(panel) {
  if (!panel) return "";
  if (typeof panel === "string") return panel;
  const people = panel.samples ? `${count(panel.samples)} people` : "";
  return [panel.name, people].filter(Boolean).join(", ");
}

/** @param {string} term @param {string|null} value @returns {HTMLElement|null} */
const fact = (term, value) => (value ? el("div", {}, el("dt", {}, term), el("dd", {}, value)) : null);

/** @param {any} bin @returns {string} range of minor allele frequency */
function binName(bin) {
  if (typeof bin.maf === "string") return bin.maf;
  const [low, high] = Array.isArray(bin.maf) ? bin.maf : [bin.maf_low ?? bin.low, bin.maf_high ?? bin.high];
  if (low === undefined && bin.maf !== undefined) return String(bin.maf);
  return `${+(100 * low).toPrecision(3)}–${+(100 * high).toPrecision(3)} %`;
}

/** @param {any} one accuracy on one array: array, people, bins of maf, sites, r2 @returns {HTMLElement} */
function accuracyTable(one) {
  const bins = (one.bins ?? []).filter((/** @type {any} */ bin) => bin.sites !== 0);
  const rows = bins.map((/** @type {any} */ bin) =>
    el(
      "tr",
      {},
      el("th", { scope: "row" }, binName(bin)),
      el("td", { className: "right" }, bin.sites === undefined ? "" : count(bin.sites)),
      el("td", { className: "right" }, typeof bin.r2 === "number" ? bin.r2.toFixed(3) : "-"),
    ),
  );
  const head = el(
    "tr",
    {},
    el("th", { scope: "col" }, "MAF"),
    el("th", { scope: "col", className: "right" }, "Sites"),
    el("th", { scope: "col", className: "right" }, "r²"),
  );
  const title = [one.array, typeof one.people === "number" ? plural(one.people, "person", "people") : one.people].filter(Boolean).join(", ");
  return el("table", { className: "table table-compact" }, el("caption", { className: "hint" }, title), el("thead", {}, head), el("tbody", {}, ...rows));
}

/** @param {Bundle} bundle @returns {Node[]} */
export function factsOf(bundle) {
  const names = chromosomes(bundle);
  const total = sites(bundle);
  const list = el("dl", { className: "facts-list" });
  list.append(
    ...[
      fact("Species", bundle.species ? words(bundle.species) : null),
      fact("Build", bundle.build),
      fact("Chromosomes", names.join(", ")),
      fact("Sites", total === null ? null : count(total)),
      fact("Training panel", panelText(bundle.panel)),
      fact("Licence", bundle.licence),
    ].filter((one) => one !== null),
  );
  const accuracy = Array.isArray(bundle.accuracy) ? bundle.accuracy.filter((one) => one.bins?.length) : [];
  if (!accuracy.length) return [list];
  return [list, el("details", {}, el("summary", {}, "Accuracy on people outside the panel"), ...accuracy.map(accuracyTable))];
}

/**
 * Fill the selection and keep the facts beside it.
 *
 * @returns {Promise<void>} fulfilled when the selection is ready; a failure shows in its place
 */
export async function bindBundles() {
  const select = /** @type {HTMLSelectElement} */ (byId("bundle"));
  /** @type {Bundle[]} */
  let bundles = [];
  const showFacts = () => {
    const chosen = bundles.find((one) => one.id === select.value);
    byId("bundle-facts").replaceChildren(...(chosen ? factsOf(chosen) : []));
  };
  select.addEventListener("change", showFacts);
  try {
    bundles = (await get("/bundles")).bundles;
  } catch {
    select.replaceChildren(el("option", { value: "" }, "The server chooses (the list could not be loaded)"));
    return;
  }
  const options = bundles.map((one) => el("option", { value: one.id }, `${one.name ?? one.id}${one.version ? ` ${one.version}` : ""} (${one.build})`));
  if (bundles.length !== 1) {
    const text = bundles.length ? "Automatic: the one that fits the files" : "This server has no bundle yet";
    options.unshift(el("option", { value: "" }, text));
  }
  select.replaceChildren(...options);
  showFacts();
}
