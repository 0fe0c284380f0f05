"""Marks for tests that run with every supported Envoy version, or over both variants of xDS."""

from __future__ import annotations

import pytest

from tests.e2e.harness.envoy_versions import VERSIONS

every_envoy = pytest.mark.parametrize("envoy", VERSIONS, indirect=True)
both_variants = pytest.mark.parametrize("delta", [True, False], ids=["delta", "sotw"], indirect=True)
