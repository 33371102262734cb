"""Descent goes down, goes on exactly, and does not die of a bad number."""

import pytest
import torch

from intarsia.encoders import Encoder
from intarsia.encoders.vgg import VGG
from intarsia.engine import descend, style_moments
from intarsia.errors import DivergedError
from intarsia.guide import Guide, Region
from intarsia.moments import moments
from intarsia.sizes import fit, pool_to_grid, resize, size_of

TARGET = torch.rand(3, 6, 5, generator=torch.Generator().manual_seed(0))
START = torch.full((3, 6, 5), 0.5)


def bowl(image):
    stretch = torch.linspace(1, 30, image.numel()).reshape(image.shape)
    return {"near": (stretch * (image - TARGET).square()).mean(), "quartic": (image - TARGET).pow(4).mean()}


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_reaches_the_minimum(optimizer):
    *_, last = descend(bowl, START, 200, optimizer=optimizer)
    torch.testing.assert_close(last.image, TARGET, atol=0.02, rtol=0)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_yields_once_a_step_with_every_term(optimizer):
    seen = [(set(step.losses), sum(step.losses.values())) for step in descend(bowl, START, 7, optimizer=optimizer)]
    assert len(seen) == 7
    assert all(names == {"near", "quartic"} for names, _ in seen)
    assert seen[-1][1] < seen[0][1]


def test_one_step_is_one_evaluation():
    calls = []

    def counted(image):
        calls.append(1)
        return bowl(image)

    list(descend(counted, START, 9))
    assert len(calls) == 9


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_an_objective_may_bring_its_own_gradient(optimizer):
    def own(image):
        terms = bowl(image)
        torch.stack(list(terms.values())).sum().backward()
        return {name: term.detach() for name, term in terms.items()}

    *_, wanted = descend(bowl, START, 9, optimizer=optimizer)
    *_, last = descend(own, START, 9, optimizer=optimizer)
    assert torch.equal(last.image, wanted.image)
    assert last.losses == wanted.losses


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.parametrize("stop", [1, 2, 5, 14])
def test_goes_on_exactly(optimizer, stop):
    *_, whole = descend(bowl, START, 15, optimizer=optimizer, history=4)
    for number, step in enumerate(descend(bowl, START, 15, optimizer=optimizer, history=4), 1):
        if number == stop:
            state = step.state()
            break
    *_, resumed = descend(bowl, START, 15, optimizer=optimizer, history=4, state=state)
    assert torch.equal(resumed.image, whole.image)


def test_a_state_does_not_change_as_the_run_goes_on():
    steps = descend(bowl, START, 5)
    first = next(steps).state()
    kept = {name: value.clone() for name, value in first.items()}
    list(steps)
    assert all(torch.equal(first[name], kept[name]) for name in kept)


def test_one_bad_number_is_survived_by_halving_the_rate():
    bad = iter([False] * 4 + [True] + [False] * 100)
    rates = []

    def shaky(image):
        terms = bowl(image)
        return {name: value * float("nan") for name, value in terms.items()} if next(bad) else terms

    for step in descend(shaky, START, 20, optimizer="adam", rate=0.1):
        rates.append(float(step.state()["rate"]))
        assert bool(step.image.isfinite().all())
    assert len(rates) == 20
    assert (rates[0], rates[-1]) == (0.1, 0.05)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_the_second_bad_number_stops_with_the_last_good_picture(optimizer):
    count = iter(range(1000))

    def broken_from_the_sixth(image):
        terms = bowl(image)
        return {name: value / (1 if next(count) < 10 else 0) for name, value in terms.items()}

    with pytest.raises(DivergedError, match=r"finite numbers at step 6 of 20 at 5 x 6, twice. Try") as caught:
        list(descend(broken_from_the_sixth, START, 20, optimizer=optimizer))
    assert bool(caught.value.image.isfinite().all())
    assert not torch.equal(caught.value.image, START)


def test_overflowing_pixels_are_bad_numbers_too():
    with pytest.raises(DivergedError):
        list(descend(lambda image: {"away": -image.sum() * 1e38}, START, 50, optimizer="lbfgs", rate=1e38))


class TestStyles:
    TAPS = ("relu1_1", "relu3_1")

    @pytest.fixture
    def encoder(self):
        torch.manual_seed(0)
        return Encoder("random", VGG((4, 4, 5, 5, 6), bases=("relu3_1",)).frozen())

    @pytest.fixture
    def guide(self, random_image):
        one, other = random_image(50, 70, 1), random_image(60, 40, 2)
        left = (torch.arange(70) < 30).float().expand(50, 70)
        regions = Region(one, style_map=left), Region(other, style_scale=0.7), Region(one, style_scale=0.7)
        return Guide((*regions, Region(one, style_map=1 - left)))

    @pytest.mark.parametrize("side", [None, 32])
    def test_are_those_of_each_region_alone_also_in_tiles(self, encoder, guide, side):
        found = style_moments(encoder, guide, 90, self.TAPS, side)
        for r, region in enumerate(guide.regions):
            size = fit(*size_of(region.style), round(90 * region.style_scale))
            part = torch.ones(1, 1) if region.style_map is None else region.style_map
            for tap, features in encoder(resize(region.style, size), self.TAPS).items():
                maps = pool_to_grid(resize(part[None], size), size_of(features), encoder.strides[tap])
                wanted = moments(features, maps)
                torch.testing.assert_close(found[tap].gram()[r], wanted.gram()[0], rtol=1e-3, atol=1e-5)
                torch.testing.assert_close(found[tap].mean()[r], wanted.mean()[0], rtol=1e-3, atol=1e-5)
                assert float(found[tap].mass[r]) == pytest.approx(float(wanted.mass[0]), rel=1e-4)

    def test_a_map_that_the_resizing_loses_is_all_of_its_style(self, encoder, random_image):
        style, dot = random_image(50, 70, 1), torch.zeros(500, 700)
        dot[100, 100] = 1e-45
        lost, whole = (
            style_moments(encoder, Guide((Region(style, style_map=one),)), 32, self.TAPS) for one in (dot, None)
        )
        assert torch.equal(lost["relu1_1"].second, whole["relu1_1"].second)
