import pytest
from lineage_collector import HttpCollector


@pytest.fixture
def collector():
    found = HttpCollector()
    yield found
    found.close()
