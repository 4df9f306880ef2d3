/** The chosen files: picker, drop zone, list. */

import { announce, byId, el } from "./dom.js";
import { size } from "./format.js";
import { look } from "./sniff.js";

const PEDIGREE = /\.(ped|fam|csv|tsv|txt)$/i;
const FILESET = /\.(bed|bim|map)(\.gz)?$/i;
/** Tables that are a part of a fileset where the rest of it is there, and else a pedigree. */
const FAM = /\.(fam|ped)$/i;
const ARRAY_COLUMNS = /^#?\s*"?rs_?id"?[\t,]\s*"?chr|^\[header\]/im;

/** @param {File} file @returns {Promise<boolean>} whether a table is the raw data of an array rather than a pedigree */
const isArray = async (file) => /\.(csv|tsv|txt)$/i.test(file.name) && ARRAY_COLUMNS.test(await file.slice(0, 1 << 16).text());

/** @param {File} a @param {File} b @returns {boolean} */
const same = (a, b) => a.name === b.name && a.size === b.size && a.lastModified === b.lastModified;

/** Genotype files and the pedigree of the form. Calls `onChange` after each change. */
export class Files {
  /** @param {() => void} onChange */
  constructor(onChange) {
    /** @type {File[]} */
    this.vcfs = [];
    /** @type {File|null} */
    this.pedigree = null;
    this.onChange = onChange;
    this.bindPicker(/** @type {HTMLInputElement} */ (byId("vcf")), (files) => this.add(files));
    this.bindPicker(/** @type {HTMLInputElement} */ (byId("pedigree")), (files) => this.setPedigree(files[0]));
    this.bindDrop(byId("dropzone"));
  }

  /** @returns {number} bytes of all files */
  get bytes() {
    return [...this.vcfs, ...(this.pedigree ? [this.pedigree] : [])].reduce((sum, file) => sum + file.size, 0);
  }

  /** @param {HTMLInputElement} input @param {(files: File[]) => void} take */
  bindPicker(input, take) {
    input.addEventListener("change", () => {
      const chosen = [...(input.files ?? [])];
      input.value = ""; // so that the same file can be chosen again after it was removed
      if (chosen.length) take(chosen);
    });
  }

  /** @param {HTMLElement} zone */
  bindDrop(zone) {
    // A file that misses the zone would otherwise replace the page.
    for (const kind of ["dragover", "drop"]) addEventListener(kind, (event) => event.preventDefault());
    zone.addEventListener("dragover", () => (zone.dataset.over = ""));
    zone.addEventListener("dragleave", () => delete zone.dataset.over);
    zone.addEventListener("drop", (event) => {
      delete zone.dataset.over;
      this.add([...(event.dataTransfer?.files ?? [])]);
    });
  }

  /** @param {File[]} files a pedigree among them goes to its own place; a .fam beside a .bed, or a .ped beside a .map, is a part of its fileset */
  async add(files) {
    const arrays = await Promise.all(files.map(isArray));
    const fileset = [...files, ...this.vcfs].some((file) => FILESET.test(file.name));
    if (fileset && this.pedigree && FAM.test(this.pedigree.name)) {
      files = [...files, this.pedigree];
      this.setPedigree(null);
    }
    const isPedigree = (/** @type {File} */ file) =>
      PEDIGREE.test(file.name) && !arrays[files.indexOf(file)] && !(fileset && FAM.test(file.name));
    const pedigree = files.find(isPedigree);
    const fresh = files.filter((file) => !isPedigree(file) && !this.vcfs.some((known) => same(known, file)));
    this.vcfs.push(...fresh);
    for (const file of fresh) byId("file-list").append(this.row(file, () => this.drop(file)));
    if (pedigree) this.setPedigree(pedigree);
    announce(`${files.map((file) => file.name).join(", ")} added`);
    this.onChange();
  }

  /** @param {File} file */
  drop(file) {
    const index = this.vcfs.indexOf(file);
    this.vcfs.splice(index, 1);
    byId("file-list").children[index].remove();
    byId("vcf").focus();
    announce(`${file.name} removed`);
    this.onChange();
  }

  /** @param {File|null} file */
  setPedigree(file) {
    this.pedigree = file;
    const rows = file ? [this.row(file, () => this.setPedigree(null), false)] : [];
    byId("pedigree-list").replaceChildren(...rows);
    if (!file) byId("pedigree").focus();
    this.onChange();
  }

  /** @param {File} file @param {() => void} onRemove @param {boolean} [genotypes] @returns {HTMLElement} */
  row(file, onRemove, genotypes = true) {
    const note = el("span", { className: "file-note" });
    const remove = el("button", { type: "button", className: "button button-plain", "aria-label": `Remove ${file.name}` }, "Remove");
    remove.addEventListener("click", onRemove);
    if (genotypes) {
      look(file).then(
        (seen) => {
          note.textContent = seen.text;
          note.dataset.tone = seen.tone;
        },
        () => (note.textContent = "The browser cannot read this file"),
      );
    }
    const name = el("span", { className: "file-name" }, file.name);
    return el("li", {}, name, el("span", { className: "hint number" }, size(file.size)), remove, note);
  }
}
