import io

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def png():
    """Levels, "h w" or "h w 3", as the bytes of a PNG."""

    def make(levels) -> bytes:
        file = io.BytesIO()
        Image.fromarray(levels).save(file, "PNG")
        return file.getvalue()

    return make


@pytest.fixture(scope="session")
def photograph(png):
    """A small PNG: smooth, of all colors."""
    y, x = np.mgrid[0:48, 0:64] / 64.0
    rgb = np.stack([x, y, 0.5 + 0.5 * np.sin(9 * x + 7 * y)], 2)
    return png((255 * rgb).astype(np.uint8))
