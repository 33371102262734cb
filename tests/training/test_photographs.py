"""Photographs of any folder: what is no picture is left out and named, and the same seed draws the same crops."""

import numpy as np
import pytest
import torch
from PIL import Image

from intarsia.errors import Notice, PictureError, UsageError
from intarsia.training.photographs import Photographs
from intarsia.training.pictures import Crops

CROPS = Crops(4, 32, 0.0, 0.0)


@pytest.fixture
def folder(tmp_path):
    """Six pictures, two of them in a folder of their own."""
    rng = np.random.default_rng(0)
    (tmp_path / "more").mkdir()
    for i, name in enumerate(["a.png", "b.jpg", "c.png", "d.JPG", "more/e.png", "more/f.webp"]):
        pixels = rng.integers(0, 255, (6, 9, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((60 + i, 40 + i)).save(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    Image.new("RGB", (90, 90)).save(tmp_path / "net.samples.png")  # of a training into this folder
    return tmp_path


def test_the_same_seed_draws_the_same_crops_whatever_was_drawn_before(folder):
    one, other = Photographs.read(folder, 32), Photographs.read(folder, 32)
    assert len(one.pictures) == 6
    seen = [one.batch(CROPS, (0, step)) for step in range(3)]
    assert torch.equal(other.batch(CROPS, (0, 2)), seen[2])
    assert torch.equal(other.batch(CROPS, (0, 1)), seen[1])
    assert not torch.equal(seen[0], seen[1])
    assert not torch.equal(one.batch(CROPS, (1, 0)), seen[0])
    assert seen[0].shape == (4, 3, 32, 32)
    assert 0 <= float(seen[0].min()) <= float(seen[0].max()) <= 1


def test_processes_that_train_together_share_out_each_batch(folder):
    whole = Photographs.read(folder, 32).batch(CROPS, (0, 5))
    parts = [Photographs.read(folder, 32, rank, 2).batch(CROPS, (0, 5)) for rank in range(2)]
    assert torch.equal(torch.stack(parts, 1).flatten(0, 1), whole)


def test_broken_files_are_left_out_counted_and_named(folder):
    (folder / "empty.png").write_bytes(b"")
    (folder / "page.jpg").write_text("<html>")
    with pytest.warns(Notice, match=r"2 files are left out.*empty\.png, page\.jpg"):
        photographs = Photographs.read(folder, 32)
    assert len(photographs.pictures) == 6


def test_a_picture_that_is_cut_off_behind_its_header_is_passed_over_and_told(folder):
    data = (folder / "a.png").read_bytes()
    for path in list(folder.rglob("*.*")):
        if path.name != "b.jpg":
            path.unlink()
    (folder / "a.png").write_bytes(data[: len(data) // 2])
    photographs = Photographs.read(folder, 32)
    crops = photographs.batch(Crops(16, 32, 0.0, 0.0), (0, 0))
    assert bool(crops.isfinite().all())
    with pytest.warns(Notice, match=r"1 files are left out.*a\.png"):
        photographs.tell_broken()
    (folder / "b.jpg").write_bytes((folder / "b.jpg").read_bytes()[:400])
    with pytest.raises(PictureError, match="in a row cannot be read"):
        Photographs.read(folder, 32).batch(CROPS, (0, 0))


def test_small_pictures_are_enlarged_and_counted(folder):
    with pytest.warns(Notice, match=r"6 of 6 pictures are smaller than a crop \(64 pixels\)"):
        photographs = Photographs.read(folder, 64)
    assert photographs.batch(Crops(2, 64, 0.0, 0.0), (0, 0)).shape == (2, 3, 64, 64)


def test_a_folder_without_pictures_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("no picture")
    with pytest.raises(UsageError, match="no picture in"):
        Photographs.read(tmp_path, 32)
    with pytest.raises(UsageError, match="there is no folder"):
        Photographs.read(tmp_path / "no", 32)


def test_the_demo_needs_no_folder():
    photographs = Photographs.demo()
    assert photographs.batch(CROPS, (0, 0)).shape == (4, 3, 32, 32)
    assert photographs.digest() == Photographs.demo().digest()
