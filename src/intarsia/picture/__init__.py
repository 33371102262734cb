"""Pictures as values: from files, arrays and pipes into tensors, and back into files that are whole or not there.

A picture is `Float[Tensor, "3 h w"]`, sRGB, 0..1. What strangers hand us is checked before it is decoded, and what we
write replaces the old file only when it is complete.
"""

from intarsia.picture.animation import check_animation, write_animation
from intarsia.picture.atomic import atomic_write, claimed, sweep
from intarsia.picture.files import Source, kind_of, path_of, standard_input
from intarsia.picture.frames import MAX_PIXELS
from intarsia.picture.maps import TRANSPARENT, read_labels, read_map, write_map
from intarsia.picture.metadata import Metadata, Policy
from intarsia.picture.reading import Opened, read
from intarsia.picture.recipes import read_recipe
from intarsia.picture.targets import SUFFIXES, check_size, check_target, tell_losses
from intarsia.picture.writing import is_seen_through, to_pil, write
from intarsia.sizes import fit, resize

__all__ = [
    "MAX_PIXELS",
    "SUFFIXES",
    "TRANSPARENT",
    "Metadata",
    "Opened",
    "Policy",
    "Source",
    "atomic_write",
    "check_animation",
    "check_size",
    "check_target",
    "claimed",
    "fit",
    "is_seen_through",
    "kind_of",
    "path_of",
    "read",
    "read_labels",
    "read_map",
    "read_recipe",
    "resize",
    "standard_input",
    "sweep",
    "tell_losses",
    "to_pil",
    "write",
    "write_animation",
    "write_map",
]
