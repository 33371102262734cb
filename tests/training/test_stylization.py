"""What networks are trained for."""

import pytest
import torch

from intarsia import swatches
from intarsia.encoders import load
from intarsia.errors import UsageError
from intarsia.losses import total_variation
from intarsia.training.stylization import Objective, Weighed, lattice

TOY = load("toy", device="cpu")


@pytest.fixture
def style(random_image):
    return random_image(64, 64, 1)


def test_the_style_itself_has_its_own_statistics_and_the_content_its_own_shapes(style, random_image):
    objective = Objective.of(Weighed(), TOY, [style], [64])
    contents = random_image(64, 64, 2)[None]
    found = {name: objective([one], contents) for name, one in (("style", style[None]), ("content", contents))}
    assert float(found["style"]["style"]) < 1e-4 < 0.01 < float(found["content"]["style"])
    assert float(found["content"]["content"]) < 1e-6 < 0.01 < float(found["style"]["content"])
    assert float(found["style"]["outside"]) == 0


def test_terms_are_weighed_and_are_means_over_the_batch(style, random_image):
    weighed = Weighed(content=0.5, tv=2.0)
    objective = Objective.of(weighed, TOY, [style], [64])
    contents = torch.stack([random_image(64, 64, 2), random_image(64, 64, 3)])
    paintings = torch.stack([random_image(64, 64, 4), random_image(64, 64, 5)])
    both = objective([paintings], contents)
    each = [objective([paintings[i : i + 1]], contents[i : i + 1]) for i in range(2)]
    for name, term in both.items():
        torch.testing.assert_close(term, (each[0][name] + each[1][name]) / 2)
    torch.testing.assert_close(both["tv"], 2 * (total_variation(paintings[0]) + total_variation(paintings[1])) / 2)
    other = Objective.of(Weighed(content=0.25, tv=2.0), TOY, [style], [64])([paintings], contents)
    torch.testing.assert_close(other["content"], both["content"] / 2)


def test_each_level_has_its_style_its_size_and_its_weight(style, random_image):
    coarse, fine, contents = random_image(64, 64, 6), style, random_image(64, 64, 2)[None]
    small = torch.nn.functional.interpolate(contents, scale_factor=0.5)
    paintings = [coarse[None, :, :32, :32], fine[None]]
    both = Objective.of(Weighed(levels=(0.5, 2.0)), TOY, [coarse, fine], [32, 64])(paintings, contents)
    first = Objective.of(Weighed(), TOY, [coarse], [32])([paintings[0]], small)
    second = Objective.of(Weighed(), TOY, [fine], [64])([paintings[1]], contents)
    torch.testing.assert_close(both["style"], 0.5 * first["style"] + 2 * second["style"])


def test_other_layers_may_be_looked_at(style, random_image):
    contents, paintings = random_image(64, 64, 2)[None], [random_image(64, 64, 4)[None]]
    encoder = load("compact", device="cpu", precision="fp32")

    def terms(taps, content_tap="relu3_1"):
        weighed = Weighed(style_taps=taps, content_tap=content_tap)
        return Objective.of(weighed, encoder, [style], [64])(paintings, contents)

    first, second, both = terms(("relu1_1",)), terms(("relu2_1",)), terms(("relu1_1", "relu2_1"))
    torch.testing.assert_close(both["style"], first["style"] + second["style"])
    assert float(first["style"]) != pytest.approx(float(second["style"]))
    torch.testing.assert_close(first["content"], both["content"])
    shallow = terms(("relu1_1", "relu2_1"), "relu2_1")  # a layer that is both
    assert float(shallow["content"]) != pytest.approx(float(both["content"]))
    torch.testing.assert_close(shallow["style"], both["style"])
    with pytest.raises(UsageError, match="relu9_1"):
        terms(("relu1_1", "relu9_1"))
    with pytest.raises(UsageError, match="relu9_2"):
        terms(("relu1_1",), "relu9_2")


@pytest.mark.parametrize("loss", ["gram", "moments", "wasserstein"])
def test_a_descent_goes_towards_the_style(style, random_image, loss):
    objective = Objective.of(Weighed(loss=loss, content=0.01), TOY, [style], [64])
    contents = random_image(64, 64, 2)[None]
    painting = contents.clone().requires_grad_()
    adam, seen = torch.optim.Adam([painting], 0.02), []
    for _ in range(12):
        adam.zero_grad()
        terms = objective([painting], contents)
        seen.append(float(terms["style"]))
        torch.stack(list(terms.values())).sum().backward()
        adam.step()
    assert seen[-1] < 0.5 * seen[0]


@pytest.mark.parametrize("period", [2, 4, 8])
def test_the_grid_of_a_network_is_found_and_a_style_has_none(period):
    pictures = torch.stack([swatches.paint(name, (128, 192)) for name in sorted(swatches.SWATCHES)])
    grid = 0.06 * torch.where(torch.arange(192) % period < period / 2, 1.0, -1.0).expand(128, 192)
    for picture in pictures:
        own = float(lattice(picture[None]))
        assert own < 3e-4
        assert float(lattice((picture + grid)[None])) > own + 1e-3
        assert float(lattice((picture.mT + grid.T)[None])) > own + 1e-3


def test_a_grid_is_not_looked_for_in_less_than_a_patch(random_image):
    assert float(lattice(random_image(63, 200)[None])) == 0
