"""Automatic partition of pictures into soft regions, and the pairing of the regions of two pictures."""

from intarsia.partition.clustering import kmeans, maximum_entropy
from intarsia.partition.pairing import Pairing, auto_regions, pair
from intarsia.partition.seeds import Seeds
from intarsia.partition.segment import Partition, divide, partition, refine_region

__all__ = [
    "Pairing",
    "Partition",
    "Seeds",
    "auto_regions",
    "divide",
    "kmeans",
    "maximum_entropy",
    "pair",
    "partition",
    "refine_region",
]
