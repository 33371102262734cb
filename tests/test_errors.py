import errno
import threading

import cv2
import pytest
import torch

from intarsia.errors import (
    MemoryLimitError,
    Notice,
    PictureError,
    UsageError,
    explained,
    in_percent,
    listening,
    notice,
    settings_as,
)
from intarsia.maps import check_aspect


class TestSettings:
    def test_a_message_names_settings_and_each_face_says_them_in_its_way(self):
        error = UsageError("`content_mask` came without `style`; 'a`b.png' is a file")
        assert error.settings == ["content_mask", "style"]
        assert settings_as(str.upper, str(error)) == "CONTENT_MASK came without STYLE; 'a`b.png' is a file"


class TestNotices:
    def test_they_go_to_whoever_listens_each_once(self):
        heard = []
        with listening(heard.append):
            notice("one")
            notice("one")
            notice("two")
        assert heard == ["one", "two"]

    def test_nobody_listening_they_are_warnings_that_point_outside_the_package(self):
        with pytest.warns(Notice, match="mask is 18 x 12") as caught:
            check_aspect("region 1", "content", torch.zeros(12, 18), (24, 36))
        assert caught[0].filename == __file__

    def test_two_threads_do_not_mix_theirs(self):
        both, heard = threading.Barrier(2), {"a": [], "b": []}

        def work(name):
            with listening(heard[name].append):
                both.wait()
                notice(name)
                both.wait()

        threads = [threading.Thread(target=work, args=name) for name in heard]
        for one in threads:
            one.start()
        for one in threads:
            one.join()
        assert heard == {"a": ["a"], "b": ["b"]}


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("can't start new thread"),
        RuntimeError("std::bad_alloc"),
        cv2.error("Failed to allocate 123 bytes in function 'OutOfMemoryError'"),
        cv2.error("(-4:Insufficient memory) in function"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("libtorch.so: cannot allocate memory in static TLS block"),
    ],
    ids=repr,
)
def test_memory_that_ran_out_is_told_whoever_tells_it(error):
    assert isinstance(explained(error), MemoryLimitError)


def test_memory_that_torch_has_not_is_told_and_other_faults_are_not():
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**50)
    assert explained(error.value).exit_code == 5
    for other in (
        ValueError("no such thing"),
        OSError(errno.ENOSPC, "No space"),
        FileNotFoundError("out of memory.png"),
    ):
        assert explained(other).exit_code == 1
    assert explained(PictureError("out of memory")).exit_code == 3


def test_percents_are_recognized():
    assert in_percent("50", 1) == " Did you mean 0.5?"
    assert in_percent(85.0, 1) == " Did you mean 0.85?"
    assert {in_percent(*one) for one in ((50, 20), (101, 1), ("x", 1), (50, None))} == {""}
