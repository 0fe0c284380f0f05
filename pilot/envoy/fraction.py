"""Percentages as Envoy's fractions."""

from __future__ import annotations

from envoy_data_plane.envoy.config.core.v3 import RuntimeFractionalPercent
from envoy_data_plane.envoy.type.v3 import FractionalPercent, FractionalPercentDenominatorType

from envoycodec.construct import maker

_fractional_percent = maker(FractionalPercent)
_runtime_fractional_percent = maker(RuntimeFractionalPercent)

_MILLIONTHS = 10_000


def render_fraction(percent: float) -> FractionalPercent:
    """``percent`` (0 to 100) over a million, cut off below a ten-thousandth of a percent as in Istio."""
    # The product of 0.29 and 10,000 is 2899.9999999999995: the error is removed before the rest is cut off.
    numerator = int(round(percent * _MILLIONTHS, 6))
    return _fractional_percent(numerator=numerator, denominator=FractionalPercentDenominatorType.MILLION)


def render_runtime_fraction(percent: float) -> RuntimeFractionalPercent:
    """The same where Envoy offers to override it at run time, which nobody does."""
    return _runtime_fractional_percent(default_value=render_fraction(percent))
