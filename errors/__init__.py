"""The one error root. Every refusal that a person may see is a `TesseraError` with a stable code.

This room imports nothing and every other room may import it: genotypes and jobs may not import each other, and both
must speak of errors in the same way.
"""

from errors.codes import Code
from errors.root import TesseraError

__all__ = ["Code", "TesseraError"]
