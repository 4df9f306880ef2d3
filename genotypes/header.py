"""The header of an imputed file, as VCF text and as BCF."""

from __future__ import annotations

import re
import struct
from collections.abc import Mapping, Sequence
from typing import Final

# The BCF dictionary numbers of genotypes.bcf follow from this order: PASS is 0, AF is 1 and so on.
_FIELDS: Final = (
    '##FILTER=<ID=PASS,Description="All filters passed">',
    '##INFO=<ID=AF,Number=A,Type=Float,Description="ALT frequency in the imputed samples, from DS">',
    '##INFO=<ID=MAF,Number=1,Type=Float,Description="Minor allele frequency in the imputed samples, from DS">',
    '##INFO=<ID=R2,Number=1,Type=Float,Description="Estimated squared correlation of DS with the true genotypes">',
    '##INFO=<ID=ER2,Number=1,Type=Float,'
    'Description="Squared correlation of observed genotypes with dosages imputed while they were hidden">',
    '##INFO=<ID=IMPUTED,Number=0,Type=Flag,Description="The site was imputed in all samples">',
    '##INFO=<ID=TYPED,Number=0,Type=Flag,Description="The site was genotyped; only missing genotypes were imputed">',
    '##INFO=<ID=TYPED_ONLY,Number=0,Type=Flag,Description="The site was genotyped and is not in the model bundle">',
    '##FORMAT=<ID=GT,Number=1,Type=String,Description="Genotype: observed, else the most probable">',
    '##FORMAT=<ID=DS,Number=1,Type=Float,Description="ALT dosage">',
    '##FORMAT=<ID=GP,Number=G,Type=Float,Description="Genotype probabilities">',
)  # fmt: skip
_HDS: Final = '##FORMAT=<ID=HDS,Number=.,Type=Float,Description="ALT dosage of each haplotype">'
_CONTIG: Final = re.compile(rb"^##contig=<ID=([^,>]+)", re.MULTILINE)


def imputed_header(
    samples: Sequence[str],
    contigs: Mapping[str, int | None],
    *,
    build: str | None,
    bundle_id: str,
    bundle_sha: str,
    software: str,
    command: str,
    phased: bool,
) -> bytes:
    """Header text, ending with the #CHROM line.

    Args:
        samples: ids in column order.
        contigs: length in bp by name, None where unknown.
        build: assembly of the contigs.
        bundle_id: id of the model bundle.
        bundle_sha: its sha256, hex.
        software: name and version of this program.
        command: what was run, in one line.
        phased: the file has FORMAT HDS.
    """
    lines = ["##fileformat=VCFv4.3", *_FIELDS, *([_HDS] if phased else [])]
    assembly = f",assembly={build}" if build else ""
    for name, length in contigs.items():
        lines.append(f"##contig=<ID={name}{f',length={length}' if length else ''}{assembly}>")
    lines.append(f"##tessera_software={_plain(software)}")
    lines.append(f"##tessera_bundle={_plain(bundle_id)}")
    lines.append(f"##tessera_bundle_sha256={_plain(bundle_sha)}")
    if build:
        lines.append(f"##tessera_build={_plain(build)}")
    lines.append(f"##tessera_command={_plain(command)}")
    columns = ["#CHROM", "POS", "ID", "REF", "ALT", "QUAL", "FILTER", "INFO", "FORMAT", *samples]
    return "\n".join([*lines, "\t".join(columns), ""]).encode()


def bcf_header(text: bytes) -> bytes:
    """The same header as the start of a BCF 2.2 stream."""
    return b"BCF\x02\x02" + struct.pack("<I", len(text) + 1) + text + b"\0"


def contig_numbers(text: bytes) -> dict[str, int]:
    """BCF number of each contig of a header text."""
    return {name.decode(): number for number, name in enumerate(_CONTIG.findall(text))}


def _plain(value: str) -> str:
    return " ".join(value.split())
