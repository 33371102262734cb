"""Tensors: read by content, never run, and refused with every fault named."""

import pickle
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from intarsia.errors import WeightsError
from intarsia.weights import check_tensors, read_tensors
from servers import BODY

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.zeros(2, dtype=torch.float16)}


def save_zip(state, path):
    torch.save(state, path)


def save_legacy(state, path):
    torch.save(state, path, _use_new_zipfile_serialization=False)


def save_pickle(state, path):
    path.write_bytes(pickle.dumps(state))


@pytest.mark.parametrize("save", [save_file, save_zip, save_legacy])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".bin"])
def test_files_are_read_by_content(tmp_path, save, suffix):
    path = tmp_path / f"state{suffix}"
    save(STATE, path)
    found = read_tensors(path)
    assert found.keys() == STATE.keys()
    assert all(torch.equal(found[name], STATE[name]) and found[name].dtype == STATE[name].dtype for name in STATE)


class Evil:
    def __init__(self, marker: Path):
        self.marker = marker

    def __reduce__(self):
        return (Path.touch, (self.marker,))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors", ".pt"])
@pytest.mark.parametrize("save", [save_pickle, save_zip, save_legacy])
def test_a_program_in_disguise_is_not_run(tmp_path, monkeypatch, suffix, save):
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")  # not even then
    path, marker = tmp_path / f"evil{suffix}", tmp_path / "marker"
    save({"a.weight": torch.ones(2), "b": Evil(marker)}, path)
    with pytest.raises(WeightsError):
        read_tensors(path)
    assert not marker.exists()
    if save is save_zip:  # the trap is a real one
        with path.open("rb") as file:
            torch.load(file, weights_only=False)
        assert marker.exists()


@pytest.mark.parametrize("save", [save_file, save_zip, save_legacy])
@pytest.mark.parametrize("keep", [0, 4, 12, 60, 0.5, 0.9])
def test_cut_off_files(tmp_path, save, keep):
    path = tmp_path / "state"
    save({"a": torch.arange(4000.0)}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: keep if keep > 1 or not keep else int(len(whole) * keep)])
    with pytest.raises(WeightsError, match=str(path)):
        read_tensors(path)


@pytest.mark.parametrize("content", [b"<html>log in</html>", bytes(100), b"PK\x03\x04" + bytes(60), BODY[:5000]])
def test_garbage(tmp_path, content):
    (tmp_path / "state.pth").write_bytes(content)
    with pytest.raises(WeightsError, match=r"state\.pth"):
        read_tensors(tmp_path / "state.pth")


def test_missing_files_and_folders(tmp_path):
    for path in (tmp_path / "missing.pth", tmp_path):
        with pytest.raises(WeightsError, match="cannot be read"):
            read_tensors(path)


@pytest.mark.parametrize(
    "content",
    [
        torch.ones(2),
        [torch.ones(2)],
        {"state_dict": {"a": torch.ones(2)}},
        {"a": 1.0},
        {3: torch.ones(2)},
        {"a": torch.ones(2).to_sparse()},
        {"a": torch.ones(2, device="meta")},
    ],
    ids=["tensor", "list", "nested", "number", "key", "sparse", "meta"],
)
def test_only_a_flat_dict_of_dense_tensors(tmp_path, content):
    torch.save(content, tmp_path / "state.pth")
    with pytest.raises(WeightsError, match="flat dict"):
        read_tensors(tmp_path / "state.pth")


def test_a_tensor_larger_than_its_file_is_refused(tmp_path):
    torch.save({"a": torch.zeros(1).expand(10**12)}, tmp_path / "state.pth")
    with pytest.raises(WeightsError, match="claims more bytes"):
        read_tensors(tmp_path / "state.pth")


SHAPES = {"a.weight": (2, 3), "a.bias": (2,)}


def test_checked_tensors_are_fp32_copies_of_just_these_names():
    checked = check_tensors({**STATE, "extra": torch.ones(1)}, SHAPES, "state")
    assert list(checked) == list(SHAPES)
    assert all(tensor.dtype == torch.float32 for tensor in checked.values())
    checked["a.weight"].zero_()
    assert STATE["a.weight"].sum() == 15


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"a.bias": None}, "a.bias is missing"),
        ({"a.weight": torch.ones(3, 2)}, r"a.weight has shape \(3, 2\), expected \(2, 3\)"),
        ({"a.bias": torch.ones(2, dtype=torch.int64)}, "a.bias is int64"),
        ({"a.bias": torch.ones(2, dtype=torch.complex64)}, "a.bias is complex64"),
        ({"a.bias": torch.tensor([0, torch.nan])}, "a.bias has values that are not finite"),
        ({"a.bias": torch.tensor([0, torch.inf])}, "a.bias has values that are not finite"),
        ({"a.bias": torch.tensor([0, 1e300], dtype=torch.float64)}, "a.bias has values that are not finite"),
    ],
)
def test_faults_are_named(change, fault):
    tensors = {name: tensor for name, tensor in {**STATE, **change}.items() if tensor is not None}
    with pytest.raises(WeightsError, match=f"the state: {fault}"):
        check_tensors(tensors, SHAPES, "the state")


def test_all_faults_are_named_up_to_five():
    with pytest.raises(WeightsError, match=r"n4 is missing; and 2 more"):
        check_tensors({}, {f"n{i}": (1,) for i in range(7)}, "the state")
