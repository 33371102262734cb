"""Many pictures by one recipe: found in folders, painted by several processes, written down in a ledger.

`gather` finds the pictures, and a `Batch` paints them.
"""

from intarsia.batch.batch import Batch, Event, Handling, Workload
from intarsia.batch.gathering import Found, gather
from intarsia.batch.ledger import History, Ledger, read_ledger
from intarsia.batch.pictures import CONTENT, Picture

__all__ = [
    "CONTENT",
    "Batch",
    "Event",
    "Found",
    "Handling",
    "History",
    "Ledger",
    "Picture",
    "Workload",
    "gather",
    "read_ledger",
]
