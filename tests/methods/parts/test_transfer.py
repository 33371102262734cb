"""What `wct` and `adain` share: tiles do not show, large pictures go from coarse to fine, going on is exact."""

import dataclasses
import warnings

import pytest
import torch

from intarsia.color import RULES
from intarsia.encoders import load
from intarsia.errors import MemoryLimitError, Notice
from intarsia.guide import Guide, Region
from intarsia.large import copied, disk
from intarsia.methods.parts.transfer import plan_of
from intarsia.methods.wct import WCT
from intarsia.sizes import enlarged, resize

TOY = load("toy", device="cpu")
FULL = WCT(levels=(3, 2, 1), alpha=1)


@pytest.fixture(scope="module")
def compact():
    return load("compact", device="cpu", precision="fp32")


@pytest.fixture
def pictures(random_image):
    """Of little contrast, so that nothing leaves 0..1 on the way."""
    return 0.4 + 0.2 * random_image(40, 48, 1), 0.35 + 0.2 * random_image(48, 40, 2)


def painted(method, content, guide, **more):
    *_, last = method(content, guide, encoder=more.pop("encoder", TOY), **more)
    return last.image


def test_tiles_give_what_the_whole_gives(compact, random_image):
    content, style = random_image(150, 215, 3), random_image(96, 96, 4)
    soft = torch.linspace(1, 0, 215).expand(150, 215)
    guide = Guide((Region(style, soft), Region(style.flip(0), 1 - soft)))
    whole = painted(WCT(levels=(4, 2, 1)), content, guide, encoder=compact)
    with pytest.warns(Notice, match="tiles"):
        cut = painted(WCT(levels=(4, 2, 1), tile=64), content, guide, encoder=compact)
    wrong = (whole - cut).abs()
    assert float(wrong.mean()) < 1 / 255
    assert float(wrong.max()) < 8 / 255


def test_going_on_keeps_the_tiles_whatever_memory_there_is_now(compact, random_image, monkeypatch):
    content, guide, method = random_image(280, 300, 3), Guide.everywhere(random_image(96, 96, 4)), WCT(levels=(4, 3))
    *_, whole = method(content, guide, encoder=compact)
    state = next(iter(method(content, guide, encoder=compact))).state()
    monkeypatch.setattr("intarsia.large.forecast.BUDGET", 1)
    with pytest.warns(Notice, match="tiles"):
        *_, cut = method(content, guide, encoder=compact)
    assert not torch.equal(cut.image, whole.image)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # there are no tiles to tell of
        assert torch.equal(painted(method, content, guide, encoder=compact, state=state), whole.image)


@pytest.mark.parametrize("size", [(40, 48), (24, 30), (80, 100)])
def test_a_start_of_any_size_is_taken(pictures, random_image, size):
    content, style = pictures
    start = random_image(*size, 7)
    once = painted(FULL, content, Guide.everywhere(style), start=start)
    assert once.shape == content.shape
    again = painted(FULL, content, Guide.everywhere(style), start=resize(start, (40, 48)))
    assert torch.equal(once, again)
    assert not torch.allclose(once, painted(FULL, content, Guide.everywhere(style)), atol=0.01)


def test_large_pictures_go_from_coarse_to_fine():
    steps = [(5, 0.6), (4, 0.6), (3, 0.5), (1, 0.4)]
    for size in ((512, 512), (2048, 1000), (100, 2048)):
        assert plan_of(size, steps, 1024) == [(size, *step) for step in steps]
    small, middle, full = (512, 1024), (1448, 2896), (4096, 8192)
    plan = [(small, *step) for step in steps] + [(size, *step) for size in (middle, full) for step in steps[2:]]
    assert plan_of(full, steps, 1024) == plan
    assert plan_of((4096, 40960), steps, 1024)[0].size == (512, 5120)  # a panorama begins as a piece of it does
    assert plan_of(full, steps, 0) == [(full, *step) for step in steps]
    assert plan_of((3072, 3072), [(4, 1.0)], 1024) == [((1024, 1024), 4, 1.0), ((3072, 3072), 4, 1.0)]  # nothing finer


COARSE = WCT(levels=(3, 2, 1), alpha=0.7, coarsest=24)


def test_a_picture_goes_on_from_the_change_at_the_size_before(random_image):
    """Where a smaller one is changed, so is the larger one, and its details stay as far as it is not painted over."""
    content, style = 0.3 + 0.2 * random_image(80, 96, 1), (0.8 + 0.1 * random_image(40, 40, 2)).clamp(0, 1)
    frames = list(COARSE(content, Guide.everywhere(style), encoder=TOY))
    assert [tuple(frame.image.shape[1:]) for frame in frames] == [(20, 24)] * 3 + [(80, 96)] * 3
    assert [frame.step for frame in frames] == [1, 2, 3, 4, 5, 6]
    assert frames[2].done == pytest.approx(1 / 17)
    assert frames[-1].done == 1
    still = dataclasses.replace(COARSE, alphas=(0.7, 0.7, 0.0), levels=(5, 4, 3))
    encoder = load("toy", device="cpu")
    *_, last = still(content, Guide.everywhere(style), encoder=encoder)
    small = list(still(content, Guide.everywhere(style), encoder=encoder))[2].image
    before, rows = resize(content, (20, 24)), slice(0, 80)
    details = content - enlarged(before, (80, 96), rows)
    expected = content + enlarged(small - before, (80, 96), rows) - (0.7 + 0.7) / 3 * details
    torch.testing.assert_close(last.image, expected.clamp(0, 1), atol=1e-4, rtol=0)
    assert float((last.image - content).abs().mean()) > 0.1


@pytest.mark.parametrize("color", ["none", "match"])
def test_going_on_from_any_size_is_exact(random_image, color):
    content, style = random_image(80, 96, 1), random_image(40, 40, 2)
    guide = Guide((Region(style, torch.linspace(1, -0.5, 96).clamp(0, 1).expand(80, 96), color=color),))
    frames = list(COARSE(content, guide, encoder=TOY))
    for frame in frames:
        again = painted(COARSE, content, guide, state=frame.state())
        assert torch.equal(again, frames[-1].image)
    assert torch.equal(frames[-1].image[:, :, 64:], content[:, :, 64:])


def test_nothing_changes_at_any_size_where_alpha_is_0(random_image):
    content, guide = random_image(80, 96, 1), Guide.everywhere(random_image(40, 40, 2))
    image = painted(dataclasses.replace(COARSE, alpha=0), content, guide)
    torch.testing.assert_close(image, content, atol=1e-5, rtol=0)


def test_tiles_tell_how_far_they_are(compact, random_image):
    """The frame before comes again, and going on from it is exact."""
    content, style = random_image(150, 215, 3), random_image(96, 96, 4)
    method, guide = WCT(levels=(3, 1), tile=64), Guide.everywhere(style)
    with pytest.warns(Notice, match="tiles"):
        frames = list(method(content, guide, encoder=compact))
    done = [frame.done for frame in frames]
    assert done == sorted(set(done))
    assert len(done) > 20
    assert frames[0].done > 0
    assert done[-1] == 1
    assert [frame.step for frame in frames] == sorted(frame.step for frame in frames)
    assert torch.equal(frames[0].image, content)
    middle = [frame for frame in frames if frame.step == 1]
    assert middle[0].done == 0.5
    assert all(frame.image is middle[0].image for frame in middle)
    with pytest.warns(Notice, match="tiles"):
        again = list(method(content, guide, encoder=compact, state=middle[3].state()))
    assert [frame.done for frame in again] == [part for part in done if part > 0.5]
    assert torch.equal(again[-1].image, frames[-1].image)


@pytest.mark.parametrize("partial", [True, False])
@pytest.mark.parametrize("color", RULES)
def test_on_the_disk_it_is_the_same_picture(compact, random_image, monkeypatch, color, partial):
    """Any picture counts as large here. Colors, a soft edge of the guide and the finish go through it too."""
    content, style = random_image(150, 215, 3), random_image(96, 96, 4)
    edge = torch.linspace(1, -0.5, 215).clamp(0, 1).expand(150, 215) if partial else None
    guide = Guide((Region(style, edge, color=color),))
    method = WCT(levels=(3, 1), tile=64, finish="guided-filter")
    with pytest.warns(Notice, match="tiles; it takes about 0.. GiB of memory."):
        in_memory = list(method(content, guide, encoder=compact))
    monkeypatch.setattr(disk, "LARGE", 1)
    with pytest.warns(Notice, match="GiB of memory and 0.0 GiB of the disk"):
        on_disk = list(method(copied(content), guide, encoder=compact))
    for one, other in zip(in_memory, on_disk, strict=True):
        assert one.done == other.done
        assert other.image.untyped_storage().filename is not None
        assert torch.equal(one.image, other.image)
        assert torch.equal(one.state()["image"], other.state()["image"])


def test_going_on_from_a_frame_is_exact(pictures):
    content, style = pictures
    frames = list(FULL(content, Guide.everywhere(style), encoder=TOY))
    assert [frame.step for frame in frames] == [1, 2, 3]
    for frame in frames:
        torch.testing.assert_close(
            painted(FULL, content, Guide.everywhere(style), state=frame.state()), frames[-1].image, atol=0, rtol=0
        )


def test_what_not_even_tiles_make_fit_is_refused_with_the_size_that_would(compact, random_image, monkeypatch):
    """Before anything is painted; where there is a little more, there are tiles."""
    content, guide = random_image(280, 300, 3), Guide.everywhere(random_image(96, 96, 4))
    for place in ("memory", "forecast"):
        monkeypatch.setattr(f"intarsia.large.{place}.free_memory", lambda device: 4e6)
    with pytest.raises(MemoryLimitError, match=r"300 x 280 needs about .* GiB of memory.*`size` \d+"):
        next(iter(WCT(levels=(1,))(content, guide, encoder=compact)))
    for place in ("memory", "forecast"):
        monkeypatch.setattr(f"intarsia.large.{place}.free_memory", lambda device: 8e7)
    with pytest.warns(Notice, match="300 x 280 is painted in 4 tiles"):
        assert painted(WCT(levels=(1,)), content, guide, encoder=compact).shape == content.shape
