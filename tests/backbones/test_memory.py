"""An input that no machine holds is refused before it is tried."""

import pytest

from corrlib.backbones import memory


def test_the_first_layer_has_to_fit(monkeypatch, tiny_diffuser):
    monkeypatch.setattr(memory, "total", lambda device: 2**30)
    tiny_diffuser.require_size((64, 64))  # 16 channels of 4 bytes: 256 KiB
    with pytest.raises(ValueError, match="size is 8192x8192, .* takes 4 GiB of memory; cpu has 1"):
        tiny_diffuser.require_size((8192, 8192))


def test_this_machine_has_some():
    assert memory.total("cpu") > 2**28
