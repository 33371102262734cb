import os
from pathlib import Path

import pytest
import torch
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # a machine that is busy is no fault
settings.load_profile("untimed")

SHARED = Path(__file__).parents[2] / "shared"


@pytest.fixture(scope="session", autouse=True)
def _threads():
    """Tests run beside each other; two of them with two threads each on two cores are slower than one after another.
    INTARSIA_TEST_THREADS asks for more, since sums of several threads round in another order."""
    torch.set_num_threads(int(os.environ.get("INTARSIA_TEST_THREADS", "1")))


@pytest.fixture(scope="session")
def cases() -> Path:
    """Real pictures with masks and published results, which stand beside the project and are not part of it."""
    folder = SHARED / "cases"
    if not folder.is_dir():
        pytest.skip("needs the test pictures in ../shared/cases, which are not shipped")
    return folder


@pytest.fixture
def random_image():
    """Smooth random pictures: `random_image(h, w, seed)`, RGB in 0..1."""

    def make(h: int, w: int, seed: int = 0) -> torch.Tensor:
        generator = torch.Generator().manual_seed(seed)
        coarse = torch.rand(1, 3, max(2, h // 8), max(2, w // 8), generator=generator)
        smooth = torch.nn.functional.interpolate(coarse, (h, w), mode="bicubic", align_corners=False)[0]
        return (0.8 * smooth + 0.2 * torch.rand(3, h, w, generator=generator)).clamp(0, 1)

    return make


@pytest.fixture
def folder(tmp_path, monkeypatch, random_image):
    """The current folder, with content.png (64 x 48), style.png and other.png (40 x 40)."""
    from intarsia import picture  # not before the type checks are set up

    monkeypatch.chdir(tmp_path)
    picture.write("content.png", random_image(48, 64, 1))
    picture.write("style.png", random_image(40, 40, 2))
    picture.write("other.png", random_image(40, 40, 3))
    return tmp_path


@pytest.fixture
def cutout(folder):
    """In the folder cut.png, a green box of 12 x 8 within a transparent picture of 40 x 30, not in its middle; flat.png
    is the same on white."""
    from intarsia import picture

    alpha = torch.zeros(30, 40)
    alpha[4:12, 20:32] = 1
    green = torch.tensor([0.1, 0.8, 0.2])[:, None, None].expand(3, 30, 40)
    picture.write("cut.png", green, alpha=alpha)
    picture.write("flat.png", green * alpha + (1 - alpha))
    return folder


@pytest.fixture(scope="session")
def random_vgg():
    """Every layer keeps the size of what it is given, so that what is far away is heard as well."""
    from intarsia.encoders import Encoder
    from intarsia.encoders.vgg import VGG

    torch.manual_seed(0)
    network = VGG((4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 8))
    for parameter in network.parameters():
        torch.nn.init.kaiming_normal_(parameter) if parameter.ndim > 1 else torch.nn.init.zeros_(parameter)
    return Encoder("random", network.frozen())
