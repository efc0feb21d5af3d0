"""Grading: run students' notebooks one after the other, and write down which gaps pass.

>>> from kit import grading
>>> grades = grading.grade([Path("handed_in")])                                     # doctest: +SKIP
>>> grading.write_csv(grades, Path("grades.csv"))                                   # doctest: +SKIP

Each notebook is run as a copy, its locked cells as handed out, in a fresh kernel and a folder of its own;
they share one lab. Cells that run the whole pipeline (tag `goal`) are left out: what counts are the checks. A
check is made where it stands in the notebook, and again at the end: so if the kernel dies on the way, what was checked
by then is known. The limits are against accidents, not against attacks: grade what comes from strangers in a container.
"""

from kit.grading._grade import grade
from kit.grading._kernel import Limits
from kit.grading._report import GapGrade, Grade, check_writable, write_csv, write_junit

__all__ = ["GapGrade", "Grade", "Limits", "check_writable", "grade", "write_csv", "write_junit"]
