"""What is here, what is missing and how to get it (`present`); and the checks of a method on
synthetic pictures (`check_method`). Nothing here trains, matches a data set or counts.
"""

from corrlib.doctor.finding import Finding
from corrlib.doctor.machine import present
from corrlib.doctor.method import check_method

__all__ = ["Finding", "check_method", "present"]
