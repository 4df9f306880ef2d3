"""Genotypes in and out: VCF and BCF, site lists, genetic maps, quality control; numpy arrays, no torch."""
