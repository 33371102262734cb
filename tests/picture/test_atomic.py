"""Files are whole or not there."""

import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from handmade import SMOOTH
from intarsia import picture
from intarsia.errors import OutputError
from intarsia.picture import atomic, claimed


def test_atomic_write_is_like_open_with_nothing_in_between(tmp_path):
    path = tmp_path / "state.json"
    picture.atomic_write(path, b"one")
    picture.atomic_write(path, b"two")
    assert path.read_bytes() == b"two"
    assert os.listdir(tmp_path) == ["state.json"]
    with open(tmp_path / "plain", "wb"):
        pass
    assert path.stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize("fault", [OSError(28, "No space left on device"), KeyboardInterrupt()], ids=["full", "Ctrl-C"])
@pytest.mark.parametrize("place", ["replace", "fsync"])
def test_a_failed_write_leaves_the_old_file_and_no_litter(fault, place, tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")

    def fail(*_):
        raise fault

    monkeypatch.setattr(os, place, fail)
    with pytest.raises(OutputError if isinstance(fault, OSError) else KeyboardInterrupt) as caught:
        picture.write(path, SMOOTH)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.png"]
    if isinstance(fault, OSError):
        assert str(caught.value).startswith(f"{path}: no room on the disk")


def test_a_disk_that_fills_up(tmp_path):
    (tmp_path / "a.png").write_bytes(b"old")
    program = """
        import resource, signal, sys, torch
        from pathlib import Path
        from intarsia import picture
        from intarsia.errors import OutputError
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        torch.set_num_threads(1)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))
        noise = torch.rand(3, 600, 50, generator=torch.Generator().manual_seed(0))
        for name in ("a.png", "b.png"):
            try:
                picture.atomic_write(Path(sys.argv[1]) / name, bytes(5000))
            except OutputError as fault:
                print(fault)
        resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))  # in the middle of the bands
        for name in ("a.png", "b.tif", "b.jpg", "b.bmp"):
            try:
                picture.write(Path(sys.argv[1]) / name, noise)
            except OutputError as fault:
                print(fault)
    """
    code = [sys.executable, "-c", textwrap.dedent(program), str(tmp_path)]
    told = subprocess.run(code, capture_output=True, text=True, check=True, timeout=60)
    assert told.stdout.count("no room on the disk. What was there is untouched") == 6, told.stdout + told.stderr
    assert os.listdir(tmp_path) == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"old"


def test_what_a_killed_process_left_is_swept_away_and_nothing_else(tmp_path):
    """A file that is being written stays."""
    (tmp_path / ".intarsia-0123456789ab.part").write_bytes(b"half")
    (tmp_path / ".intarsia-notes.txt").touch()
    seen = []

    def write(stream):
        stream.write(b"data")
        picture.sweep([tmp_path])
        seen.extend(os.listdir(tmp_path))

    picture.atomic_write(tmp_path / "a.png", write)
    assert len(seen) == 2
    assert ".intarsia-0123456789ab.part" not in seen
    assert sorted(os.listdir(tmp_path)) == [".intarsia-notes.txt", "a.png"]
    (tmp_path / ".intarsia-0123456789ab.part").write_bytes(b"half")
    picture.check_target(tmp_path / "b.png", [])
    assert sorted(os.listdir(tmp_path)) == [".intarsia-notes.txt", "a.png"]


def test_places_that_cannot_be_written(tmp_path):
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")  # and never /dev/null: were the check broken, root would replace the machine's own
    cases = {
        tmp_path / "missing" / "a.png": "does not exist",
        tmp_path / "file" / "a.png": "is a file, not a folder",
        tmp_path / "file" / "deep" / "a.png": "does not exist",
        Path("/proc/a.png"): "/proc",
        tmp_path / "pipe": "a device or a pipe",
        tmp_path: "folder",
    }
    for path, fact in cases.items():
        with pytest.raises(OutputError, match=fact) as caught:
            picture.atomic_write(path, b"data")
        assert str(caught.value).startswith(f"{path}: ")
    assert sorted(os.listdir(tmp_path)) == ["file", "pipe"]
    assert (tmp_path / "pipe").is_fifo()


@pytest.mark.skipif(os.geteuid() == 0, reason="permissions do not bind root")
def test_a_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written to"):
        picture.write(tmp_path / "a.png", SMOOTH)


def test_a_link_stays_and_its_file_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    real, link = tmp_path / "there" / "real.png", tmp_path / "link.png"
    real.write_bytes(b"old")
    link.symlink_to(real)
    picture.write(link, SMOOTH)
    assert link.is_symlink()
    assert picture.read(real).image.shape == SMOOTH.shape
    assert sorted(os.listdir(tmp_path / "there")) == ["real.png"]


def test_what_is_claimed_is_claimed_once_and_leaves_nothing(tmp_path):
    """By every name of it; another file is free, and so is this one afterwards."""
    target = tmp_path / "a.png"
    target.write_bytes(b"a")
    (tmp_path / "link.png").symlink_to(target)
    before = set(tmp_path.iterdir())
    with claimed(target), claimed(tmp_path / "b.png"):
        atomic.check_place(tmp_path / "c.png")  # sweeps the folder
        for name in ("a.png", "link.png"):
            with (
                pytest.raises(OutputError, match=f"another run is painting .*{name}. Wait for it"),
                claimed(tmp_path / name),
            ):
                pass
    with claimed(target):
        pass
    assert set(tmp_path.iterdir()) == before


def test_whoever_sweeps_takes_no_claim_away(tmp_path):
    """A lock that goes again, or a file that is removed meanwhile, is no claim of somebody else."""
    lock, swept = atomic._lock, []

    def swept_once(stream):
        if len(swept) < 2:
            swept.append(os.unlink(stream.name) if swept else None)
            if len(swept) == 1:
                raise BlockingIOError
        return lock(stream)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(atomic, "_lock", swept_once)
        with claimed(tmp_path / "a.png"):
            patch.undo()
            with pytest.raises(OutputError, match="another run"), claimed(tmp_path / "a.png"):
                pass
    assert len(swept) == 2


def test_where_there_are_no_locks_nobody_is_kept_out(tmp_path, monkeypatch):
    monkeypatch.setattr(atomic, "fcntl", None)
    with claimed(tmp_path / "a.png"), claimed(tmp_path / "a.png"):
        pass
    assert not list(tmp_path.iterdir())
