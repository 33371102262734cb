"""Arrays and tensors."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from handmade import refusal
from intarsia import picture
from intarsia.picture.levels import spread_of, white_of


@settings(max_examples=40)
@given(
    hnp.arrays(
        st.sampled_from([np.bool_, np.uint8, np.uint16]),
        st.one_of(
            st.tuples(st.integers(1, 4), st.integers(1, 4)),
            st.tuples(st.integers(1, 4), st.integers(1, 4), st.sampled_from([1, 3, 4])),
        ),
    )
)
def test_arrays_are_scaled_by_their_type(array):
    opened = picture.read(array)
    top = 1 if array.dtype == np.bool_ else np.iinfo(array.dtype).max
    color = array[:, :, None] if array.ndim == 2 else array[:, :, :3]
    expected = (np.broadcast_to(color, (*array.shape[:2], 3)) / top).astype(np.float32)
    assert np.allclose(opened.image.permute(1, 2, 0).numpy(), expected, atol=1e-7)
    assert opened.depth == (16 if array.dtype == np.uint16 else 8)


FLOATS = {
    "float32": np.random.default_rng(0).random((4, 5, 3)).astype(np.float32),
    "float64": np.random.default_rng(0).random((4, 5, 3)),
    "float32, contiguous": torch.rand(3, 4, 5),
    "bfloat16": torch.rand(3, 4, 5).bfloat16(),
    "with gradient": torch.rand(3, 4, 5, requires_grad=True),
    "gray": torch.rand(4, 5),
    "uint8": torch.randint(0, 256, (3, 4, 5), dtype=torch.uint8),
}


@pytest.mark.parametrize("came", FLOATS.values(), ids=FLOATS)
def test_nothing_is_shared_with_what_came_in(came):
    opened = picture.read(came)
    before = came.detach().clone() if isinstance(came, torch.Tensor) else came.copy()
    opened.image.zero_()
    assert (before == came).all()
    assert opened.image.dtype == torch.float32
    assert not opened.image.requires_grad


NO_PICTURES = {
    "one axis": (np.zeros(3, np.uint8), "(3,)"),
    "two channels": (np.zeros((4, 5, 2), np.uint8), "(4, 5, 2)"),
    "channels first": (np.zeros((3, 40, 50), np.uint8), "(h, w, c)"),
    "channels last": (torch.zeros(40, 50, 3), "(c, h, w)"),
    "a batch": (torch.zeros(1, 3, 4, 5), "(1, 3, 4, 5)"),
    "nothing": (np.zeros((0, 5, 3), np.uint8), "(0, 5, 3)"),
    "int64": (np.zeros((4, 5, 3), np.int64), "int64"),
    "text": (np.full((4, 5), "x"), "Expected uint8"),
    "NaN": (np.full((4, 5, 3), np.nan), "not finite"),
    "infinity": (torch.full((3, 4, 5), torch.inf), "not finite"),
    "0..255": (torch.rand(3, 40, 50) * 254, "Divide by 255"),
    "negative": (np.full((4, 5, 3), -0.5), "from -0.5 to -0.5"),
}


@pytest.mark.parametrize(("came", "fact"), NO_PICTURES.values(), ids=NO_PICTURES)
def test_arrays_that_are_no_pictures(came, fact):
    message = refusal(came)
    assert fact in message
    assert "Expected" in message


@pytest.mark.parametrize(("kind", "white"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_white_is_what_is_scaled_to_1(kind, white):
    assert white_of(np.zeros(1, kind)) == white
    assert picture.read(np.full((1, 1), white, kind)).image.max() == 1


@settings(max_examples=40)
@given(hnp.arrays(np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.sampled_from([1, 3]))))
def test_the_spread_of_a_place_is_that_of_its_neighborhood(color):
    found = spread_of(color)
    for y, x in np.ndindex(found.shape):
        near = color[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2].astype(int)
        assert found[y, x] == (near.max((0, 1)) - near.min((0, 1))).max()
