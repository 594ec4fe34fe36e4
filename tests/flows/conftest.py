import pytest


@pytest.fixture(params=["memory", "redis"])
def state(request) -> str:
    """Every journey runs on both stores."""
    return "memory:" if request.param == "memory" else request.getfixturevalue("redis_url")
