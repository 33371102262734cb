"""The folder for what may be lost: downloads, and tensors too large for memory."""

import os
from pathlib import Path

from platformdirs import user_cache_path


def cache_folder() -> Path:
    """INTARSIA_CACHE, or the platform's own place for caches."""
    chosen = os.environ.get("INTARSIA_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("intarsia", appauthor=False)
