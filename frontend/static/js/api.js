/** Calls to the server. Every failure becomes an `ApiError` with a sentence, a code and what to do. */

/** @typedef {import('./types.js').Problem} Problem */

const root = document.documentElement.dataset.root ?? "";

/** @param {string} path starting with a slash @returns {string} the same below the folder where the service is mounted */
export const url = (path) => root + path;

/** @param {string} path @returns {string} the whole address, for commands that people copy */
export const absolute = (path) => new URL(path, location.origin).href;

/** A refusal of the server, or no answer at all. */
export class ApiError extends Error {
  /** @param {Problem} problem */
  constructor(problem) {
    super(problem.detail || problem.title);
    this.problem = problem;
    this.status = problem.status;
    this.code = problem.code ?? "";
    this.action = problem.action ?? "";
  }
}

/** @param {string} detail @returns {ApiError} */
export function unreachable(detail = "The server does not answer.") {
  return new ApiError({
    status: 0,
    title: "No connection",
    detail,
    code: "server_unreachable",
    action: "Check your connection and that the server runs, then try again.",
  });
}

/**
 * @param {number} status
 * @param {string} body
 * @returns {ApiError}
 */
export function refusal(status, body) {
  /** @type {Partial<Problem>} */
  let problem = {};
  try {
    problem = JSON.parse(body);
  } catch {
    // A proxy in between answers with HTML; its status is all that can be told.
  }
  return new ApiError({
    title: "Request refused",
    detail: `The server answered with status ${status}.`,
    ...problem,
    status,
  });
}

/**
 * @param {string} method
 * @param {string} path
 * @param {FormData} [body]
 * @returns {Promise<any>} parsed JSON, or null for an empty answer
 */
async function call(method, path, body) {
  let response;
  try {
    response = await fetch(url(path), { method, body, headers: { Accept: "application/json" }, cache: "no-store" });
  } catch {
    throw unreachable();
  }
  const text = await response.text();
  if (!response.ok) throw refusal(response.status, text);
  return text ? JSON.parse(text) : null;
}

/** @param {string} path @returns {Promise<any>} */
export const get = (path) => call("GET", path);
/** @param {string} path @returns {Promise<any>} */
export const post = (path) => call("POST", path);
/** @param {string} path @returns {Promise<any>} */
export const remove = (path) => call("DELETE", path);

/** @param {string} id an ended job @returns {Promise<import('./types.js').Job>} the job that imputes its upload */
export function followUp(id) {
  const form = new FormData();
  form.append("from_job", id);
  return call("POST", "/jobs", form);
}

/** @param {string} id @returns {string} path of a job */
export const jobPath = (id) => `/jobs/${encodeURIComponent(id)}`;

/**
 * Submit a job. Uses XMLHttpRequest because fetch does not report how much has been sent.
 *
 * @param {FormData} form
 * @param {(sent: number, total: number) => void} onProgress bytes
 * @param {AbortSignal} signal stops the upload; the promise then rejects with the signal's reason
 * @returns {Promise<import('./types.js').Job>}
 */
export function submitJob(form, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", url("/jobs"));
    request.setRequestHeader("Accept", "application/json");
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded, event.total));
    request.addEventListener("load", () => {
      if (request.status < 200 || request.status > 299) reject(refusal(request.status, request.responseText));
      else resolve(JSON.parse(request.responseText));
    });
    request.addEventListener("error", () =>
      reject(unreachable("The connection broke before the server had the whole upload. Nothing was submitted.")),
    );
    request.addEventListener("abort", () => reject(signal.reason));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}
