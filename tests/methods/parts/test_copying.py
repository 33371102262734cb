"""A painting made of its styles' patches: as crisp as they are, region by region, and only where one style rules."""

import torch

from intarsia import swatches
from intarsia.guide import Guide, Region
from intarsia.methods.doodle import Doodle
from intarsia.methods.parts.copying import made_of_patches
from intarsia.scene import View


def fine(picture):
    """Energy of the finest detail."""
    return float((picture[..., 1:] - picture[..., :-1]).square().mean())


def test_a_doodle_is_as_fine_as_its_style():
    """A dozen steps leave noise; patches of the style do not."""
    style = swatches.paint("impasto", (96, 96))
    drawn = torch.full((3, 64, 80), 0.5)
    rough, crisp = (
        list(Doodle(steps=12, copy_patches=on)(drawn, Guide.everywhere(style)))[-1].image for on in (False, True)
    )
    shown = torch.nn.functional.interpolate(style[None], (80, 80), mode="bicubic", antialias=True)[0]
    assert 0.4 < fine(crisp) / fine(shown) < 1.2
    assert fine(rough) > 2 * fine(shown)


def test_strength_mixtures_and_what_no_region_reaches_limit_it():
    style, image = swatches.paint("starry", (64, 64)), torch.full((3, 64, 64), 0.5)
    ramp = torch.linspace(0, 1, 64).expand(64, 64)
    mixed = Guide((Region(style, content_map=ramp), Region(swatches.paint("ink", (64, 64)), content_map=1 - ramp)))
    made = made_of_patches(image, View.of(image, mixed))
    changed = (made - image).abs().mean((0, 1))
    assert changed[31:33].max() < 0.05 * changed.max()
    assert min(changed[2], changed[-3]) > 0.05
    whole, half = (made_of_patches(image, View.of(image, Guide((Region(style, strength=s),)))) for s in (1.0, 0.5))
    assert torch.allclose(half - image, (whole - image) / 2, atol=1e-5)


def test_the_last_frame_alone_is_copied_and_its_state_gives_it_again():
    style, drawn = swatches.paint("mosaic", (48, 48)), torch.full((3, 40, 40), 0.5)
    method, plain = (Doodle(steps=6, copy_patches=on) for on in (True, False))
    frames, before = (list(one(drawn, Guide.everywhere(style))) for one in (method, plain))
    for ours, theirs in zip(frames[:-1], before[:-1], strict=True):
        assert torch.equal(ours.image, theirs.image)
        assert ours.done < theirs.done
    assert not torch.equal(frames[-1].image, before[-1].image)
    assert frames[-1].done == 1
    assert 0 <= float(frames[-1].image.min()) <= float(frames[-1].image.max()) <= 1
    (again,) = method(drawn, Guide.everywhere(style), state=frames[-1].state())
    assert torch.equal(again.image, frames[-1].image)
    *_, resumed = method(drawn, Guide.everywhere(style), state=frames[3].state())
    assert torch.equal(resumed.image, frames[-1].image)
