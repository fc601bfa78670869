"""The quickest and sturdiest rows of the matrix, in `make test`; all of them: `make fault`.

Their bounds on time are far beyond the issue's: what gates here is that it is right in the end.
"""
import pytest

from fault import matrix

QUICK = ("13-flushall", "23-storm")
PATIENCE = 12.0


@pytest.mark.parametrize("name", QUICK)
def test_row(name):
    result = matrix.run(name, 1, PATIENCE)
    if result["verdict"] == matrix.NOT_RUN:
        pytest.skip(result["why"])
    assert result["verdict"] == matrix.PASSED, result["why"]
