"""What several tests of this package share."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.exchanges.web import Web, make_certificate, serving


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        yield web


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    if not shutil.which("openssl"):
        pytest.skip("the openssl command is needed to make a certificate")
    return make_certificate(tmp_path_factory.mktemp("tls"))
