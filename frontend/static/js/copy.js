/** Buttons that copy text. */

import { announce } from "./dom.js";

/**
 * @param {HTMLElement} button shows for a moment that it has copied
 * @param {string} text
 */
export async function copy(button, text) {
  const before = button.textContent ?? "";
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    // The clipboard interface exists on https and localhost only; a lab's plain-http server has the old way.
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "visually-hidden";
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
    button.focus();
  }
  button.textContent = "Copied";
  announce("Copied");
  setTimeout(() => (button.textContent = before), 1500);
}

/** Bind every button that names the element whose text it copies in `data-copy`. */
export function bindCopyButtons() {
  for (const button of /** @type {NodeListOf<HTMLElement>} */ (document.querySelectorAll("[data-copy]"))) {
    button.addEventListener("click", () => {
      copy(button, document.getElementById(button.dataset.copy ?? "")?.textContent ?? "");
    });
  }
}
