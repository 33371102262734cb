"""An object on a painting: laws of `harmonize` beside those that every method keeps (test_promises.py)."""

import itertools

import pytest
import torch
from pydantic import ValidationError

from intarsia.encoders import load
from intarsia.guide import Guide, Region
from intarsia.measure import strokes
from intarsia.methods import Harmonize, method_of
from intarsia.methods.harmonize import CALM
from intarsia.methods.parts.crop import Crop
from intarsia.moments import moments
from intarsia.scene import Scene
from intarsia.sizes import pool_to_grid, size_of
from intarsia.swatches import paint

TOY = load("toy", device="cpu")
QUICK = {"steps": 20, "coarsest": 32, "encoder": "toy"}


def method(**settings):
    return method_of("harmonize", QUICK | settings)


def round_mask(h, w, radius=0.25):
    y, x = torch.meshgrid(torch.linspace(-1, 1, h), torch.linspace(-1, 1, w), indexing="ij")
    return ((x * w / min(h, w)) ** 2 + (y * h / min(h, w)) ** 2 < (2 * radius) ** 2).float()


@pytest.fixture
def scene(random_image):
    """A painting of stripes, a smooth disk on it, and where the disk is."""
    h, w = 96, 128
    stripes = (torch.arange(w) // 4 % 2).float() * 0.5 + 0.2
    painting = torch.stack([stripes.expand(h, w), stripes.flip(0).expand(h, w) * 0.6, torch.full((h, w), 0.3)])
    painting = (painting + 0.1 * random_image(h, w, 5)).clamp(0, 1)
    mask = round_mask(h, w)
    return painting, torch.where(mask > 0, torch.tensor([0.7, 0.6, 0.6])[:, None, None], painting), mask


def guide_of(painting, mask, **settings):
    return Guide((Region(painting, mask, style_map=1 - mask, **settings),))


def last(frames):
    *_, frame = frames
    return frame


def test_the_object_comes_nearer_to_the_painting_and_the_rest_stays_to_the_bit(scene):
    painting, pasted, mask = scene
    encoder = load("compact", device="cpu")
    image = last(Harmonize(steps=30, coarsest=96)(pasted, guide_of(painting, mask), encoder=encoder)).image
    assert torch.equal(image[:, mask == 0], painting[:, mask == 0])
    before, after = (distance(encoder, one, painting, mask) for one in (pasted, image))
    assert after < before / 3


def distance(encoder, image, painting, mask):
    ours, theirs = (encoder(one, ["relu2_1"])["relu2_1"] for one in (image, painting))
    part = pool_to_grid(mask[None], size_of(ours), encoder.strides["relu2_1"])
    ours, theirs = moments(ours.float(), part).gram(), moments(theirs.float(), 1 - part).gram()
    return float((ours - theirs).square().sum() / theirs.square().sum())


def test_a_small_object_on_a_large_painting_is_worked_on_alone(random_image):
    painting = random_image(400, 600, 1)
    mask = torch.zeros(400, 600)
    mask[200:220, 300:330] = 1
    crop = Crop.of(Scene.of(painting, guide_of(painting, mask)), 16)
    assert crop.box == (184, 284, 236, 346)
    assert crop.fullness < 0.25


@pytest.mark.parametrize("paper", ["none", "partial"])
def test_resuming_is_exact(scene, paper):
    painting, pasted, mask = scene
    how = method(paper=paper, steps=12)
    frames = list(how(pasted, guide_of(painting, mask), encoder=TOY))
    assert [frame.step for frame in frames] == list(range(1, 13))
    assert all(a.done < b.done for a, b in itertools.pairwise(frames))
    for at in (2, 8, 11):
        stopped = next(itertools.islice(how(pasted, guide_of(painting, mask), encoder=TOY), at, None))
        state = {key: value.clone() for key, value in stopped.state().items()}
        rest = list(how(pasted, guide_of(painting, mask), encoder=TOY, state=state))
        assert torch.equal(rest[-1].image, frames[-1].image)


def test_frames_show_the_whole_painting_at_its_size(scene):
    painting, pasted, mask = scene
    for frame in method()(pasted, guide_of(painting, mask), encoder=TOY):
        assert frame.image.shape == painting.shape
        assert torch.equal(frame.image[:, mask == 0], pasted[:, mask == 0])


def test_two_objects_take_from_their_own_paintings(scene, random_image):
    _, pasted, _ = scene
    left, right = torch.zeros(96, 128), torch.zeros(96, 128)
    left[20:70, 10:50], right[20:70, 80:120] = 1, 1
    red, blue = torch.zeros(3, 96, 128), torch.zeros(3, 96, 128)
    red[0], blue[2] = 0.6 + 0.3 * random_image(96, 128, 7)[0], 0.6 + 0.3 * random_image(96, 128, 8)[0]
    guide = Guide((Region(red, left), Region(blue, right)))
    image = last(method(steps=40, content_weight=0.0)(pasted, guide, encoder=TOY)).image
    reds = image[0, 30:60, 20:40].mean() - image[2, 30:60, 20:40].mean()
    blues = image[2, 30:60, 90:110].mean() - image[0, 30:60, 90:110].mean()
    assert reds > 0.3
    assert blues > 0.3


def test_less_brushwork_changes_less(scene):
    painting, pasted, mask = scene
    gaps = []
    for much in (0.0, 0.5, 1.0):
        image = last(method(brushwork=much)(pasted, guide_of(painting, mask), encoder=TOY)).image
        gaps.append(float((image - pasted).abs().mean()))
    assert gaps[0] < gaps[1] < gaps[2]


def test_strokes_are_seen_in_calm_parts_too():
    smooth = torch.linspace(0, 1, 512).expand(3, 384, 512)
    assert strokes(smooth) < 0.002
    assert strokes(paint("impasto", (384, 512), 1)) > CALM / 2


def test_quick_takes_no_paper():
    with pytest.raises(ValidationError, match="give one of quick and paper"):
        Harmonize(quick=True, paper="partial")


def test_quick_needs_no_steps(scene):
    painting, pasted, mask = scene
    frames = list(Harmonize(quick=True)(pasted, guide_of(painting, mask), encoder=load("compact", device="cpu")))
    assert len(frames) <= 5
    assert torch.equal(frames[-1].image[:, mask == 0], pasted[:, mask == 0])
    assert not torch.equal(frames[-1].image, pasted)


def test_the_histogram_term_brings_histograms_nearer(scene):
    painting, pasted, mask = scene
    how = method(histogram=1.0, content_weight=0.0, coarsest=128)
    first, *_, final = how(pasted, guide_of(painting, mask), encoder=TOY)
    assert final.losses["histogram"] < first.losses["histogram"] / 2


@pytest.mark.parametrize(("case", "most"), [("12", 0.5), ("27", 0.8)])
def test_published_cases_at_half_size(case, most, cases):
    """Nearer to the painting than the naive paste, a small object less so, in few steps."""
    from intarsia import picture

    folder = cases / "harmonize" / case
    read = lambda name: picture.resize(picture.read(folder / name).image, (276, 350))  # noqa: E731
    painting, pasted, mask = read("target.jpg"), read("naive.jpg"), (read("mask.jpg")[0] > 0.5).float()
    encoder = load("compact", device="cpu")
    image = last(Harmonize(steps=30)(pasted, guide_of(painting, mask), encoder=encoder)).image
    assert torch.equal(image[:, mask == 0], pasted[:, mask == 0])
    assert distance(encoder, image, painting, mask) < most * distance(encoder, pasted, painting, mask)
