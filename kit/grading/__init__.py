"""Grading: run students' notebooks, and write down which gaps pass."""

from kit.grading._grade import grade
from kit.grading._kernel import Limits
from kit.grading._report import Grade, table, write

__all__ = ["Grade", "Limits", "grade", "table", "write"]
