"""Pictures as values: from files, arrays and pipes into tensors, and back into files that are whole or not there.

A picture is `Float[Tensor, "3 h w"]`, sRGB, 0..1. What strangers hand us is checked before it is decoded, and what we
write replaces the old file only when it is complete.
"""

from intarsia.picture.reading import MAX_PIXELS, Opened, Source, kind_of, read, read_map, read_recipe
from intarsia.picture.writing import SUFFIXES, atomic_write, check_size, check_target, sweep, to_pil, write, write_map
from intarsia.sizes import fit, resize

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "Opened",
    "Source",
    "atomic_write",
    "check_size",
    "check_target",
    "fit",
    "kind_of",
    "read",
    "read_map",
    "read_recipe",
    "resize",
    "sweep",
    "to_pil",
    "write",
    "write_map",
]
