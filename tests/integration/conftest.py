# tests/integration/conftest.py -- what the tests of the whole daemon share
# SPDX-License-Identifier: ISC
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import house  # noqa: E402  (the path above makes it findable)


@pytest.fixture
def started():
    """start(Class, ...) makes a program that is ended with the test."""
    programs = []

    def start(kind, *args, **options):
        program = kind(*args, **options)
        programs.append(program)
        return program

    yield start
    for program in reversed(programs):
        program.close()


@pytest.fixture(scope="session")
def ca(tmp_path_factory):
    return house.Ca(tmp_path_factory.mktemp("pki"))
