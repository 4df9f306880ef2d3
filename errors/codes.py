"""The catalogue of stable error codes: value, HTTP status, default advice."""

from __future__ import annotations

from enum import Enum


class Code(Enum):
    """A stable error code. `value` is what users and scripts see; it never changes its meaning."""

    status: int
    action: str

    def __new__(cls, value: str, status: int = 500, action: str = "") -> Code:
        """Make a member whose value is the code alone."""
        member = object.__new__(cls)
        member._value_ = value
        member.status = status
        member.action = action
        return member

    # The upload as a file
    empty_file = "empty_file", 422, "Upload a VCF or BCF file that has content."
    not_vcf = (
        "not_vcf",
        422,
        "Upload VCF (it starts with ##fileformat=VCF), BCF, a PLINK fileset, or an array's raw text; also zipped.",
    )
    missing_part = (
        "missing_part",
        422,
        "Upload .bed, .bim and .fam, .pgen, .pvar and .psam, .ped and .map, or .bgen and .sample, with one name.",
    )
    parts_disagree = "parts_disagree", 422, "Upload all files of one export together."
    bad_archive = "bad_archive", 422, "Upload the files themselves, or a plain .zip or .tar.gz of them."
    reader_unavailable = "reader_unavailable", 501, "Write the genotypes as .bed, .bim and .fam, or as VCF."
    truncated_file = "truncated_file", 422, "The file ends early: check its size or checksum and upload it again."
    corrupt_file = "corrupt_file", 422, "Check the file with 'bcftools view FILE > /dev/null' and upload it again."
    line_too_long = "line_too_long", 422, "Check that the file is a VCF with one variant to a line."
    zip_bomb = "zip_bomb", 422, "The file expands beyond the server's limit; split it by chromosome."
    upload_too_large = "upload_too_large", 413, "Split the file by chromosome or by samples, or use BCF."
    upload_gone = "upload_gone", 422, "Upload the file again: uploads go with their job."
    bad_filename = "bad_filename", 422, "Give the file a plain name such as cohort.vcf.gz."
    # The upload as a VCF
    header_only = "header_only", 422, "The file has a header but no variants: export it again."
    malformed_record = "malformed_record", 422, "Mend the named line; 'bcftools view' shows where the file breaks."
    no_gt = "no_gt", 422, "Imputation needs called genotypes: export the file with a GT field."
    no_samples = "no_samples", 422, "The file lists sites only: export it with its samples."
    duplicate_samples = "duplicate_samples", 422, "Give every sample its own id ('bcftools reheader -s')."
    samples_differ = (
        "samples_differ",
        422,
        "Files of one job must hold the same samples; submit them as separate jobs otherwise.",
    )
    duplicate_positions = "duplicate_positions", 422, "Remove repeated records ('bcftools norm -d exact')."
    duplicate_chromosomes = (
        "duplicate_chromosomes",
        422,
        "Merge the files first ('bcftools concat -a'), or leave strict off.",
    )
    mixed_ploidy = (
        "mixed_ploidy",
        422,
        "Make each sample haploid or diploid along a chromosome ('bcftools +fixploidy').",
    )
    no_sites_left = (
        "no_sites_left",
        422,
        "Look at the reasons given: mend=all allows every mending; qc_call_rate=0, qc_hwe=0 and qc_af_diff=1 end QC.",
    )
    no_samples_left = (
        "no_samples_left",
        422,
        "Check the genotype calls; samples=flag keeps samples that fail sample QC.",
    )
    unsorted = "unsorted", 422, "Sort the file ('bcftools sort'), or leave strict off."
    half_calls = "half_calls", 422, "Set half calls to missing ('bcftools +setGT'), or leave strict off."
    multiallelic = "multiallelic", 422, "Split the sites ('bcftools norm -m-'), or leave strict off."
    symbolic_alleles = (
        "symbolic_alleles",
        422,
        "Remove symbolic and * alleles ('bcftools view -V other'), or leave strict off.",
    )
    allele_mismatch = "allele_mismatch", 422, "Align alleles to the reference genome, or leave strict off."
    strand_ambiguous = (
        "strand_ambiguous",
        422,
        "Write A/T and C/G sites on the reference's forward strand, or leave strict off.",
    )
    # The upload against the bundle
    chromosome_not_in_bundle = (
        "chromosome_not_in_bundle",
        422,
        "Choose a bundle that holds the chromosome (GET /bundles).",
    )
    wrong_build = (
        "wrong_build",
        422,
        "Lift the file over to the bundle's build, or choose a bundle of the file's build.",
    )
    no_overlap = "no_overlap", 422, "None of the sites is in the bundle: check build, chromosome names and alleles."
    small_overlap = (
        "small_overlap",
        422,
        "Name a bundle that was made for this array or species (GET /bundles); one that is named is used all the same.",
    )
    bundle_not_found = "bundle_not_found", 422, "GET /bundles lists the bundles of this server."
    population_unknown = (
        "population_unknown",
        422,
        "Choose one of the populations named, 'auto' or 'all' (GET /bundles lists each bundle's, under panel).",
    )
    bundle_invalid = "bundle_invalid", 500, "Ask the server's operator to run 'tessera bundle verify'."
    import_invalid = "import_invalid", 422, "Mend or remove the named file of the published tiles."
    # Pedigree
    pedigree_invalid = "pedigree_invalid", 422, "Mend the named line of the pedigree."
    pedigree_loop = "pedigree_loop", 422, "An animal is its own ancestor: mend the named lines."
    pedigree_sex = "pedigree_sex", 422, "A sire is listed as female or a dam as male: mend the named lines."
    sex_unknown = "sex_unknown", 422, "Give the sex of the named animals in the pedigree, or leave X out."
    haploid_heterozygotes = (
        "haploid_heterozygotes",
        422,
        "Set these calls to missing, or mend the sex or the mark of a doubled haploid in the pedigree.",
    )
    pedigree_unknown_ids = (
        "pedigree_unknown_ids",
        422,
        "At least one sample of the VCF must be in the pedigree; ids must match exactly.",
    )
    not_with_pedigree = (
        "not_with_pedigree",
        422,
        "Leave the option out, or submit the file without the pedigree to use the population engine.",
    )
    map_invalid = (
        "map_invalid",
        422,
        "Mend the named line; a map has 'pos chr cM' with a header, HapMap's columns, or PLINK's 'chr id cM bp'.",
    )
    frequencies_invalid = (
        "frequencies_invalid",
        422,
        "Mend the named line; the table has tabs and a header CHROM POS REF ALT and the groups' names.",
    )
    engine_unavailable = "engine_unavailable", 501, "Submit the file without the pedigree to use the population engine."
    # HTTP
    invalid_field = "invalid_field", 422, "See /docs for the fields and their values."
    missing_field = "missing_field", 422, "See /docs for the fields and their values."
    malformed_request = (
        "malformed_request",
        400,
        "Send multipart/form-data, for example: curl -F vcf=@x.vcf.gz URL/jobs",
    )
    job_not_found = "job_not_found", 404, "Check the job's id; finished jobs are removed after their expiry."
    result_not_found = "result_not_found", 404, "GET /jobs/{id}/results lists what there is."
    report_not_ready = "report_not_ready", 409, "The report is there when quality control has ended."
    state_conflict = "state_conflict", 409, "The job's state does not allow this; GET /jobs/{id} shows it."
    not_found = "not_found", 404, "See /docs for the paths."
    method_not_allowed = "method_not_allowed", 405, "See /docs for the paths."
    range_not_satisfiable = "range_not_satisfiable", 416, "Ask for a range inside the file."
    storage_full = "storage_full", 507, "Ask the server's operator to free storage."
    # The service
    cancelled = "cancelled", 409, "Restart the job to run it again."
    lost_worker = "lost_worker", 500, "Restart the job; if it fails again, tell the server's operator its id."
    internal = "internal", 500, "Restart the job; if it fails again, tell the server's operator its id."
    server_unreachable = "server_unreachable", 503, "Check the server's address and that it runs ('tessera up')."
    setup_invalid = "setup_invalid", 500, "Mend the named setting."
