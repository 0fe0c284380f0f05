"""Formats with Envoy's command operators. What real Envoys say of them is asked in tests/e2e."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from galley.kinds.command_operators import BARE_OPERATORS, wrong_with_format


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "100%%", "%%REQ(a)%%", "%DURATION%", "%REQ(:AUTHORITY)%", "%REQ(X-A?:PATH):10% %RESP(b)%",
        "[%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%]", "%START_TIME(%s %z)%", "%FILTER_STATE(a.b:PLAIN):7%",
        "%DYNAMIC_METADATA(envoy.lb:a:b)%", "%METADATA(ROUTE:a:b)%", "%PATH(NQ:ORIG)%", "%GRPC_STATUS(NUMBER)%",
        "%START_TIME%", "%COMMON_DURATION(DS_RX_BEG:DS_TX_END:ms)%",
    ],
)  # fmt: skip
def test_formats(text: str) -> None:
    assert wrong_with_format(text) == ""


@pytest.mark.parametrize(
    "text",
    [
        "%", "100%", "%%%", "%DURATION", "%NO_SUCH%", "%duration%", "% DURATION%", "%REQ%", "%REQ()%", "%REQ(a",
        "%REQ(a)", "%REQ(a?b?c)%", "%REQ(a):x%", "%REQ(a b)%", "%DURATION:5%", "%DURATION(a)%", "%CEL(()%",
        "%DYNAMIC_METADATA(a):5%", "%START_TIME(\n)%", "%FILTER_STATE(a:B)%",
    ],
)  # fmt: skip
def test_no_formats(text: str) -> None:
    assert wrong_with_format(text)


@given(st.text())
def test_any_text_can_be_written(text: str) -> None:
    assert wrong_with_format(text.replace("%", "%%")) == ""


def test_every_bare_operator_is_known() -> None:
    assert wrong_with_format("".join(f"%{name}%" for name in BARE_OPERATORS)) == ""
