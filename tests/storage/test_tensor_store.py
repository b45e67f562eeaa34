import errno
import os
import subprocess
import sys
from dataclasses import dataclass

import pytest
import torch
from PIL import Image

from corrlib.storage.tensor_store import TensorStore
from corrlib.types import View


@dataclass(frozen=True)
class Settings:
    t: int = 261
    layer: str = "up_blocks.1"


RED = View("a", (4, 4), "cat", pixels=Image.new("RGB", (4, 4), "red"))
BLUE = View("a", (4, 4), "cat", pixels=Image.new("RGB", (4, 4), "blue"))
OTHER = View("b", (4, 4), "cat", pixels=RED.pixels)


@pytest.fixture
def store(tmp_path):
    return TensorStore(tmp_path / "features")


def test_what_was_put_comes_back(store):
    key = store.key(Settings(), RED)
    assert store.get(key) is None and store.meta(key) is None and key not in store
    whole = torch.arange(24.0).reshape(2, 3, 4)
    store.put(
        key,
        {"values": whole.half(), "view": whole[:, 1:].transpose(0, 1), "again": whole},
        {"seed": 3},
    )
    back = store.get(key)
    assert torch.equal(back["values"], whole.half()) and back["values"].dtype == torch.float16
    assert torch.equal(back["view"], whole[:, 1:].transpose(0, 1)) and torch.equal(
        back["again"], whole
    )
    assert store.meta(key) == {"seed": "3"} and key in store and store.keys() == [key]
    store.put(key, {"values": torch.zeros(1)})
    assert set(store.get(key)) == {"values"} and store.meta(key) == {}


def test_keys_tell_everything_apart(store):
    keys = [
        store.key(Settings(), RED),
        store.key(Settings(t=0), RED),
        store.key(Settings(), BLUE),
        store.key(Settings(), OTHER),
        store.key(Settings(), RED, seed=1),
        store.key(Settings(), RED, seed=2),
    ]
    assert len(set(keys)) == 6
    assert store.key(Settings(), RED, a=1, b=2) == store.key(Settings(), RED, b=2, a=1)
    with pytest.raises(ValueError, match="cannot be part of a key"):
        store.key(object(), RED)


def test_keys_are_the_same_in_another_process(store):
    code = (
        "from corrlib.storage.tensor_store import TensorStore; from corrlib.types import View; "
        "from PIL import Image;"
        "print(TensorStore('x').key(('dift', 261, 0.1), View('a', (4, 4), 'cat', "
        "pixels=Image.new('RGB', (4, 4), 'red')), seed=0))"
    )
    env = {**os.environ, "PYTHONHASHSEED": "7", "PYTHONPATH": os.pathsep.join(sys.path)}
    printed = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True
    ).stdout
    assert printed.strip() == store.key(("dift", 261, 0.1), RED, seed=0)


@pytest.mark.parametrize("length", [0, 5, 60, 300])
def test_a_truncated_file_is_missing_and_can_be_written_again(store, length):
    key = store.key(Settings(), RED)
    path = store.put(key, {"values": torch.ones(500)})
    path.write_bytes(path.read_bytes()[:length])
    with pytest.warns(UserWarning, match="damaged.*computed again"):
        assert store.get(key) is None
    store.put(key, {"values": torch.ones(500)})
    assert torch.equal(store.get(key)["values"], torch.ones(500))


def test_a_failed_write_leaves_the_old_item_and_no_rubbish(store, monkeypatch):
    key = store.key(Settings(), RED)
    store.put(key, {"values": torch.ones(3)})

    def full(*args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("corrlib.storage.atomic_write.os.replace", full)
    with pytest.raises(OSError, match="disk is full; free space"):
        store.put(key, {"values": torch.zeros(3)})
    assert torch.equal(store.get(key)["values"], torch.ones(3))
    assert [path.name for path in store.root.rglob("*") if path.is_file()] == [f"{key}.safetensors"]


def test_disk_use_is_foreseen(store):
    for seed in range(3):
        store.put(
            store.key(Settings(), RED, seed=seed),
            {"values": torch.zeros(16, 8, 8, dtype=torch.float16)},
            {"seed": seed},
        )
    used, foreseen = store.bytes_used(), store.estimate(3, (16, 8, 8))
    assert used <= foreseen <= 1.6 * used
    store.require_space(foreseen)
    with pytest.raises(OSError, match="GB free"):
        store.require_space(10**18)
