"""Animations have all their pictures, in their order, and are whole or not there."""

import pytest
import torch
from PIL import Image

from intarsia import picture
from intarsia.errors import OutputError, UsageError


@pytest.mark.parametrize("suffix", ["webp", "gif"])
def test_all_pictures_are_there_in_their_order(tmp_path, suffix):
    target = tmp_path / f"a.{suffix}"
    grays = (0.1, 0.5, 0.9)
    picture.write_animation(target, [torch.full((3, 20, 30), gray) for gray in grays], [50, 60, 70])
    with Image.open(target) as file:
        assert (file.n_frames, file.size, file.info["loop"]) == (3, (30, 20), 0)
        for i, gray in enumerate(grays):
            file.seek(i)
            assert file.convert("RGB").getpixel((5, 5))[0] == pytest.approx(255 * gray, abs=3)


def test_other_suffixes_and_lost_folders_are_told(tmp_path):
    with pytest.raises(UsageError, match="an animation is written as webp or gif"):
        picture.check_animation(tmp_path / "a.png", [])
    with pytest.raises(OutputError):
        picture.check_animation(tmp_path / "nowhere" / "a.gif", [])
    (tmp_path / "a.gif").write_bytes(b"a picture")
    with pytest.raises(UsageError, match="also the input"):
        picture.check_animation(tmp_path / "a.gif", [str(tmp_path / "a.gif")])
