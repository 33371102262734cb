"""Swatches are paintings: repeatable, rich at several scales, and neither flat nor noise."""

import numpy as np
import pytest
import torch

from intarsia import swatches
from intarsia.errors import UsageError

NAMES = sorted(swatches.SWATCHES)
SIDE = 96


@pytest.fixture(scope="module")
def painted():
    return {name: swatches.paint(name, (SIDE, SIDE)) for name in NAMES}


@pytest.fixture(scope="module")
def others():
    return {name: swatches.paint(name, (SIDE, SIDE), seed=3) for name in NAMES}


def masses(picture):
    """What is left when the picture is blurred to 12 x 12."""
    return torch.nn.functional.adaptive_avg_pool2d(picture, 12)


def test_there_are_at_least_eight():
    assert len(NAMES) >= 8


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [(32, 32), (36, 71), (66, 8)])
def test_any_size_gives_a_picture_of_that_size(name, size):
    picture = swatches.paint(name, size)
    assert picture.shape == (3, *size)
    assert picture.dtype == torch.float32
    assert picture.is_contiguous()
    assert torch.isfinite(picture).all()
    assert picture.min() >= 0
    assert picture.max() <= 1


@pytest.mark.parametrize("name", NAMES)
def test_same_seed_same_bytes(name, painted):
    np.random.seed(5)
    torch.manual_seed(5)
    again = swatches.paint(name, (SIDE, SIDE))
    assert again.numpy().tobytes() == painted[name].numpy().tobytes()


@pytest.mark.parametrize("name", NAMES)
def test_another_seed_is_another_painting(name, painted, others):
    """Not only other grain: the masses differ too."""
    assert (others[name] - painted[name]).abs().mean() > 0.05
    assert (masses(others[name]) - masses(painted[name])).abs().mean() > 0.025


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_at_another_size_is_the_same_painting(name, painted, others):
    """Its masses are nearer to the small one's than another seed's are."""
    small = masses(painted[name])
    large = masses(swatches.paint(name, (2 * SIDE, 2 * SIDE)))
    assert (large - small).abs().mean() < 0.6 * (masses(others[name]) - small).abs().mean()


@pytest.mark.parametrize("name", NAMES)
def test_there_is_something_at_every_scale(name, painted):
    """Fine grain, strokes and masses: each band of a Laplacian pyramid carries energy."""
    rest, energies = painted[name].mean(0, keepdim=True)[None], []
    for _ in range(4):
        coarse = torch.nn.functional.avg_pool2d(rest, 2)
        back = torch.nn.functional.interpolate(coarse, size=rest.shape[-2:], mode="bilinear")
        energies.append((rest - back).std().item())
        rest = coarse
    energies.append(rest.std().item())
    assert min(energies[:3]) > 0.012, energies
    assert energies[-1] > 0.02, energies


@pytest.mark.parametrize("name", NAMES)
def test_it_is_not_noise(name, painted):
    """Neighbors resemble each other: white noise has correlation 0, paintings well above."""
    gray = painted[name].mean(0)
    left, right = gray[:, :-1].flatten(), gray[:, 1:].flatten()
    assert torch.corrcoef(torch.stack([left, right]))[0, 1] > 0.35


@pytest.mark.parametrize("name", NAMES)
def test_tones_are_many(name, painted):
    """The entropy of the gray levels, in bits (64 bins): a flat picture has 0, a two-tone print at most 1."""
    shares = torch.histc(painted[name].mean(0), 64, 0, 1) / SIDE**2
    assert -(shares[shares > 0] * shares[shares > 0].log2()).sum() > 3.5


@pytest.mark.parametrize("name", [n for n in NAMES if n != "ink"])
def test_it_is_colorful(name, painted):
    """Hasler and Süsstrunk's colorfulness (2003), on 0..255: above 15 is "slightly colorful"."""
    r, g, b = painted[name] * 255
    rg, yb = r - g, (r + g) / 2 - b
    spread, mean = torch.hypot(rg.std(), yb.std()), torch.hypot(rg.mean(), yb.mean())
    assert spread + 0.3 * mean > 15


def test_an_unknown_name_says_what_was_meant():
    with pytest.raises(UsageError, match="no swatch 'stary': did you mean 'starry'"):
        swatches.paint("stary")
    with pytest.raises(UsageError, match="did you mean 'mosaic'"):
        swatches.parse("swatch:mosiac")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("swatch:starry", ("starry", 0)),
        ("swatch:starry:7", ("starry", 7)),
        ("swatch:glass:0012", ("glass", 12)),
        ("photo.jpg", None),
        ("starry", None),
        ("my-swatch:starry", None),
        ("", None),
    ],
)
def test_references_are_read(text, meant):
    assert swatches.parse(text) == meant


@pytest.mark.parametrize(
    "text", ["swatch:", "swatch:starry:", "swatch:starry:x", "swatch:starry:-1", "swatch:starry:1:2"]
)
def test_broken_references_are_refused(text):
    with pytest.raises(UsageError, match="swatch:NAME"):
        swatches.parse(text)


def test_bad_sizes_and_seeds_are_refused():
    with pytest.raises(UsageError, match="under 8 pixels"):
        swatches.paint("ink", (0, 20))
    with pytest.raises(UsageError, match="seed"):
        swatches.paint("ink", (32, 32), seed=-1)


def test_the_sheet_shows_every_swatch_in_order():
    size, columns = 32, 5
    page = swatches.sheet(size, seed=1)
    gap, label = max(4, size // 24), max(14, size // 9)
    for i, name in enumerate(swatches.SWATCHES):
        top, left = gap + (i // columns) * (size + label + gap), gap + (i % columns) * (size + gap)
        shown = page[:, top : top + size, left : left + size]
        assert (shown - swatches.paint(name, (size, size), seed=1)).abs().max() < 1 / 250
        assert page[:, top + size : top + size + label, left : left + size].min() < 0.7  # its name, beneath
