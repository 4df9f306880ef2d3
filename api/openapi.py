"""What OpenAPI cannot learn from signatures: the multipart body of `POST /jobs` and the problem responses."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from api.schemas.problem import Problem
from api.submission.fields import BUILDS, ENGINES, FORMATS, MAX_NAME_CHARS, MODES, SAMPLES, SEX_SYSTEMS
from genotypes.effort import EFFORTS
from genotypes.mending import Mend

DESCRIPTION = """\
An open genotype-imputation server. The whole of it from a terminal:

    curl -F vcf=@cohort.vcf.gz http://localhost:8000/jobs
    curl http://localhost:8000/jobs/JOB
    curl -N http://localhost:8000/jobs/JOB/events
    curl http://localhost:8000/jobs/JOB/results
    curl -O http://localhost:8000/jobs/JOB/results/chr20.dose.vcf.gz

Every error is `application/problem+json` with a stable `code`, a sentence, and what to do.
"""


def _file(description: str) -> dict[str, Any]:
    return {
        "type": "string",
        "contentMediaType": "application/octet-stream",
        "format": "binary",
        "description": description,
    }


def _choice(values: tuple[str, ...], default: str, description: str) -> dict[str, Any]:
    return {"type": "string", "enum": list(values), "default": default, "description": description}


def _share(default: float, description: str) -> dict[str, Any]:
    return {"type": "number", "minimum": 0, "maximum": 1, "default": default, "description": description}


SUBMIT_BODY: dict[str, Any] = {
    "required": True,
    "content": {
        "multipart/form-data": {
            "schema": {
                "type": "object",
                "anyOf": [{"required": ["vcf"]}, {"required": ["from_job"]}],
                "additionalProperties": False,
                "properties": {
                    "vcf": {
                        "type": "array",
                        "minItems": 1,
                        "items": _file(
                            "VCF (compressed or not), BCF, BGEN, PLINK (.bed, .bim, .fam; .pgen, .pvar, .psam; .ped, "
                            ".map), Illumina FinalReport, raw text of 23andMe, AncestryDNA, MyHeritage or FTDNA; also "
                            "in a .zip or .tar.gz"
                        ),
                        "description": "genotypes: one file with all chromosomes or several files; sorted or not",
                    },
                    "pedigree": _file(
                        "PLINK .ped or .fam, or a table of id, sire, dam (.csv); then the job is peeled: any "
                        "species; the files may hold different samples and sites, and a fitting bundle imputes them"
                    ),
                    "map": {
                        "type": "array",
                        "items": _file("PLINK's four columns, HapMap's, or `pos chr cM` with a header; also gzip"),
                        "description": "of a pedigree job: genetic map in cM, one file for all chromosomes or several; "
                        "a chromosome without one has 1 cM/Mb",
                    },
                    "frequencies": _file(
                        "of a pedigree job with groups of unknown parents (MF_...): known allele frequencies, a table "
                        "with tabs and a header CHROM POS REF ALT and the groups' names; others are learned"
                    ),
                    "from_job": {
                        "type": "string",
                        "description": "in place of files: id of an earlier job, whose upload is taken, and its fields "
                        "where others are not given; `mode` is impute again",
                    },
                    "bundle": {
                        "type": "string",
                        "default": "auto",
                        "description": "id or name of a bundle (GET /bundles); auto: the one that holds most of the "
                        "upload's sites, of those that fit its build and chromosomes; none: a pedigree job without one",
                    },
                    "build": {
                        "type": "string",
                        "default": "auto",
                        "examples": list(BUILDS),
                        "description": "genome build of the files: auto, GRCh37, GRCh38, or another that a bundle has",
                    },
                    "engine": _choice(ENGINES, "auto", "auto: peeling when a pedigree is given, else dae"),
                    "mode": _choice(MODES, "impute", "qc: quality control and its report only"),
                    "format": _choice(FORMATS, "vcf.gz", "of the imputed files"),
                    "r2_min": _share(0, "leave out sites imputed with a lower R2"),
                    "name": {
                        "type": "string",
                        "maxLength": MAX_NAME_CHARS,
                        "description": "the job's name; the first file's name unless given",
                    },
                    "strict": {
                        "type": "boolean",
                        "default": False,
                        "description": "refuse what would be mended otherwise (order, strand, alleles, half calls)",
                    },
                    "mend": {
                        "type": "string",
                        "default": "all",
                        "examples": ["swap,flip", "none"],
                        "description": f"what may be mended: all, none, or a list of {', '.join(Mend)}; "
                        "may be given several times, as a form's boxes are; with a pedigree swap and flip apply",
                    },
                    "samples": _choice(SAMPLES, "drop", "samples that fail sample QC: leave them out, or only say so"),
                    "qc_call_rate": _share(
                        0.9,
                        "lowest share of samples called at a site; 0 switches the test off; "
                        "the server may set other defaults for this and the next two",
                    ),
                    "qc_hwe": _share(1e-6, "lowest mid-p of Hardy-Weinberg proportions; 0 switches the test off"),
                    "qc_af_diff": _share(
                        0.4,
                        "largest difference from the allele frequency expected; 1 switches the test off; where it is "
                        "expected by population, 0.3 unless given",
                    ),
                    "population": {
                        "type": "string",
                        "default": "auto",
                        "examples": ["auto", "all", "EUR"],
                        "description": "whose allele frequencies the upload is compared with: a population of the "
                        "bundle (GET /bundles lists them under panel), all (the whole panel), or auto (the mixture of "
                        "populations that the genotypes tell; the whole panel where the bundle holds no populations)",
                    },
                    "effort": _choice(
                        EFFORTS,
                        "fast",
                        "how much work to put into each sample where the bundle holds haplotypes: thorough takes four "
                        "times as long and is more accurate; a bundle of networks knows one way, and the job says so",
                    ),
                    "peel": {
                        "type": "string",
                        "examples": ["segregation,haplotypes"],
                        "description": "of a pedigree job, a list, in one field or several, of: segregation, "
                        "haplotypes (files to write too), correct (the most probable genotype instead of calls that "
                        "the family contradicts), only_new (write only animals without data)",
                    },
                    "animals": {
                        "type": "string",
                        "description": "of a pedigree job: ids of the animals to write, in this order; all by default",
                    },
                    "doubled_haploids": {
                        "type": "string",
                        "description": "of a pedigree job: ids of doubled haploids, besides those of a column `dh` of "
                        "the pedigree",
                    },
                    "non_par": {
                        "type": "string",
                        "examples": ["2781480-155701382"],
                        "description": "of a pedigree job: base pairs of X or Z between the pseudoautosomal regions; "
                        "known of human builds",
                    },
                    "sex_system": _choice(
                        SEX_SYSTEMS, "auto", "of a pedigree job: males have one X or females one Z; auto: by the name"
                    ),
                    "recipient": {
                        "type": "string",
                        "description": "Crypt4GH public key to encrypt results for; not offered by this version",
                    },
                },
            },
            "encoding": {"vcf": {"contentType": "application/octet-stream"}},
        }
    },
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the OpenAPI responses for errors of these HTTP statuses."""
    schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {"application/problem+json": {"schema": schema}},
        }
        for status in statuses
    }


def finish_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """Add the problem models in place of FastAPI's own validation errors, and name the versioned paths."""
    models = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components = schema.setdefault("components", {}).setdefault("schemas", {})
    components.update(models.pop("$defs", {}))
    components[Problem.__name__] = models
    for name in ("HTTPValidationError", "ValidationError"):
        components.pop(name, None)
    for path in schema["paths"].values():
        for operation in path.values():
            answers = operation.get("responses", {})
            if "HTTPValidationError" in str(answers.get("422", "")):
                answers["422"] = problems(422)[422]
    schema["servers"] = [{"url": "/"}, {"url": "/api/v1", "description": "the same under a version"}]
    return schema
