"""Which HTTP rules of a VirtualService can never be reached, because earlier ones take all of their requests."""

from __future__ import annotations

from dataclasses import replace

from galley.kinds.networking.virtual_service import HttpMatchRequest, HttpRoute
from galley.text.recorder import Recorder

_ANY = HttpMatchRequest()


def check_reachability(recorder: Recorder, routes: tuple[HttpRoute, ...]) -> None:
    """Istio's analysis messages IST0130 (unreachable rule) and IST0131 (ineffective match)."""
    catch_all: int | None = None
    seen: dict[HttpMatchRequest, int] = {}
    for index, route in enumerate(routes):
        path = f"spec.http[{index}]"
        if catch_all is not None:
            what = f"is never reached (IST0130): http[{catch_all}] takes every request"
            recorder.warn(path, "unreachable-rule", what, "put the rule without a match last")
            continue
        _check_repeated(recorder, path, route, index, seen)
        if not route.match or any(is_catch_all(match) for match in route.match):
            catch_all = index


def _check_repeated(
    recorder: Recorder, path: str, route: HttpRoute, index: int, seen: dict[HttpMatchRequest, int]
) -> None:
    conditions = [replace(match, name="", stat_prefix="") for match in route.match]
    repeated = [number for number, condition in enumerate(conditions) if condition in seen]
    if route.match and len(repeated) == len(conditions):
        what = "is never reached (IST0130): all of its matches stand in earlier rules"
        recorder.warn(path, "unreachable-rule", what)
    else:
        for number in repeated:
            earlier = seen[conditions[number]]
            what = f"has no effect (IST0131): http[{earlier}] has the same match"
            recorder.advise(f"{path}.match[{number}]", "ineffective-match", what)
    for condition in conditions:
        seen.setdefault(condition, index)


def is_catch_all(match: HttpMatchRequest) -> bool:
    """Whether every request matches: nothing asked, or only the prefix ``/`` or the expression ``.*`` of the path."""
    if replace(match, name="", stat_prefix="", uri=None, ignore_uri_case=False) != _ANY:
        return False
    return match.uri is None or match.uri.prefix in ("", "/") or match.uri.regex in ("*", ".*", "/.*")
