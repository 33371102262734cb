"""Weights: fetched once, verified always, and read as tensors only.

Files of strangers are taken by their content, never by their name, and nothing in them is ever run.
"""

from intarsia.weights.download import Progress, Source, fetch
from intarsia.weights.sums import file_sum, verify
from intarsia.weights.tensors import check_tensors, read_tensors

__all__ = ["Progress", "Source", "check_tensors", "fetch", "file_sum", "read_tensors", "verify"]
