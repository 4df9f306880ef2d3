/** Small helpers around the document. Text always goes in as text, never as HTML. */

/**
 * @template {HTMLElement} [T=HTMLElement]
 * @param {string} id
 * @returns {T}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (!found) throw new Error(`The page has no element '${id}'`);
  return /** @type {T} */ (found);
}

/**
 * Make an element. Known properties are set as properties, all others as attributes.
 *
 * @param {string} tag
 * @param {Record<string, any>} [properties] null and undefined values are left out
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {HTMLElement}
 */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined) continue;
    if (name.includes("-") || !(name in made)) made.setAttribute(name, String(value));
    else /** @type {any} */ (made)[name] = value;
  }
  made.append(.../** @type {(Node|string)[]} */ (children.filter((child) => child || child === "")));
  return made;
}

/**
 * Replace the children of an element only when they differ, so that focus and selection survive a refresh.
 *
 * @param {Element} parent
 * @param {(Node|string)[]} children
 */
export function fill(parent, children) {
  const next = document.createElement(parent.tagName);
  next.append(...children);
  if (next.innerHTML !== parent.innerHTML) parent.replaceChildren(...next.childNodes);
}

/** @param {Element} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** @param {HTMLElement} element @param {boolean} shown */
export function show(element, shown) {
  element.hidden = !shown;
}

/**
 * Tell screen readers something that a sighted person sees change.
 *
 * @param {string} text
 * @param {boolean} [urgent] interrupts what is being read
 */
export function announce(text, urgent = false) {
  byId(urgent ? "alarm" : "announcer").textContent = text;
}
