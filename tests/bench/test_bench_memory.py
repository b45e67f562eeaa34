"""The most that a call holds at once, on calls whose tensors can be added up by hand; and the pages
say what is counted.
"""

from pathlib import Path

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from corrlib import bench
from corrlib.backbones.held_bytes import peak_bytes

ROOT = Path(__file__).parents[2]
X = torch.empty(1000, device="meta")  # 4,000 bytes, and not the call's own


def test_what_lives_at_once_is_counted_and_what_was_there_before_is_not():
    def chain():
        y = X + 1
        z = y + 1
        del y
        return z.view(10, 100) + 1

    def kept():
        y = X + 1
        return y, y + 1, X.view(10, 100), y.add_(1)

    assert peak_bytes(lambda: None) == peak_bytes(lambda: X.view(10, 100)) == 0
    assert peak_bytes(chain) == peak_bytes(kept) == 8000
    assert peak_bytes(lambda: ((X + 1) + 1) + 1) == 8000


def test_a_backward_pass_holds_what_the_forward_pass_has_left():
    x = torch.empty(1000, device="meta", requires_grad=True)

    def step():
        torch.autograd.grad(x.exp().exp().sum(), x)  # keeps both results of exp, 4,000 bytes each

    assert 12_000 <= peak_bytes(step) <= 16_100


def test_attention_holds_no_weight_for_every_pair_of_cells():
    q = torch.empty(1, 8, 4096, 40, device="meta")
    answer, sums = q.numel() * 4, 8 * 4096 * 4
    assert answer <= peak_bytes(lambda: scaled_dot_product_attention(q, q, q)) <= answer + 2 * sums


def test_the_pages_say_what_is_counted():
    rows = bench.run("memory")["rows"]
    costs, photographs = (
        (ROOT / "book" / page).read_text() for page in ("how_to_use.md", "your_photographs.md")
    )
    for title in ("DIFT 768, 8 noises at once", *(k for k in rows if k.startswith("prompt"))):
        assert f"{rows[title]['all']:.1f} GB" in costs, title
    for title in ("encoder 512", "DIFT 768, 8 noises at once"):
        assert f"- {rows[title]['all']:.1f} GB" in photographs, title
    assert rows["encoder 512"]["all"] == pytest.approx(
        rows["encoder 512"]["pass"] + 4.265, abs=1e-3
    )
