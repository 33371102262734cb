"""Pictures are read in the manifest's order, some are held out always, and a batch is drawn by its generator alone."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from intarsia.training.pictures import Crops, as_images, draw, kinds, read_pictures, split

SOME = Crops(batch=6, crop=16, noisy=0.0, paintings=0.5)


@pytest.fixture
def pixels():
    """Six photographs below 128, four artworks above."""
    rng = np.random.default_rng(0)
    low, high = rng.integers(0, 100, (6, 24, 24, 3)), rng.integers(150, 255, (4, 24, 24, 3))
    return np.concatenate([low, high]).astype(np.uint8)


def test_every_twentieth_picture_is_held_out():
    train, held = split([f"{i}" for i in range(45)])
    assert held == [0, 20, 40]
    assert len(train) == 42
    assert not set(train) & set(held)


def test_artworks_are_told_by_their_names():
    assert kinds(["photo_1.jpg", "art_2.jpg", "photo_3.jpg", "art_4.jpg"], [0, 1, 3]) == ([0], [1, 3])


def test_pictures_come_in_the_order_of_the_manifest(tmp_path, pixels):
    names = [f"{i}.png" for i in (2, 0, 1)]
    for i, name in enumerate(names):
        Image.fromarray(pixels[i]).save(tmp_path / name)
    with open(tmp_path / "manifest.csv", "w", newline="") as file:
        csv.writer(file).writerows([["file", "source"], *([name, "-"] for name in names)])
    read, found = read_pictures(tmp_path)
    assert read == names
    np.testing.assert_array_equal(found, pixels[:3])


def test_a_batch_depends_on_its_generator_alone(pixels):
    one, two, other = (draw(pixels, [*range(6)], [*range(6, 10)], SOME, np.random.default_rng(i)) for i in (1, 1, 2))
    assert one.shape == (6, 3, 16, 16)
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("paintings", [0.0, 1.0])
def test_the_part_of_paintings_is_kept(pixels, paintings):
    images = draw(pixels, [*range(6)], [*range(6, 10)], replace(SOME, paintings=paintings), np.random.default_rng(0))
    assert bool(((images > 0.5) == bool(paintings)).all())


def test_noise_is_added_where_asked_and_stays_in_range(pixels):
    flat = np.full_like(pixels, 250)
    clean, noisy = (
        draw(flat, [*range(6)], [*range(6)], replace(SOME, noisy=part), np.random.default_rng(0)) for part in (0.0, 1.0)
    )
    assert bool((clean == 250 / 255).all())
    assert float(noisy.std()) > 0.003
    assert 0 <= float(noisy.min()) <= float(noisy.max()) <= 1


def test_pixels_become_0_to_1(pixels):
    images = as_images(pixels)
    assert images.shape == (10, 3, 24, 24)
    assert float(images[7, 1, 2, 3]) == pytest.approx(pixels[7, 2, 3, 1] / 255)
