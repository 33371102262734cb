from intarsia.cache import cache_folder


def test_the_cache_is_the_platforms_own_unless_told(monkeypatch, tmp_path):
    monkeypatch.setenv("INTARSIA_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("INTARSIA_CACHE")
    assert cache_folder().name.lower() in ("intarsia", "cache")
    assert cache_folder().is_absolute()
