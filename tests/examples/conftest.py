"""What the tests of the retail example share."""

from pathlib import Path

import pytest

from freehold.testing.retail import data


@pytest.fixture(scope="session")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The whole chain's database, made once; nobody writes to it."""
    return data.build(tmp_path_factory.mktemp("chain") / "harbor-and-pine.sqlite")
