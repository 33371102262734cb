"""Pictures are read in the manifest's order, some are held out always, and a batch is drawn by its seed alone."""

import csv
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from intarsia.training.pictures import Crops, Pictures, as_images

SOME = Crops(batch=6, crop=16, noisy=0.0, paintings=0.5)


@pytest.fixture
def pixels():
    """Six photographs below 128, four artworks above."""
    rng = np.random.default_rng(0)
    low, high = rng.integers(0, 100, (6, 24, 24, 3)), rng.integers(150, 255, (4, 24, 24, 3))
    return np.concatenate([low, high]).astype(np.uint8)


def pictures_of(pixels):
    return Pictures(pixels, [*range(10)], [], [*range(6)], [*range(6, 10)])


def test_every_twentieth_picture_is_held_out(tmp_path, make_pictures):
    pictures = Pictures.read(make_pictures(tmp_path, 45))
    assert pictures.held == [0, 20, 40]
    assert len(pictures.train) == 42
    assert not set(pictures.train) & set(pictures.held)


def test_artworks_are_told_by_their_names(tmp_path, make_pictures):
    pictures = Pictures.read(make_pictures(tmp_path, 10))
    assert (pictures.photos, pictures.arts) == ([3, 6, 9], [1, 2, 4, 5, 7, 8])


def test_pictures_come_in_the_order_of_the_manifest(tmp_path, pixels):
    for i, name in enumerate(names := [f"{i}.png" for i in (2, 0, 1)]):
        Image.fromarray(pixels[i]).save(tmp_path / name)
    with open(tmp_path / "manifest.csv", "w", newline="") as file:
        csv.writer(file).writerows([["file", "source"], *([name, "-"] for name in names)])
    np.testing.assert_array_equal(Pictures.read(tmp_path).pixels, pixels[:3])


def test_a_sample_has_different_pictures_of_those_to_train_on(pixels):
    pictures = replace(pictures_of(pixels), train=[1, 3, 5])
    assert len(np.unique(pictures.sample(2, 0), axis=0)) == 2
    whole = {pixels[i].tobytes() for i in (1, 3, 5)}
    assert {picture.tobytes() for picture in pictures.sample(9, 0)} == whole


def test_a_batch_depends_on_its_seed_alone(pixels):
    one, two, other = (pictures_of(pixels).batch(SOME, (3, seed)) for seed in (1, 1, 2))
    assert one.shape == (6, 3, 16, 16)
    assert torch.equal(one, two)
    assert not torch.equal(one, other)


@pytest.mark.parametrize("paintings", [0.0, 1.0])
def test_the_part_of_paintings_is_kept(pixels, paintings):
    images = pictures_of(pixels).batch(replace(SOME, paintings=paintings), (0,))
    assert bool(((images > 0.5) == bool(paintings)).all())


def test_noise_is_added_where_asked_and_stays_in_range(pixels):
    flat = pictures_of(np.full_like(pixels, 250))
    clean, noisy = (flat.batch(replace(SOME, noisy=part), (0,)) for part in (0.0, 1.0))
    assert bool((clean == 250 / 255).all())
    assert float(noisy.std()) > 0.003
    assert 0 <= float(noisy.min()) <= float(noisy.max()) <= 1


def test_pixels_become_0_to_1(pixels):
    images = as_images(pixels)
    assert images.shape == (10, 3, 24, 24)
    assert float(images[7, 1, 2, 3]) == pytest.approx(pixels[7, 2, 3, 1] / 255)
