"""The pictures that networks are trained on: which are held out, and how a batch of crops is drawn."""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, UInt8
from PIL import Image
from torch import Tensor


@dataclass(frozen=True)
class Crops:
    """What `draw` is asked for. crop: side in pixels; noisy: part of the crops that get Gaussian noise; paintings: part
    of them that is from artworks."""

    batch: int
    crop: int
    noisy: float
    paintings: float


def read_pictures(folder: Path) -> tuple[list[str], UInt8[np.ndarray, "n h w 3"]]:
    """Names and pixels of the pictures that `manifest.csv` lists, all of one size."""
    with open(folder / "manifest.csv", newline="") as file:
        names = [row["file"] for row in csv.DictReader(file)]
    return names, np.stack([np.asarray(Image.open(folder / name).convert("RGB")) for name in names])


def split(names: list[str]) -> tuple[list[int], list[int]]:
    """Rows to train on, and rows held out: every 20th, always."""
    return [i for i in range(len(names)) if i % 20], [i for i in range(len(names)) if i % 20 == 0]


def kinds(names: list[str], rows: list[int]) -> tuple[list[int], list[int]]:
    """The rows that are photographs, and those that are artworks, which have "art" in their names."""
    photos, arts = ([i for i in rows if ("art" in names[i]) == art] for art in (False, True))
    return photos, arts


def as_images(pixels: UInt8[np.ndarray, "n h w 3"] | Float[np.ndarray, "n h w 3"]) -> Float[Tensor, "n 3 h w"]:
    return torch.from_numpy(np.ascontiguousarray(pixels)).permute(0, 3, 1, 2).float() / 255


def draw(
    pixels: UInt8[np.ndarray, "n h w 3"],
    photos: list[int],
    arts: list[int],
    settings: Crops,
    rng: np.random.Generator,
) -> Float[Tensor, "b 3 s s"]:
    """One batch of crops, flipped, with channels permuted or noise added now and then."""
    crops = []
    for _ in range(settings.batch):
        rows = arts if rng.random() < settings.paintings else photos
        picture = pixels[rows[rng.integers(len(rows))]]
        y, x = rng.integers(np.array(picture.shape[:2]) - settings.crop + 1)
        crop = picture[y : y + settings.crop, x : x + settings.crop]
        crop = crop[:, ::-1] if rng.random() < 0.5 else crop
        crop = crop[..., rng.permutation(3)] if rng.random() < 0.1 else crop
        if rng.random() < settings.noisy:
            noise = rng.normal(0, rng.uniform(2, 25), crop.shape)
            crop = (crop + noise).clip(0, 255)
        crops.append(crop.astype(np.float32))
    return as_images(np.stack(crops))
