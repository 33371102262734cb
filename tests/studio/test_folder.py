"""Files of the studio: whole or not there, and gone when nobody names them."""

import os
import time

import pytest

from intarsia.errors import Notice, OutputError
from intarsia.picture import read_map
from intarsia.studio.folder import Folder


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path / "studio").made()


def test_a_map_has_one_name_and_reads_back(folder):
    levels = bytes(range(12))
    key = folder.store_map(4, 3, levels)
    assert folder.store_map(4, 3, levels) == key
    assert folder.store_map(3, 4, levels) != key
    with pytest.warns(Notice, match="nowhere white"):
        read = read_map(folder.map(key))
    assert (read * 255).round().byte().flatten().tolist() == list(levels)


def test_what_breaks_off_leaves_nothing(folder):
    def broken(path):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        folder.store(folder.map("a" * 64), broken)
    assert not [path for path in folder.root.rglob("*") if path.is_file()]


def test_what_is_named_stays_and_the_rest_goes_when_it_is_old(folder):
    kept, old, fresh = (folder.store_map(2, 2, bytes([value] * 4)) for value in (1, 2, 3))
    long_ago = time.time() - 1000
    for key in (kept, old):
        os.utime(folder.map(key), (long_ago, long_ago))
    for name in ("job1", "job2"):
        folder.job(name).mkdir()
        (folder.job(name) / "painted.png").write_bytes(b"x")
        os.utime(folder.job(name), (long_ago, long_ago))
    folder.forget([], [kept], ["job1"], age=500)
    assert folder.map(kept).exists()
    assert not folder.map(old).exists()
    assert folder.map(fresh).exists()
    assert folder.job("job1").exists()
    assert not folder.job("job2").exists()


def test_what_a_killed_server_left_half_written_is_swept(folder):
    (folder.root / "new" / "half").write_bytes(b"x")
    folder.made()
    assert not list((folder.root / "new").iterdir())


def test_a_place_that_is_a_file_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot keep its files here"):
        Folder(tmp_path / "file").made()
