import threading

import pytest
import torch

from intarsia.errors import Notice, UsageError, listening, notice, settings_as
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
