"""Files of trained networks: what was written comes back, and nothing else is taken for one."""

import json

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from handmade import untrained
from intarsia.errors import UsageError, WeightsError
from intarsia.models import SHIPPED, is_model, read_model, shown
from intarsia.nets import Singular, painted


@pytest.fixture
def path(tmp_path, random_image):
    return untrained(tmp_path / "sea.safetensors", random_image(40, 60))


def test_what_was_written_comes_back(path, random_image):
    model = read_model(path)
    torch.testing.assert_close(model.style, random_image(40, 60), atol=0.5 / 255 + 1e-6, rtol=0)
    assert (model.name, model.settings) == ("singular", {"width": 2, "blocks": 1})
    assert not any(one.requires_grad for one in model.network.parameters())
    torch.manual_seed(0)
    wanted, found = Singular(width=2, blocks=1).state_dict(), model.network.state_dict()
    torch.testing.assert_close(found["layers.0.conv.weight"], wanted["layers.0.conv.weight"], atol=1e-3, rtol=1e-3)
    assert float(painted(model.network, random_image(64, 64)).std()) > 0


def test_a_large_style_is_kept_small(random_image):
    assert shown(random_image(500, 1000)).shape == (3, 192, 384)
    assert torch.equal(shown(random_image(50, 60)), random_image(50, 60))


@pytest.mark.parametrize(
    ("name", "there"), [("a.safetensors", True), ("trained:glass", True), ("a.png", False), ("swatch:glass", False)]
)
def test_a_network_is_told_by_its_name(name, there):
    assert is_model(name) == there


def changed(path, tensors=None, **told):
    """The file with other metadata, and without the tensors or with those that `tensors` names."""
    with safe_open(path, "pt") as file:
        metadata = file.metadata() | told
    save_file({k: v for k, v in (load_file(path) | (tensors or {})).items() if v is not None}, path, metadata)
    return path


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"format": "9"}, r"another version \(format 9"),
        ({"network": "quadruple"}, "network quadruple"),
        ({"settings": json.dumps({"width": 3, "blocks": 1})}, r"has shape .* expected"),
        ({"settings": json.dumps({"height": 3})}, "make no network"),
        ({"settings": "{"}, "make no network"),
        ({"settings": "[1]"}, "make no network"),
        ({"settings": json.dumps({"width": 10**6, "blocks": 1})}, "make no network.*1000000 is no whole number"),
        ({"settings": json.dumps({"width": 2, "blocks": 10**9})}, "make no network"),
        ({"settings": json.dumps({"width": 256, "blocks": 256})}, r"has shape .* expected"),
        ({"settings": json.dumps({"width": 2, "blocks": True})}, "make no network"),
        ({"tensors": {"out.conv.bias": None}}, r"out\.conv\.bias is missing"),
        ({"tensors": {"out.conv.bias": torch.full((3,), torch.nan)}}, "not finite"),
        ({"tensors": {"style": torch.zeros(3, 4, 4)}}, "picture of its style"),
        ({"tensors": {"style": None}}, "picture of its style"),
        ({"tensors": {"style": torch.zeros(2, 4, 4, dtype=torch.uint8)}}, "picture of its style"),
    ],
)
def test_other_files_are_refused(path, change, told):
    with pytest.raises(WeightsError, match=told):
        read_model(changed(path, **change))


def test_broken_missing_and_foreign_files_are_refused(path, tmp_path):
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="cannot be read as a trained network"):
        read_model(path)
    with pytest.raises(WeightsError, match="cannot be read as a trained network"):
        read_model(tmp_path / "no.safetensors")
    torch.save({"a": torch.ones(1)}, tmp_path / "pickle.safetensors")
    with pytest.raises(WeightsError, match="cannot be read as a trained network"):
        read_model(tmp_path / "pickle.safetensors")
    save_file({"a": torch.ones(1)}, tmp_path / "weights.safetensors")
    with pytest.raises(WeightsError, match="intarsia train did not write it"):
        read_model(tmp_path / "weights.safetensors")


def test_an_unknown_name_is_told():
    with pytest.raises(UsageError, match="no trained network 'cheese'"):
        read_model("trained:cheese")


@pytest.mark.parametrize("name", SHIPPED)
def test_what_comes_with_the_package_is_small_and_paints(name, random_image):
    model = read_model(f"trained:{name}")
    assert "intarsia train" in model.told["command"]
    assert float(painted(model.network, random_image(64, 64)).std()) > 0.05
