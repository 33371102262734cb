"""Loss and gradient by tiles are those of the whole picture, whatever the objective asks."""

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from intarsia.encoders import Encoder, load
from intarsia.encoders.vgg import VGG
from intarsia.errors import MemoryLimitError, Notice
from intarsia.guide import Guide, Region
from intarsia.large import tiles_of
from intarsia.large.forecast import LARGEST, ROOM, Forecast, Plan, room_for
from intarsia.methods.gatys import Gatys
from intarsia.methods.parts.goal import Goal
from intarsia.scene import View


@pytest.fixture(scope="module")
def encoders():
    torch.manual_seed(0)
    small = VGG((6, 6, 8, 8, 10, 10, 10, 10, 12, 12, 12, 12, 14)).frozen()
    for name, one in small.named_parameters():  # so that the deep layers see more than one color
        one.mul_(0 if name.endswith("bias") else 6**0.5)
    return {
        "compact": load("compact", device="cpu", precision="fp32"),
        "random": Encoder("random", small),
        "toy": load("toy", device="cpu"),
    }


def terms_and_gradient(goal, image):
    pixels = image.clone().requires_grad_()
    terms = goal(pixels)
    loss = torch.stack(list(terms.values())).sum()
    if loss.requires_grad:
        loss.backward()
    return {name: float(term.detach()) for name, term in terms.items()}, pixels.grad


def check(method, encoder, content, guide, image, side):
    goals = [Goal.build(method, encoder, View.of(content, guide.merged()), side=one) for one in (None, side)]
    assert len(goals[0].tiles) == 1 < len(goals[1].tiles)
    (terms, gradient), (tiled, by_tiles) = (terms_and_gradient(goal, image) for goal in goals)
    assert terms.keys() == tiled.keys()
    for name, term in terms.items():
        assert tiled[name] == pytest.approx(term, rel=1e-3, abs=1e-7)
    assert float((by_tiles - gradient).norm()) < 1e-3 * float(gradient.norm())
    assert float((by_tiles - gradient).abs().max()) < 1e-3 * float(gradient.abs().max())


def ramp(h, w):
    return torch.linspace(-0.1, 1.1, w).clamp(0, 1).expand(h, w)


def spot(h, w):
    out = torch.zeros(h, w)
    out[h // 8 : h // 3, w // 2 : w // 2 + w // 4] = 1
    return out


@pytest.fixture
def guides(random_image):
    one, other, third = random_image(90, 120, 2), random_image(130, 70, 3), random_image(64, 64, 4)
    upper = torch.zeros(90, 120)
    upper[:40] = 1

    def make(name, h, w):
        soft = ramp(h, w)
        return {
            "everywhere": Guide.everywhere(one),
            "soft": Guide((Region(one, soft), Region(other, 1 - soft))),
            "masked": Guide((Region(one, spot(h, w), upper, strength=0.5, content_weight=3),)),
            "three": Guide(
                (
                    Region(one, soft * 0.7, strength=0.8),
                    Region(other, (1 - soft) * 0.7, content_weight=0.1, style_scale=1.3),
                    Region(third, 0.3 * spot(h, w), style_scale=0.7),
                )
            ),
        }[name]

    return make


@pytest.mark.parametrize("guide", ["everywhere", "soft", "masked", "three"])
@pytest.mark.parametrize("size", [(128, 160), (117, 149)], ids=["divides", "does not"])
def test_gradient_of_the_whole(encoders, guides, random_image, guide, size):
    content, image = random_image(*size, 5), random_image(*size, 6) * 1.2 - 0.1  # also outside 0..1
    check(Gatys(tv=0.001), encoders["random"], content, guides(guide, *size), image, 48)


@pytest.mark.parametrize("loss", ["gram", "moments", "wasserstein"])
@pytest.mark.parametrize("blends", [True, False], ids=["blends", "no blends"])
def test_gradient_of_every_loss(encoders, guides, random_image, loss, blends):
    content, image = random_image(100, 130, 5), random_image(100, 130, 6)
    check(Gatys(loss=loss, blends=blends, tv=0.001), encoders["random"], content, guides("three", 100, 130), image, 64)


@pytest.mark.parametrize(
    "settings",
    [
        {"style_taps": ("relu3_1",), "content_tap": "relu2_1"},
        {"style_taps": ("relu1_1", "relu4_1"), "tap_weights": (0.3, 2.0), "content_tap": "relu1_1"},
        {"style_taps": ("relu1_1",), "content_tap": "relu1_1", "content_weight": 0},
        {"paper": "gatys2016"},
        {"paper": "partial", "tv": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize("encoder", ["random", "toy"])
def test_gradient_of_any_taps_and_weights(encoders, guides, random_image, settings, encoder):
    content, image = random_image(70, 90, 5), random_image(70, 90, 6)
    check(Gatys(**{"tv": 0, "loss": "gram"} | settings), encoders[encoder], content, guides("soft", 70, 90), image, 32)


def test_gradient_with_the_embedded_encoder(encoders, guides, random_image):
    content, image = random_image(210, 170, 5), random_image(210, 170, 6)
    check(Gatys(tv=0.001), encoders["compact"], content, guides("soft", 210, 170), image, 96)


def test_a_narrower_halo_would_not_do(encoders, guides, random_image):
    content, image = random_image(128, 160, 5), random_image(128, 160, 6)
    goal = Goal.build(Gatys(tv=0), encoders["random"], View.of(content, guides("everywhere", 128, 160)), side=48)
    less = dataclasses.replace(goal, tiles=tiles_of((128, 160), 48, 16, 16))
    (_, gradient), (_, wrong) = (terms_and_gradient(one, image) for one in (goal, less))
    assert float((wrong - gradient).norm()) > 1e-3 * float(gradient.norm())


@given(st.integers(1, 200), st.integers(1, 200), st.sampled_from([1, 16, 50, 1000]))
def test_tiles_count_every_position_once(h, w, side):
    padded = torch.zeros(-(-h // 16) * 16, -(-w // 16) * 16)
    tiles = tiles_of((h, w), side, 16, 32)
    for tile in tiles:
        tile.box.of(padded).add_(1)
        assert min(tile.inner) >= 0
        assert tile.inner.of(tile.outer.of(padded)).shape == tile.box.of(padded).shape
    assert bool((padded == 1).all())
    assert len(tiles) == 1 or side < max(h, w)


# ---- whole runs ------------------------------------------------------------------------------------------------------

WHOLE = Plan(None, "lbfgs", 10)


def run(method, encoder, content, guide, **options):
    *_, last = method(content, guide, encoder=encoder, **options)
    return last


@pytest.fixture
def two_regions(random_image):
    """A content, and a guide that does not reach all of it."""
    upper = torch.zeros(40, 60)
    upper[:30] = 1
    regions = Region(random_image(40, 40, 2), ramp(40, 60) * upper), Region(random_image(50, 40, 3), 1 - ramp(40, 60))
    return random_image(40, 60, 1), Guide(regions)


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
@pytest.mark.filterwarnings("ignore::intarsia.errors.Notice")
def test_a_run_in_tiles_paints_the_same_picture(encoders, two_regions, optimizer):
    whole = Gatys(steps=8, coarsest=30, optimizer=optimizer, rate=0.02 if optimizer == "adam" else None)
    tiled = dataclasses.replace(whole, tile=16)
    one, other = (run(method, encoders["random"], *two_regions).image for method in (whole, tiled))
    torch.testing.assert_close(other, one, atol=5e-3, rtol=0)


@pytest.mark.parametrize("stop", [3, 6, 9, 10])
@pytest.mark.filterwarnings("ignore::intarsia.errors.Notice")
def test_a_run_in_tiles_goes_on_exactly(encoders, two_regions, stop, monkeypatch):
    """Also where there is less memory by then."""
    method = Gatys(steps=10, coarsest=30, tile=16, init="noise")
    frames = method(*two_regions, encoder=encoders["toy"])
    state = next(frame for frame in frames if frame.step == stop).state()
    whole = run(method, encoders["toy"], *two_regions)
    monkeypatch.setattr("intarsia.large.forecast.free_memory", lambda device: 10.0)
    assert torch.equal(run(method, encoders["toy"], *two_regions, state=state).image, whole.image)


def test_tiles_are_for_large_pictures_and_told_once(encoders, random_image, monkeypatch):
    monkeypatch.setattr("intarsia.large.forecast.LARGEST", 2_000_000)
    monkeypatch.setattr("intarsia.large.forecast.ROOM", 2_000_000)
    with pytest.warns(Notice, match=r"300 x 200 is painted in tiles of 256 pixels.*by Adam") as told:
        run(Gatys(steps=2), encoders["toy"], random_image(200, 300, 1), Guide.everywhere(random_image(50, 60, 2)))
    assert len(told) == 1


class TestPlan:
    """4096 x 3072 with the embedded encoder in bf16 takes 690 bytes a pixel in the network."""

    LARGE = Forecast((3072, 4096), 690, 80)

    def test_a_picture_that_fits_is_a_whole(self):
        assert Forecast((1536, 2048), 690, 80).plan(WHOLE, LARGEST) == WHOLE

    def test_a_large_one_takes_tiles_and_what_it_can_remember(self):
        plan = self.LARGE.plan(WHOLE, ROOM)
        assert plan.side is not None
        assert 700 < plan.side < 1000
        assert (plan.optimizer, plan.history) == ("lbfgs", 2)
        assert self.LARGE.memory(plan) <= ROOM < self.LARGE.memory(plan._replace(history=3))

    def test_a_larger_one_takes_adam(self):
        plan = Forecast((4096, 4096), 690, 80).plan(WHOLE, ROOM)
        assert plan.optimizer == "adam"

    def test_tiles_that_are_asked_for(self):
        assert self.LARGE.plan(WHOLE, ROOM, 400).side == 400
        assert Forecast((100, 150), 690, 80).plan(WHOLE, ROOM, 100) == Plan(100, "lbfgs", 10)
        assert Forecast((100, 150), 690, 80).plan(WHOLE, ROOM, 150) == WHOLE

    def test_room_is_the_same_wherever_there_is_enough(self, monkeypatch):
        small, cpu = Forecast((1024, 1024), 690, 80), torch.device("cpu")
        for free, of_small, of_large in ((None, LARGEST, ROOM), (9 * ROOM, LARGEST, ROOM), (2e9, 2e9, 2e9)):
            monkeypatch.setattr("intarsia.large.forecast.free_memory", lambda device, free=free: free)
            assert (room_for(small, WHOLE, cpu), room_for(self.LARGE, WHOLE, cpu)) == (of_small, of_large)

    def test_what_does_not_fit_even_in_tiles_is_refused(self, encoders, two_regions, monkeypatch):
        monkeypatch.setattr("intarsia.large.memory.free_memory", lambda device: 1000)
        with pytest.warns(Notice), pytest.raises(MemoryLimitError, match="60 x 40 needs about"):
            run(Gatys(steps=2, tile=16), encoders["toy"], *two_regions)


def test_patches_are_not_for_tiles():
    with pytest.raises(ValueError, match="leave tile at 0"):
        Gatys(loss="patches", tile=512)
