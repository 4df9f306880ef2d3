"""Pedigree peeling: families and breeding populations, any species."""
