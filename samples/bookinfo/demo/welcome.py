"""What the demo says once it runs: where everything is, and what to try."""

from __future__ import annotations

import shlex
from pathlib import Path

from pilot.node.ports import CONTROL_PLANE_ADMIN_PORT
from samples.bookinfo.demo.ask import HOME
from samples.bookinfo.demo.rules import EVERY_ADDRESS, SAMPLE
from samples.bookinfo.demo.stage import Stage

_PILOT = Path(".venv/bin/pilot")


def welcome(stage: Stage, seconds: float) -> str:
    """The text, for somebody in the current directory. ``seconds`` is how long the start took."""
    rules, tries, ask = _typed(stage.rules), _typed(SAMPLE / "try"), _ask(stage)
    return f"""
Bookinfo is up after {seconds:.1f} s: {stage.layout.url}
  listens on    {_who_can_come(stage)}
  rules         {shown(stage.rules)} — edit, add or remove files there; a line here says what changed
  who has what  {_proxy_status(stage)}
  access log    tail -f {_typed(stage.logs)}/ingressgateway.envoy.log   (one for each Envoy)

Things to try, in another terminal:
  Eight readers of ten see no stars, two see red ones:
    cp {tries}/reviews-80-20.yaml {rules}/reviews.yaml && {ask} reviews
  Sign in as jason: black stars, for him alone:
    cp {tries}/reviews-jason-v2.yaml {rules}/reviews.yaml && {ask} reviews --user jason
  Half of what ratings answers is an error; then the sidecars try again:
    {ask} ratings --failures 50
    cp {tries}/retries.yaml {rules}/ratings.yaml && {ask} ratings --failures 50
  Ratings is slow and ten ask at once; then the circuit breaker refuses what is too much:
    {ask} ratings --parallel 10 --seconds 0.2
    cp {tries}/circuit-breaker.yaml {rules}/destination-rules.yaml && {ask} ratings --parallel 10 --seconds 0.2
  Break a file: it is reported here, and traffic goes on as before:
    echo 'oops: [' >> {rules}/reviews.yaml

More in {shown(SAMPLE / "try")}. Logs are in {shown(stage.logs)}. Ctrl-C ends everything; your rules stay.
"""


def shown(path: Path) -> Path:
    """``path`` as one would type it here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _typed(path: Path) -> str:
    return shlex.quote(str(shown(path)))


def _ask(stage: Stage) -> str:
    home = stage.rules.parent
    return _typed(SAMPLE / "ask") + ("" if home == HOME else f" --home {shlex.quote(str(home))}")


def _who_can_come(stage: Stage) -> str:
    entrance = stage.layout.entrance
    place = f"{entrance.address}:{entrance.port}"
    if entrance.address.startswith("127.") or entrance.address == "::1":
        return f"{place}, for this machine alone; `make demo FLAGS='--listen {EVERY_ADDRESS}'` opens it to others"
    return f"{place}, so others can reach it too"


def _proxy_status(stage: Stage) -> str:
    program = _PILOT if _PILOT.exists() else "pilot"
    port = stage.layout.admin_port
    return f"{program} proxy-status" + (f" --admin-address {stage.admin}" if port != CONTROL_PLANE_ADMIN_PORT else "")
