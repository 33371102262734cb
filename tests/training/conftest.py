import csv

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def make_pictures():
    """Fills a folder with small blurred pictures and their manifest; two of three are artworks."""

    def make(folder, count):
        rng = np.random.default_rng(0)
        names = [f"{'art' if i % 3 else 'photo'}_{i}.png" for i in range(count)]
        for name in names:
            coarse = Image.fromarray(rng.integers(0, 255, (8, 8, 3), dtype=np.uint8))
            coarse.resize((64, 64), Image.Resampling.BICUBIC).save(folder / name)
        with open(folder / "manifest.csv", "w", newline="") as file:
            csv.writer(file).writerows([["file"], *([name] for name in names)])
        return folder

    return make
