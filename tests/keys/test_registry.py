"""The registry of key services."""

from __future__ import annotations

import pytest

from ksecrets import keys
from ksecrets.envelope.metadata import SERVICES
from ksecrets.errors import ConfigError


def test_the_registry_knows_every_service_of_the_format() -> None:
    assert set(keys._MODULES) == set(SERVICES)


@pytest.mark.parametrize("service", sorted(set(SERVICES) - set(keys.services())))
def test_services_that_are_not_built_say_so(service: str) -> None:
    with pytest.raises(ConfigError, match=f"cannot use .* yet \\({service}\\)"):
        keys.recipient(service, {})
    assert service not in keys.services()


def test_unknown_services() -> None:
    with pytest.raises(ConfigError, match="unknown key service: smoke") as caught:
        keys.recipient("smoke", {})
    assert "age" in str(caught.value.hint)
