// Filters the table of variants and saves what is shown. Without it the page reads the same.
(() => {
  const table = document.getElementById("variants-table");
  if (!table) return;
  const rows = [...table.tBodies[0].rows].map((row) => ({ row, text: row.textContent.toLowerCase(), fate: row.dataset.fate }));
  const search = document.getElementById("variants-search");
  const boxes = [...document.querySelectorAll("[name=fate]")];
  const count = document.getElementById("variants-count");
  const visible = () => rows.filter(({ row }) => !row.hidden);
  const apply = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const fates = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    for (const one of rows) one.row.hidden = !(fates.has(one.fate) && words.every((word) => one.text.includes(word)));
    count.textContent = `${visible().length.toLocaleString("en")} of ${rows.length.toLocaleString("en")} variants shown`;
  };
  const cells = (row) => [...row.cells].map((cell) => cell.dataset.value ?? cell.textContent.trim()).join("\t");
  document.getElementById("variants-save").addEventListener("click", () => {
    const lines = [table.tHead.rows[0], ...visible().map(({ row }) => row)].map(cells);
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`${lines.join("\n")}\n`], { type: "text/tab-separated-values" }));
    link.download = "variants.tsv";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
  });
  search.addEventListener("input", apply);
  for (const box of boxes) box.addEventListener("change", apply);
  document.getElementById("variants-controls").hidden = false;
  apply();
})();
// The legend of the map brings populations forward, by mouse or keys. Without it the map shows all of them.
(() => {
  const map = document.getElementById("ancestry");
  if (!map) return;
  const groups = [...map.querySelectorAll("[data-group]")];
  const chosen = new Set();
  [...map.querySelectorAll(".legend li")].forEach((item, number) => {
    const button = document.createElement("button");
    button.type = "button";
    button.setAttribute("aria-pressed", "false");
    button.append(...item.childNodes);
    item.append(button);
    button.addEventListener("click", () => {
      if (!chosen.delete(String(number))) chosen.add(String(number));
      button.setAttribute("aria-pressed", String(chosen.has(String(number))));
      for (const one of groups) one.classList.toggle("behind", chosen.size > 0 && !chosen.has(one.dataset.group));
    });
  });
})();
