"""Li-Stephens copying from the panel's haplotypes: phases and imputes without a separate phasing step."""
