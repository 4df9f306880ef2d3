/**
 * A look at the head of a chosen file, so that a wrong file is noticed before it is uploaded. The server decides; this only advises.
 *
 * @typedef {object} Look
 * @property {string} text what the file seems to be
 * @property {'plain'|'warn'|'bad'} tone
 */

const HEAD_BYTES = 1 << 20;

/** @param {Uint8Array<ArrayBuffer>} member one gzip member, possibly cut off @returns {Promise<Uint8Array>} what can be read of it */
async function inflate(member) {
  const reader = new Blob([member]).stream().pipeThrough(new DecompressionStream("gzip")).getReader();
  const chunks = [];
  try {
    for (let read = await reader.read(); !read.done; read = await reader.read()) chunks.push(read.value);
  } catch {
    // A cut-off or joined stream ends in an error after its good bytes, and those are enough here.
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

/** @param {Uint8Array} bytes @param {number} at @returns {number} size of the BGZF block there, 0 when it is none */
function blockSize(bytes, at) {
  const isBgzf = bytes[at] === 31 && bytes[at + 1] === 139 && bytes[at + 3] & 4 && bytes[at + 12] === 66 && bytes[at + 13] === 67;
  return isBgzf ? bytes[at + 16] + 256 * bytes[at + 17] + 1 : 0;
}

/** @param {Uint8Array<ArrayBuffer>} bytes a gzip head @returns {Promise<Uint8Array>} its beginning, inflated */
async function inflateHead(bytes) {
  if (!blockSize(bytes, 0)) return inflate(bytes);
  const blocks = [];
  for (let at = 0, next; at < bytes.length && (next = blockSize(bytes, at)); at += next) {
    blocks.push(await inflate(bytes.slice(at, at + next)));
    const text = new TextDecoder("latin1").decode(blocks[blocks.length - 1]);
    if (/\n#CHROM\t[^\n]*\n/.test(text)) break;
  }
  return new Uint8Array(await new Blob(/** @type {BlobPart[]} */ (blocks)).arrayBuffer());
}

/** @param {string} text beginning of a VCF @returns {Look} */
function lookAtVcf(text) {
  const columns = /^#CHROM\t[^\n]*(?=\r?\n)/m.exec(text)?.[0].trimEnd().split("\t");
  if (!columns) return { text: "VCF", tone: "plain" };
  const samples = Math.max(0, columns.length - 9);
  if (!samples) return { text: "VCF without samples: there is nothing to impute in it", tone: "bad" };
  const record = /^[^#\n][^\n]*/m.exec(text.slice(text.indexOf("#CHROM")))?.[0].split("\t", 9);
  if (record?.length === 9 && !record[8].split(":").includes("GT")) return { text: "VCF without a GT field in its first record", tone: "warn" };
  const chromosome = record?.[0] ? `, begins on ${record[0].startsWith("chr") ? record[0] : `chromosome ${record[0]}`}` : "";
  return { text: `VCF, ${samples.toLocaleString("en")} ${samples === 1 ? "sample" : "samples"}${chromosome}`, tone: "plain" };
}

/** Array texts by what their first lines say. @type {[RegExp, string][]} */
const ARRAYS = [
  [/23andMe/i, "23andMe"],
  [/AncestryDNA/i, "AncestryDNA"],
  [/MyHeritage/i, "MyHeritage"],
  [/Living DNA/i, "Living DNA"],
];

/** @param {string} text @returns {Look} */
function lookAtArray(text) {
  const maker = ARRAYS.find(([words]) => words.test(text.slice(0, 4096)))?.[1];
  return { text: maker ? `Raw data of ${maker}: one person` : "Raw data of an array: one person", tone: "plain" };
}

/** @param {string} name @param {string} text @returns {Look|null} what a table of a PLINK fileset holds; null when it is none */
function lookAtTable(name, text) {
  const ending = /\.(bim|fam|pvar|psam|ped|map|sample)(\.gz|\.zst)?$/i.exec(name)?.[1].toLowerCase();
  const fields = text.split("\n", 1)[0].trim().split(/\s+/).length;
  if (ending === "bim") return fields === 6 ? { text: "PLINK sites, goes with .bed and .fam", tone: "plain" } : null;
  if (ending === "fam") return fields === 5 || fields === 6 ? { text: "PLINK samples, goes with .bed and .bim", tone: "plain" } : null;
  if (ending === "ped") return fields > 6 ? { text: "PLINK text genotypes, goes with .map", tone: "plain" } : null;
  if (ending === "map") return fields === 3 || fields === 4 ? { text: "PLINK text sites, goes with .ped", tone: "plain" } : null;
  if (ending === "sample") return /^id(_1)?\s/i.test(text) ? { text: "Samples of a BGEN file, goes with .bgen", tone: "plain" } : null;
  if (ending === "pvar") return { text: "PLINK 2 sites, goes with .pgen and .psam", tone: "plain" };
  return ending === "psam" ? { text: "PLINK 2 samples, goes with .pgen and .pvar", tone: "plain" } : null;
}

/** @param {Uint8Array} bytes @returns {Look|null} what a PLINK file of genotypes is; null when it is none */
function lookAtPlink(bytes) {
  if (bytes[0] !== 0x6c || bytes[1] !== 0x1b) return null;
  if (bytes[2] === 0) return { text: "Sample-major .bed; rewrite it with plink2 --make-bed", tone: "bad" };
  return { text: bytes[2] === 1 ? "PLINK genotypes, goes with .bim and .fam" : "PLINK 2 genotypes, goes with .pvar and .psam", tone: "plain" };
}

/** @param {File} file @returns {Promise<Look>} */
export async function look(file) {
  if (/\.(tbi|csi|bgi|idx)$/i.test(file.name)) return { text: "An index; it is not needed", tone: "plain" };
  if (!file.size) return { text: "This file is empty", tone: "bad" };
  let bytes = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  if (bytes[0] === 31 && bytes[1] === 139) bytes = /** @type {Uint8Array<ArrayBuffer>} */ (await inflateHead(bytes));
  const text = new TextDecoder("latin1").decode(bytes).replace(/^\u00ef\u00bb\u00bf/, "");
  const known = lookAtPlink(bytes) ?? lookAtTable(file.name, text);
  if (known) return known;
  if (text.startsWith("BCF\x02")) return { text: "BCF", tone: "plain" };
  if (text.startsWith("##fileformat=VCF")) return lookAtVcf(text);
  if (/^\[header\]/i.test(text)) return { text: "Illumina FinalReport", tone: "plain" };
  if (text.slice(16, 20) === "bgen") return { text: "BGEN", tone: "plain" };
  if (text.slice(257, 262) === "ustar") return { text: "Tar archive; the server looks inside", tone: "plain" };
  if (text.startsWith("PK\x03\x04")) return { text: "Zip archive; the server looks inside", tone: "plain" };
  if (/^#?\s*"?(?:rs_?id|name)"?[\t, ]\s*"?chr/im.test(text)) return lookAtArray(text);
  return { text: "This does not look like a genotype file", tone: "bad" };
}
