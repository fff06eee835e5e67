"""What tests of keys and tokens share."""

from collections.abc import AsyncIterator

import pytest

from tests.tokens.provider import Provider, running
from tests.tokens.signer import Signer


@pytest.fixture
async def provider() -> AsyncIterator[Provider]:
    async with running(Provider()) as place:
        yield place


@pytest.fixture
def signer() -> Signer:
    return Signer("ES256")
