"""The proof: read-only. What was promised is compared with the tables, the object store and the providers' word."""

from makegood.proof.clauses import CLAUSES
from makegood.proof.evidence import Clause, Evidence, Violation
from makegood.proof.proving import Report, prove

__all__ = ["CLAUSES", "Clause", "Evidence", "Report", "Violation", "prove"]
