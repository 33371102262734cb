"""The networks of a method are loaded once, however many pictures it paints."""

import dataclasses

import pytest

from intarsia import decoders
from intarsia.errors import UsageError
from intarsia.guide import Guide
from intarsia.methods import METHODS, every_setting, method_of, settings_of
from intarsia.networks import Networks


def test_an_encoder_is_loaded_once():
    networks = Networks(encoder="toy")
    assert networks.load_encoder() is networks.load_encoder()


def test_decoders_are_read_once_for_all_levels_and_pictures(random_image, monkeypatch):
    reads = []
    plain = decoders.read_tensors
    monkeypatch.setattr(decoders, "read_tensors", lambda path: reads.append(path) or plain(path))
    method = method_of("wct", {"levels": (3, 2), "precision": "fp32", "device": "cpu"})
    for seed in (1, 2):
        list(method(random_image(24, 32, seed), Guide.everywhere(random_image(24, 24, 3))))
    list(dataclasses.replace(method, alpha=0.5)(random_image(24, 32, 1), Guide.everywhere(random_image(24, 24, 3))))
    assert len(reads) == 1


def test_each_method_has_networks_of_its_own():
    assert METHODS["wct"]().networks is not METHODS["wct"]().networks
    assert METHODS["wct"]() == METHODS["wct"]()


def test_decoders_fit_the_encoder_that_is_given():
    networks = Networks(encoder="compact", device="cpu", precision="fp32")
    toy = Networks(encoder="toy").load_encoder()
    compact = networks.load_encoder()
    assert networks.load_decoders(toy, [2])[2] is not networks.load_decoders(compact, [2])[2]
    with pytest.raises(UsageError, match="no decoder of level 6"):
        networks.load_decoders(compact, [6])


@pytest.mark.parametrize("name", METHODS)
def test_settings_stand_side_by_side_with_those_of_the_networks(name):
    method = method_of(name, {"encoder": "vgg19", "pooling": "average"})
    assert method.networks == Networks(encoder="vgg19", pooling="average")
    assert settings_of(method) == {"encoder": "vgg19", "pooling": "average"}
    assert method_of(name, every_setting(method)) == method
