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

/** @param {File} file @returns {Promise<Look>} */
export async function look(file) {
  if (!file.size) return { text: "This file is empty", tone: "bad" };
  let bytes = new Uint8Array(await file.slice(0, HEAD_BYTES).arrayBuffer());
  if (bytes[0] === 31 && bytes[1] === 139) bytes = /** @type {Uint8Array<ArrayBuffer>} */ (await inflateHead(bytes));
  const text = new TextDecoder("latin1").decode(bytes);
  if (text.startsWith("BCF\x02")) return { text: "BCF", tone: "plain" };
  if (text.startsWith("##fileformat=VCF")) return lookAtVcf(text);
  if (text.startsWith("PK")) return { text: "This is a zip archive; choose the VCF files inside it", tone: "bad" };
  return { text: "This does not look like a VCF or BCF file", tone: "bad" };
}
