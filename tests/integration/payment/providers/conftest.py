"""The suite's assertions explain themselves like those of any test."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.integration.payment.providers.conformance")
