/** A question before something that cannot be undone. */

import { byId, setText } from "./dom.js";

/**
 * @param {{title: string, text: string, yes: string, no: string}} question
 * @returns {Promise<boolean>} false also when the dialog is closed with Escape
 */
export function confirmed({ title, text, yes, no }) {
  const dialog = /** @type {HTMLDialogElement} */ (byId("confirm"));
  setText(byId("confirm-title"), title);
  setText(byId("confirm-text"), text);
  setText(byId("confirm-yes"), yes);
  setText(/** @type {HTMLElement} */ (dialog.querySelector("[value=no]")), no);
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}
