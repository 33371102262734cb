import pytest

from intarsia.errors import WeightsError
from intarsia.weights import verify
from servers import BODY, OTHER, SUM


def test_verify(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(BODY)
    verify(path, SUM)
    verify(path, SUM[:8].upper())
    for wrong in (OTHER, OTHER[:8]):
        with pytest.raises(WeightsError, match=SUM) as caught:
            verify(path, wrong)
        assert wrong in str(caught.value)
    for nonsense in ("", SUM[:7], "unset", SUM + "0"):
        with pytest.raises(WeightsError, match="is no sha256"):
            verify(path, nonsense)
    with pytest.raises(WeightsError, match="cannot be read"):
        verify(tmp_path / "missing", SUM)
