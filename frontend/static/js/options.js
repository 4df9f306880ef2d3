/** The options of the form: which differ from what the server takes by itself, and those of an earlier job. */

import { byId, setText } from "./dom.js";
import { plural } from "./format.js";

/** What the server takes for a field that is not sent. @type {Record<string, string>} */
const DEFAULTS = { mode: "impute", build: "auto", engine: "auto", format: "vcf.gz", r2_min: "0", mend: "all" };
/** Fields that are lists, a box for each word. */
const LISTS = ["mend", "peel"];
/** Fields that stand inside the folded part of the form. */
const FOLDED = ["mend", "strict", "qc_call_rate", "qc_hwe", "qc_af_diff", "samples", "population", "peel", "map", "frequencies", "animals", "doubled_haploids", "non_par", "sex_system"];
export const SHARES = ["qc_call_rate", "qc_hwe", "qc_af_diff"];

/** @param {string} name @returns {HTMLInputElement[]} the boxes of a list */
const boxes = (name) => /** @type {HTMLInputElement[]} */ ([...document.querySelectorAll(`input[type=checkbox][name=${name}]`)]);

/** @param {string} name @returns {string} the boxes that are ticked, as the API writes the list */
function listed(name) {
  const ticked = boxes(name).filter((box) => box.checked);
  if (name === "mend" && ticked.length === boxes(name).length) return "all";
  return ticked.map((box) => box.value).join(",") || (name === "mend" ? "none" : "");
}

/** @param {HTMLFormElement} form @returns {[string, string][]} the options that differ from the server's defaults */
export function changedOptions(form) {
  const names = new Set([...new FormData(form)].filter(([, value]) => typeof value === "string").map(([name]) => name));
  const data = new FormData(form);
  const all = [...names].map((name) => /** @type {[string, string]} */ ([name, LISTS.includes(name) ? listed(name) : String(data.get(name)).trim()]));
  return all.filter(([name, value]) => value && value !== DEFAULTS[name]);
}

/** Say how many of the folded options were changed. @param {string[]} names of what was changed */
export function countFolded(names) {
  const changed = names.filter((name) => FOLDED.includes(name)).length;
  setText(byId("options-changed"), changed ? `${plural(changed, "option")} changed` : "");
}

/** Options that a job with a pedigree has, or has not. @param {boolean} pedigree */
export function fitPedigree(pedigree) {
  /** @type {HTMLFieldSetElement} */ (byId("peel")).disabled = !pedigree;
  /** @type {HTMLFieldSetElement} */ (byId("quality-control")).disabled = pedigree;
}

/** @param {HTMLFormElement} form @param {import('./types.js').Job} job whose options the form takes over */
export function takeOver(form, job) {
  const given = job.options ?? {};
  for (const name of ["bundle", "build", "engine", "effort", "format", "r2_min", "name", ...SHARES, "samples", "population", "animals", "doubled_haploids", "non_par", "sex_system"]) {
    const control = /** @type {HTMLInputElement|HTMLSelectElement} */ (byId(name));
    const raw = /** @type {Record<string, any>} */ (job)[name] ?? given[name] ?? "";
    const value = Array.isArray(raw) ? raw.join(name === "non_par" ? "-" : " ") : String(raw);
    const known = control instanceof HTMLInputElement || [...control.options].some((option) => option.value === value);
    if (known) control.value = value;
  }
  const words = { mend: given.mend === undefined || given.mend === "all" ? null : given.mend.split(","), peel: given.peel ?? [] };
  for (const name of /** @type {const} */ (["mend", "peel"])) {
    for (const box of boxes(name)) box.checked = words[name] === null || words[name].includes(box.value);
  }
  /** @type {HTMLInputElement} */ (byId("strict")).checked = job.strict;
  for (const radio of /** @type {NodeListOf<HTMLInputElement>} */ (form.querySelectorAll("[name=mode]"))) {
    radio.checked = radio.value === job.mode;
  }
  const folded = changedOptions(form).some(([name]) => FOLDED.includes(name));
  if (folded) /** @type {HTMLDetailsElement} */ (byId("options")).open = true;
}
