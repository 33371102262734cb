"""Many pictures by one recipe: found in folders, painted by several processes, written down in a ledger.

`gather` finds the pictures, and a `Batch` paints them.
"""

from intarsia.batch.gathering import Found, Picture, gather
from intarsia.batch.ledger import History, Ledger, read_ledger
from intarsia.batch.run import CONTENT, Batch, Event, Plan

__all__ = ["CONTENT", "Batch", "Event", "Found", "History", "Ledger", "Picture", "Plan", "gather", "read_ledger"]
