/** Errors shown beside the field they speak of. */

import { byId, el } from "./dom.js";

/**
 * @typedef {object} FieldError
 * @property {string|null} field
 * @property {string} message
 * @property {string} action what to do
 */

/** @param {import('./types.js').Problem} problem @returns {FieldError[]} all errors that the server named, at least one */
export function fieldErrors(problem) {
  const list = Array.isArray(problem.errors) ? problem.errors : [];
  const named = list.map((item) => ({
    field: item.field ?? null,
    message: item.message ?? item.detail ?? item.title ?? "",
    action: item.action ?? (item.field === problem.field ? problem.action : "") ?? "",
  }));
  return named.length
    ? named
    : [{ field: problem.field ?? null, message: problem.detail || problem.title, action: problem.action ?? "" }];
}

/** @param {string} field @returns {HTMLElement|null} the control that shows the field's state */
const control = (field) => document.getElementById(field === "vcf" ? "dropzone" : field);

/** Remove all errors from the form, or those of one field. @param {string} [field] */
export function clearErrors(field) {
  for (const slot of document.querySelectorAll(".field-error")) {
    const name = slot.id.replace("error-", "");
    if (field && name !== field) continue;
    slot.replaceChildren();
    /** @type {HTMLElement} */ (slot).hidden = true;
    control(name)?.removeAttribute("aria-invalid");
    byId(name).removeAttribute("aria-invalid");
  }
  if (!field) byId("summary").hidden = true;
}

/**
 * Show errors beside their fields and in a summary that takes the focus.
 *
 * @param {FieldError[]} errors
 * @param {string} title
 */
export function showErrors(errors, title) {
  clearErrors();
  const lines = errors.map((error) => {
    const slot = error.field && document.getElementById(`error-${error.field}`);
    if (!slot || !error.field) return el("li", {}, error.message, error.action && ` ${error.action}`);
    slot.append(error.message, error.action ? el("span", {}, error.action) : "");
    slot.hidden = false;
    const folded = slot.closest("details");
    if (folded) folded.open = true;
    control(error.field)?.setAttribute("aria-invalid", "true");
    byId(error.field).setAttribute("aria-invalid", "true");
    const link = el("a", { href: `#${error.field}` }, error.message);
    link.addEventListener("click", (event) => {
      event.preventDefault();
      byId(/** @type {string} */ (error.field)).focus();
    });
    return el("li", {}, link);
  });
  const summary = byId("summary");
  summary.replaceChildren(el("h2", {}, title), el("ul", {}, ...lines));
  summary.hidden = false;
  summary.focus();
}
