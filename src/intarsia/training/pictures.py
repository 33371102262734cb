"""The pictures that networks are trained on: which are held out, and how a batch of crops is drawn."""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor


@dataclass(frozen=True)
class Crops:
    """What a batch is made of. batch: how many crops; crop: their side in pixels; noisy: part of them, 0 to 1, that
    gets Gaussian noise; paintings: part of them, 0 to 1, that is taken from artworks; halved: part of them, 0 to 1,
    that is cut twice as large and reduced to half, and so is sharper; pictures must be so large."""

    batch: int
    crop: int
    noisy: float
    paintings: float
    halved: float = 0.0


@dataclass(frozen=True, eq=False)
class Pictures:
    """Pictures of one size. train, held: the rows to train on and those held out; photos, arts: the kinds of the rows
    to train on."""

    pixels: UInt8[np.ndarray, "n h w 3"]
    train: list[int]
    held: list[int]
    photos: list[int]
    arts: list[int]

    @classmethod
    def read(cls, folder: Path) -> "Pictures":
        """The pictures that `manifest.csv` lists, in its order. Every 20th is held out, from the first on, always.
        Those with "art" in their names are artworks."""
        with open(folder / "manifest.csv", newline="") as file:
            names = [row["file"] for row in csv.DictReader(file)]
        pixels = np.stack([np.asarray(Image.open(folder / name).convert("RGB")) for name in names])
        train, held = ([i for i in range(len(names)) if (i % 20 == 0) == out] for out in (False, True))
        photos, arts = ([i for i in train if ("art" in names[i]) == art] for art in (False, True))
        return cls(pixels, train, held, photos, arts)

    def sample(self, count: int, seed: int) -> UInt8[np.ndarray, "m h w 3"]:
        """Different pictures to train on, `count` or all that there are."""
        rows = np.random.default_rng(seed).choice(self.train, min(count, len(self.train)), replace=False)
        return self.pixels[rows]

    def digest(self) -> str:
        """The sha256 of all pixels."""
        return hashlib.sha256(self.pixels.data).hexdigest()

    def batch(self, crops: Crops, seed: tuple[int, ...]) -> Float[Tensor, "b 3 s s"]:
        """Crops, 0 to 1. Half of them are flipped, and some have their channels permuted or noise added."""
        rng = np.random.default_rng(seed)
        drawn = []
        for _ in range(crops.batch):
            rows = self.arts if rng.random() < crops.paintings else self.photos
            picture = self.pixels[rows[rng.integers(len(rows))]]
            times = 2 if crops.halved and rng.random() < crops.halved else 1
            side = times * crops.crop
            y, x = rng.integers(np.array(picture.shape[:2]) - side + 1)
            crop = picture[y : y + side, x : x + side]
            crop = crop.reshape(crops.crop, times, crops.crop, times, 3).mean((1, 3))
            crop = crop[:, ::-1] if rng.random() < 0.5 else crop
            crop = crop[..., rng.permutation(3)] if rng.random() < 0.1 else crop
            if rng.random() < crops.noisy:
                crop = (crop + rng.normal(0, rng.uniform(2, 25), crop.shape)).clip(0, 255)
            drawn.append(crop.astype(np.float32))
        return as_images(np.stack(drawn))


def as_images(pixels: UInt8[np.ndarray, "n h w 3"] | Float[np.ndarray, "n h w 3"]) -> Float[Tensor, "n 3 h w"]:
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255
