/** Command lines that do what the page does. */

/** @param {string} text @returns {string} one word of a POSIX shell */
export function quote(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** @param {string} name @param {string} filename @returns {string} */
function filePart(name, filename) {
  // curl reads ; and , in a bare file name as its own syntax.
  const path = /[;,"\\]/.test(filename) ? `"${filename.replace(/["\\]/g, "\\$&")}"` : filename;
  return `-F ${quote(`${name}=@${path}`)}`;
}

/** @param {string} name @param {string} value @returns {string} */
function textPart(name, value) {
  // -F takes a leading @ or < and any ; as syntax, --form-string does not.
  return `${/^[@<]|;/.test(value) ? "--form-string" : "-F"} ${quote(`${name}=${value}`)}`;
}

/**
 * @param {string} address of POST /jobs
 * @param {string[]} vcfs file names
 * @param {string|null} pedigree file name
 * @param {[string, string][]} fields only those that differ from the server's defaults
 * @param {[string, string][]} [beside] fields of the files that go with a pedigree, and their names
 * @returns {string}
 */
export function curlSubmit(address, vcfs, pedigree, fields, beside = []) {
  const parts = (vcfs.length ? vcfs : ["cohort.vcf.gz"]).map((name) => filePart("vcf", name));
  if (pedigree) parts.push(filePart("pedigree", pedigree));
  parts.push(...beside.map(([name, filename]) => filePart(name, filename)));
  parts.push(...fields.map(([name, value]) => textPart(name, value)));
  return ["curl", ...parts.map((part) => `  ${part}`), `  ${quote(address)}`].join(" \\\n").replace("curl \\\n  ", "curl ");
}

/**
 * @param {'curl'|'wget'} tool
 * @param {import('./types.js').ResultFile[]} results with whole addresses in `href`
 * @returns {string} commands that download all files, go on where they stopped, and check the sums
 */
export function download(tool, results) {
  const start = tool === "curl" ? "curl -fL -C - -o" : "wget -c -O";
  const lines = results.map((file) => `${start} ${quote(file.name)} ${quote(file.href)}`);
  const sums = results.some((file) => file.name === "sha256sums.txt");
  return [...lines, ...(sums ? ["sha256sum -c sha256sums.txt"] : [])].join("\n");
}
