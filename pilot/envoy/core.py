"""Values that many messages hold: addresses, config sources, fractions and comparisons of strings.

They are those of Envoy's own packages ``config.core``, ``type`` and ``type.matcher``.
"""

from __future__ import annotations

from datetime import timedelta

from envoy_data_plane.envoy.config.core.v3 import (
    Address,
    AggregatedConfigSource,
    ApiVersion,
    CidrRange,
    ConfigSource,
    Pipe,
    RuntimeFractionalPercent,
    SocketAddress,
)
from envoy_data_plane.envoy.type.matcher.v3 import RegexMatcher, StringMatcher
from envoy_data_plane.envoy.type.v3 import FractionalPercent, FractionalPercentDenominatorType

from envoycodec.construct import maker
from galley.kinds.values import UNIX_SCHEME, StringMatch

_address = maker(Address)
_socket_address = maker(SocketAddress)
_pipe = maker(Pipe)
_cidr_range = maker(CidrRange)
_config_source = maker(ConfigSource)
_aggregated_config_source = maker(AggregatedConfigSource)
_fractional_percent = maker(FractionalPercent)
_runtime_fractional_percent = maker(RuntimeFractionalPercent)
_string_matcher = maker(StringMatcher)
_regex_matcher = maker(RegexMatcher)

_MILLIONTHS = 10_000


def render_address(address: str, port: int) -> Address:
    """An IP address or DNS name with a port, or the path of a Unix socket when ``port`` is 0."""
    if address.startswith(UNIX_SCHEME) or (port == 0 and address.startswith(("/", "@"))):
        return _address(pipe=_pipe(path=address.removeprefix(UNIX_SCHEME)))
    return _address(socket_address=render_socket_address(address, port))


def render_socket_address(address: str, port: int) -> SocketAddress:
    """An IP address or DNS name with a port; port 0 lets the operating system choose."""
    return _socket_address(address=address, port_value=port)


def render_cidr(text: str) -> CidrRange:
    """A network such as ``10.0.0.0/8``."""
    address, _, length = text.partition("/")
    return _cidr_range(address_prefix=address, prefix_len=int(length))


def ads() -> ConfigSource:
    """The aggregated stream. A timeout of 0 waits for the resource as long as it takes: the alternative, after 15 s,
    is to open a listener that answers 404."""
    return _config_source(
        ads=_aggregated_config_source(),
        initial_fetch_timeout=timedelta(0),
        resource_api_version=ApiVersion.V3,
    )


def render_fraction(percent: float) -> FractionalPercent:
    """``percent`` (0 to 100) over a million, cut off below a ten-thousandth of a percent as in Istio."""
    # The product of 0.29 and 10,000 is 2899.9999999999995: the error is removed before the rest is cut off.
    numerator = int(round(percent * _MILLIONTHS, 6))
    return _fractional_percent(numerator=numerator, denominator=FractionalPercentDenominatorType.MILLION)


def render_runtime_fraction(percent: float) -> RuntimeFractionalPercent:
    """The same where Envoy offers to override it at run time, which nobody does."""
    return _runtime_fractional_percent(default_value=render_fraction(percent))


def matches_anything(match: StringMatch) -> bool:
    """Whether the comparison holds for every string. Envoy refuses the empty prefix, so it must be said otherwise."""
    return match.is_presence or match.prefix == ""


def render_string_match(match: StringMatch) -> StringMatcher:
    """A StringMatcher; a regular expression is RE2 and must match the whole string."""
    if matches_anything(match):
        return _string_matcher(safe_regex=render_regex(".*"))
    if match.prefix is not None:
        return _string_matcher(prefix=match.prefix)
    if match.regex:
        return _string_matcher(safe_regex=render_regex(match.regex))
    # Envoy refuses the empty regular expression; it matches the empty string alone.
    return _string_matcher(exact=match.exact or "")


def render_regex(pattern: str) -> RegexMatcher:
    """A regular expression of RE2."""
    return _regex_matcher(regex=pattern)
