"""Ranges of versions as npm reads them."""

import pytest

from commerce.webhooks.version_ranges import is_in_range


@pytest.mark.parametrize(
    "wanted",
    [
        "3.23", "3.23.0", "v3.23", "=3.23.0", "3.x", "3.*", "3", "*", "x", "^3.0.0", "^3.20", "^3", "~3.23.0", "~3",
        ">=3.22", ">3.22", "<=3.23", "<4", ">=3.11.7 <4", ">= 3.11.7 < 4.0.0", "3.20 - 3.23", "^2 || ^3", "3.23.0-a.1",
    ],
)  # fmt: skip
def test_3_23_is_in(wanted):
    assert is_in_range("3.23.0", wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        "3.22",
        "3.23.1",
        "^4",
        "^2",
        "^0.3.23",
        "~3.22.0",
        ">3.23",
        "<3.23",
        "<=3.22",
        ">=3.11 <3.20",
        "3.20 - 3.22",
        "1 || 2",
    ],
)
def test_3_23_is_out(wanted):
    assert not is_in_range("3.23.0", wanted)


@pytest.mark.parametrize("wanted", ["new", "3.a", ">", "3.23 beta", "1.2.3.4", "- 3"])
def test_what_is_no_range_is_told(wanted):
    with pytest.raises(ValueError, match="is no version"):
        is_in_range("3.23.0", wanted)
