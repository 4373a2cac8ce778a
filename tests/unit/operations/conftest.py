"""The team of tests/team.py, as a fixture."""

from __future__ import annotations

import pytest

from tests.conftest import Repo
from tests.team import Team


@pytest.fixture
def team(repo: Repo) -> Team:
    return Team(repo)
