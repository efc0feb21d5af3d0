"""Grading: run students' notebooks, and write down which gaps pass.

>>> from kit import grading
>>> grades = await grading.grade([Path("handed_in")])                               # doctest: +SKIP
>>> grading.write(grades, Path("grades.csv"), Path("grades.xml"))                   # doctest: +SKIP
"""

from kit.grading._grade import grade
from kit.grading._kernel import Limits
from kit.grading._report import Grade, table, write

__all__ = ["Grade", "Limits", "grade", "table", "write"]
