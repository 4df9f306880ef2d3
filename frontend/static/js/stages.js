/** The steps of a job as people think of them; the server's stages are finer. */

import { el, fill } from "./dom.js";

/** @typedef {import('./types.js').Job} Job */

const STEPS = [
  { title: "Read", text: "Reading the files", stages: ["ingest"], qc: true },
  { title: "Check", text: "Checking samples and alleles", stages: ["harmonise", "plan"], qc: true },
  { title: "Impute", text: "Imputing", stages: ["impute"], qc: false },
  { title: "Assemble", text: "Putting the chromosomes together", stages: ["assemble"], qc: false },
  { title: "Report", text: "Writing the report", stages: ["report", "deliver"], qc: true },
];

/** @param {Job} job @returns {string} what the server does now */
export function activity(job) {
  if (job.state === "queued") return job.queue_position ? `Number ${job.queue_position} in the queue` : "Waiting for a worker";
  if (job.state === "complete") return job.mode === "qc" ? "The check is done" : "All results are ready";
  if (job.state === "failed") return "The job stopped";
  if (job.state === "cancelled") return "Stopped on request";
  if (job.state === "expired") return "The results have been removed";
  return STEPS.find((step) => step.stages.includes(job.stage))?.text ?? "";
}

/** @param {Element} list @param {Job} job */
export function showStages(list, job) {
  const steps = STEPS.filter((step) => step.qc || job.mode !== "qc");
  const at = steps.findIndex((step) => step.stages.includes(job.stage));
  /** @param {number} index @returns {[string, string]} status and its name */
  const status = (index) => {
    if (job.state === "complete" || job.state === "expired") return ["done", "Done"];
    if (job.state === "queued" && !job.started_at) return ["todo", "To do"];
    if (index < at) return ["done", "Done"];
    if (index > at) return ["todo", "To do"];
    if (job.state === "failed") return ["failed", "Failed here"];
    if (job.state === "cancelled") return ["failed", "Stopped here"];
    return job.state === "queued" ? ["todo", "Next"] : ["current", "In progress"];
  };
  const rows = steps.map((step, index) => {
    const [kind, name] = status(index);
    const current = kind === "current" ? "step" : null;
    return el("li", { "data-status": kind, "aria-current": current }, el("strong", {}, step.title), el("span", {}, name));
  });
  fill(list, rows);
}
