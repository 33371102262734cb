"""The embedded encoder is the file that was trained, and its taps are isometric."""

import pytest
import torch
from safetensors.torch import save_file

from intarsia.encoders import load
from intarsia.encoders.compact import TAPS, load_compact
from intarsia.errors import WeightsError
from intarsia.training.distil import Distil, export, new_student

SMALL = Distil(widths=(4, 4, 5, 5, 6, 6, 6, 6, 7, 7, 7, 7, 8))


@pytest.fixture
def trained(tmp_path):
    """A small student with heads, and the file that the training would ship."""
    student = new_student(SMALL)
    heads = {tap: torch.randn(3 * student.channels[tap], student.channels[tap]) for tap in TAPS}
    export(student, heads, tmp_path / "small.safetensors", {})
    return student, heads, tmp_path / "small.safetensors"


def test_taps_are_isometric_to_the_heads(trained):
    student, heads, path = trained
    image = torch.rand(1, 3, 48, 48)
    features = load_compact(path)(image, TAPS)
    own = student((image - 0.45) / 0.25, TAPS)
    for tap in TAPS:
        coded = torch.einsum("dc,chw->dhw", heads[tap], own[tap][0]).flatten(1)  # H f, many channels
        short = features[tap][0].flatten(1)  # R f, few
        assert short.shape[0] < coded.shape[0]
        products = coded.T @ coded
        torch.testing.assert_close(short.T @ short, products, rtol=0, atol=0.02 * float(products.abs().max()))
        other = torch.randn_like(short)  # Gram distances too
        lifted = torch.linalg.qr(heads[tap]).Q @ other
        ours = (short @ short.T - other @ other.T).square().sum()
        theirs = (coded @ coded.T - lifted @ lifted.T).square().sum()
        assert float(ours) == pytest.approx(float(theirs), rel=0.05)


def test_the_plain_features_are_the_students_own(trained):
    student, _, path = trained
    image = torch.rand(1, 3, 32, 32)
    plain = load_compact(path, isometric=False)(image, TAPS)
    for tap, wanted in student((image - 0.45) / 0.25, TAPS).items():
        torch.testing.assert_close(plain[tap], wanted, rtol=0.05, atol=0.02 * float(wanted.max()))


def test_the_shipped_file_loads_and_weighs_at_most_4_mb():
    from importlib.resources import files

    encoder = load("compact", device="cpu", precision="fp32")
    assert list(encoder.channels)[-1] == "relu5_1"
    assert len(files("intarsia.encoders").joinpath("compact.safetensors").read_bytes()) <= 4_000_000
    features = encoder(torch.rand(3, 40, 56), TAPS)
    for tap, found in features.items():
        assert bool(found.isfinite().all())
        assert found.shape == (encoder.channels[tap], 48 // encoder.strides[tap], 64 // encoder.strides[tap])


def test_a_changed_embedded_file_is_refused(monkeypatch):
    monkeypatch.setattr("intarsia.encoders.compact.SHA256", "0" * 64)
    with pytest.raises(WeightsError, match="0000"):
        load_compact()


def test_a_broken_file_names_what_is_wrong(trained, tmp_path):
    from safetensors.torch import load_file

    tensors = load_file(trained[2])
    tensors["conv2_1.weight"][0] = float("nan")
    save_file(tensors, tmp_path / "nan.safetensors")
    with pytest.raises(WeightsError, match=r"conv2_1\.weight"):
        load_compact(tmp_path / "nan.safetensors")
