"""What lies on the disk is like what lies in memory, and leaves nothing behind."""

import errno
import gc
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from intarsia.large import copied, disk


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    """Any tensor counts as large here."""
    monkeypatch.setenv("INTARSIA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(disk, "LARGE", 1)
    return tmp_path / "cache"


def is_mapped(tensor):
    return tensor.untyped_storage().filename is not None


linux = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere tensors stay in memory")


@linux
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_it_holds_what_is_written_to_it_also_when_let_go(dtype, folder):
    values = torch.rand(3, 700, 11, generator=torch.Generator().manual_seed(0)).to(dtype)
    kept = disk.empty(values.shape, dtype)
    assert is_mapped(kept)
    assert kept.is_contiguous()
    kept[:, :300] = values[:, :300]
    disk.let_go(kept[1:, 5:7])  # of any part
    kept[:, 300:] = values[:, 300:]
    disk.let_go(kept)
    assert torch.equal(kept, values)
    assert torch.equal(copied(kept), values)


@linux
def test_its_file_has_no_name_and_goes_with_it(folder):
    before = len(os.listdir("/proc/self/fd"))
    kept = disk.empty((1000, 1000))
    assert os.listdir(folder) == []
    assert "scratch" in Path("/proc/self/maps").read_text()
    del kept
    gc.collect()
    assert "scratch" not in Path("/proc/self/maps").read_text()
    assert len(os.listdir("/proc/self/fd")) == before


def test_small_tensors_stay_in_memory(monkeypatch):
    monkeypatch.setattr(disk, "LARGE", 4000)
    assert not is_mapped(disk.empty((999,)))
    assert not disk.on_disk((999,))
    assert is_mapped(disk.empty((1000,))) == disk.on_disk((1000,)) == (sys.platform == "linux")


def test_letting_go_of_a_tensor_in_memory_changes_nothing():
    values = torch.rand(1000, 1000)
    before = values.clone()
    disk.let_go(values)
    assert torch.equal(values, before)


@linux
def test_without_room_it_is_in_memory(folder, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "no space")

    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        kept = disk.empty((100, 100))
    assert not is_mapped(kept)
    assert kept.shape == (100, 100)
    assert os.listdir(folder) == []


@linux
@pytest.mark.parametrize(("free", "there"), [(4001, False), (4002, True)])
def test_a_little_must_stay_free_beside_it(free, there, monkeypatch):
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda folder: SimpleNamespace(free=free))
    assert disk.on_disk((1000,)) == there
    assert disk.on_disk((500,), beside=2000) == there


@linux
def test_what_cannot_be_mapped_is_in_memory(folder, monkeypatch):
    def fail(*_, **more):
        raise RuntimeError("unable to mmap")

    with monkeypatch.context() as patch:
        patch.setattr(torch, "from_file", fail)
        kept = disk.empty((100, 100))
    assert not is_mapped(kept)
    assert os.listdir(folder) == []


@linux
def test_without_a_folder_it_is_in_memory(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("INTARSIA_CACHE", str(tmp_path / "file" / "cache"))
    assert not disk.on_disk((100,))
    assert not is_mapped(disk.empty((100,)))


@linux
def test_a_pass_over_a_large_picture_takes_hardly_any_memory(tmp_path):
    """Four hundred megabytes are written, copied and read in less than a hundred."""
    program = """
        import resource, torch
        from intarsia.large import bands, copied, disk, in_parts
        def peak():
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        torch.set_num_threads(1)
        torch.rand(3, 256, 4096).sum()
        before = peak()
        kept = in_parts(lambda box: torch.ones(()), (3, 8192, 4096))
        copy = copied(kept)
        total = 0.0
        for box in bands((8192, 4096)):
            total += float(box.of(copy).double().sum())
            disk.let_go(copy)
        assert total == 3 * 8192 * 4096
        print(peak() - before)
    """
    environment = os.environ | {"INTARSIA_CACHE": str(tmp_path)}
    code = [sys.executable, "-c", textwrap.dedent(program)]
    told = subprocess.run(code, capture_output=True, text=True, check=True, env=environment, timeout=120)
    assert float(told.stdout) < 100
