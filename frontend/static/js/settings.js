/** What was submitted. */

import { byId, el, fill } from "./dom.js";
import { count, size, when } from "./format.js";

/** @type {Record<string, string>} */
const KINDS = { pedigree: "Pedigree", map: "Genetic map", frequencies: "Frequencies" };
/** @type {Record<string, string>} */
const BUNDLES = { auto: "Chosen when the sites have been seen", none: "None: a pedigree is peeled" };

/** @type {Record<string, string>} */
const ENGINES = { auto: "Automatic", dae: "Imputation from a bundle", peeling: "Pedigree peeling" };

/** @type {Record<string, string>} */
const OPTIONS = {
  mend: "May be mended",
  samples: "Samples that fail QC",
  qc_call_rate: "Lowest call rate",
  qc_hwe: "Lowest Hardy-Weinberg p",
  qc_af_diff: "Largest frequency difference",
  effort: "Effort",
  peel: "Pedigree options",
  population: "Population compared with",
  animals: "Animals to write",
  doubled_haploids: "Doubled haploids",
  non_par: "X or Z between the pseudoautosomal regions",
  sex_system: "Sex chromosome",
};
/** @type {Record<string, string>} */
const SAMPLES = { drop: "Left out", flag: "Kept, and named" };

/** Options that are files. @type {Record<string, string>} */
const FILES = { map: "Genetic map", frequencies: "Known frequencies of groups" };

/** @param {import('./types.js').Job} job @returns {[string, string][]} */
const givenFiles = (job) =>
  Object.entries(FILES).map(([kind, term]) => [term, (job.files ?? []).filter((file) => file.kind === kind).map((file) => file.filename).join(", ")]);

/** @param {Record<string, any>} options @returns {[string, string][]} */
const givenOptions = (options) =>
  Object.entries(options)
    .filter(([name]) => name in OPTIONS)
    .map(([name, value]) => [OPTIONS[name], name === "samples" ? SAMPLES[value] : [value].flat().join(",").replaceAll(",", ", ")]);

/** @param {import('./types.js').Job} job */
export function showSettings(job) {
  /** @type {[string, string|null, boolean?][]} */
  const facts = [
    ["Bundle", BUNDLES[job.bundle] ?? job.bundle, true],
    ["What to do", job.mode === "qc" ? "Check only" : "Check and impute"],
    ["Build", job.build === "auto" ? "Detected" : job.build],
    ["Engine", ENGINES[job.engine] ?? job.engine],
    ["Format", job.format],
    ["Minimum R²", String(job.r2_min)],
    ["Strict", job.strict ? "Yes" : "No"],
    ...givenOptions(job.options ?? {}),
    ...givenFiles(job),
    ["Samples", job.samples === null ? null : count(job.samples)],
    ["Started", job.started_at && when(job.started_at)],
    ["Finished", job.finished_at && when(job.finished_at)],
  ];
  fill(
    byId("settings"),
    facts.filter(([, value]) => value).map(([term, value, wide]) => el("div", { className: wide ? "wide" : "" }, el("dt", {}, term), el("dd", {}, value))),
  );
  fill(
    byId("inputs"),
    (job.files ?? []).map((file) =>
      el(
        "li",
        {},
        el("span", { className: "file-name" }, file.filename),
        el("span", { className: "hint number" }, size(file.size)),
        el("span", { className: "file-note" }, `${KINDS[file.kind] ?? "Genotypes"}, SHA-256 `, el("code", { title: file.sha256 }, `${file.sha256.slice(0, 12)}…`)),
      ),
    ),
  );
}
