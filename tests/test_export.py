"""Networks as ONNX: nothing is written that does not paint the same."""

import numpy as np
import pytest
import torch

from handmade import untrained
from intarsia.errors import IntarsiaError
from intarsia.export import export
from intarsia.models import read_model
from intarsia.nets import painted

onnxruntime = pytest.importorskip("onnxruntime")


@pytest.fixture
def model(tmp_path, random_image):
    return read_model(untrained(tmp_path / "net.safetensors", random_image(40, 40)))


def test_onnxruntime_paints_what_torch_does_at_another_size(model, tmp_path, random_image):
    assert export(model, tmp_path / "net.onnx") < 1 / 255
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"), providers=["CPUExecutionProvider"])
    image = random_image(64, 212)
    (found,) = session.run(["painting"], {"image": image[None].numpy()})
    np.testing.assert_allclose(found[0], painted(model.network, image).numpy(), atol=2 / 255)


def test_what_differs_is_not_written(model, tmp_path, monkeypatch):
    class Other(onnxruntime.InferenceSession):
        def run(self, *arguments):
            return [1 - super().run(*arguments)[0]]

    monkeypatch.setattr(onnxruntime, "InferenceSession", Other)
    with pytest.raises(IntarsiaError, match="what onnxruntime paints differs by"):
        export(model, tmp_path / "net.onnx")
    assert not (tmp_path / "net.onnx").exists()
    assert torch.is_grad_enabled()
