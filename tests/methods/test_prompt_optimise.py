"""Finding embeddings and asking an image with them, against the plain way; batches, seeds, reading
out.
"""

from dataclasses import replace

import pytest
import torch
from conftest import picture_view

from corrlib.bench._straightforward_prompts import Straightforward
from corrlib.methods.prompt_optimization.crop_latents import CropLatents
from corrlib.methods.prompt_optimization.crops import to_input
from corrlib.methods.prompt_optimization.draws import Draws, Sample, first_embedding
from corrlib.methods.prompt_optimization.locate import attend, fuse, read
from corrlib.methods.prompt_optimization.network import Network
from corrlib.methods.prompt_optimization.optimise import optimise
from corrlib.methods.prompt_optimization.settings import PromptSettings

TINY = PromptSettings(
    model="tiny",
    size=64,
    layers=(7, 9, 10, 12),
    embeddings=2,
    steps=4,
    sigma=6.0,
    crops=6,
    at_once=3,
    tokens=9,
    learning_rate=0.05,
)
OFFICIAL = replace(
    TINY, noise="uniform", heads=(1,), locate_timestep=40, pixel_softmax=True, half_pixel=False
)
VIEW, OTHER = picture_view(80, 60, 1), picture_view(60, 80, 2)
POINTS = torch.tensor([[12.5, 40.25], [60.0, 20.0], [79.0, 0.0]], dtype=torch.float64)


def network(diffuser, settings=TINY):
    return Network.of(diffuser, settings)


def latents(diffuser, view=VIEW, settings=TINY):
    return CropLatents(diffuser, view.image(), settings.size, settings.crop_side)


def find(diffuser, samples, settings=TINY, view=VIEW, pool=None, **options):
    where = torch.tensor([sample.point for sample in samples], dtype=torch.float64)
    where = to_input(where, view.size, settings.size, half_pixel=settings.half_pixel)
    pool = latents(diffuser, view, settings) if pool is None else pool
    return optimise(network(diffuser, settings), pool, samples, where, settings, **options)


def samples_of(view=VIEW, members=1):
    return [Sample.of(view.id, point, member) for point in POINTS for member in range(members)]


@pytest.mark.parametrize("settings", [TINY, OFFICIAL], ids=["paper", "official"])
def test_the_same_embeddings_maps_and_answers_as_the_plain_way(tiny_diffuser, settings):
    """One point, one embedding, one crop at a time, the whole explicit U-Net, enlarged maps: same
    losses, maps and places.
    """
    plain, samples = Straightforward(tiny_diffuser, settings), samples_of()[:2]
    ours = find(tiny_diffuser, samples, settings, seed=3)
    pool = latents(tiny_diffuser, OTHER, settings)
    canvases = attend(
        network(tiny_diffuser, settings), pool, ours, samples, OTHER.id, settings, seed=3
    )
    for i, sample in enumerate(samples):
        place = to_input(
            torch.tensor([sample.point], dtype=torch.float64),
            VIEW.size,
            64,
            half_pixel=settings.half_pixel,
        )[0].tolist()
        start = first_embedding(sample, 3, (9, 32))
        theirs = plain.find(plain._tensor(VIEW.image()), place, sample, 3)[0]
        moved = (theirs - start).norm()
        assert moved > 0.3 and (ours[i] - theirs).norm() <= 5e-3 * moved
        # each side asks with the same embedding, so that what is compared is the asking
        wanted = plain.ask(
            plain._tensor(OTHER.image()), ours[i][None], Draws(settings, sample, 3, "ask", OTHER.id)
        )
        torch.testing.assert_close(canvases[i], wanted, atol=1e-5, rtol=1e-3)


def test_losses_are_summed_and_each_samples_own(tiny_diffuser):
    losses = {}
    samples = samples_of()
    find(tiny_diffuser, samples, watch=lambda step, e, loss: losses.setdefault(step, loss.clone()))
    alone = {}
    find(
        tiny_diffuser,
        samples[1:2],
        watch=lambda step, e, loss: alone.setdefault(step, loss.clone()),
    )
    assert sorted(losses) == [0, 1, 2, 3]
    for step in losses:
        torch.testing.assert_close(losses[step][1:2], alone[step], rtol=1e-4, atol=0)


def test_a_sample_does_not_depend_on_its_batch(tiny_diffuser):
    """In another place of a batch with other samples: the same bits. In a batch of another size:
    the same up to rounding.
    """
    samples = samples_of(members=2)
    first = find(tiny_diffuser, samples[:3])
    second = find(tiny_diffuser, [samples[4], samples[0], samples[1]])
    assert torch.equal(first[0], second[1]) and torch.equal(first[1], second[2])
    alone = find(tiny_diffuser, samples[:1])
    start = first_embedding(samples[0], 0, (9, 32))
    assert (alone[0] - first[0]).norm() <= 1e-3 * (first[0] - start).norm()


def test_asking_does_not_depend_on_the_batch(tiny_diffuser):
    samples, embeddings = (
        samples_of(members=2),
        torch.randn(6, 9, 32, generator=torch.Generator().manual_seed(0)),
    )

    def ask(order):
        pool = latents(tiny_diffuser, OTHER)
        return attend(
            network(tiny_diffuser),
            pool,
            embeddings[order],
            [samples[i] for i in order],
            OTHER.id,
            TINY,
        )

    one, two = ask([0, 1, 2]), ask([5, 2, 0])
    assert (
        torch.equal(one[0], two[2])
        and torch.equal(one[2], two[1])
        and not torch.equal(one[0], one[1])
    )
    assert one.shape == (3, 4, 64, 64) and one.isfinite().all() and 0 <= one.min() <= one.max() <= 1


def test_noise_and_crops_are_keyed_on_what_they_are_for(tiny_diffuser):
    sample, shape = Sample.of("a", (1.0, 2.0)), (4, 5)
    base = Draws(TINY, sample, 0, "find").noise(shape)
    assert torch.equal(
        base, Draws(TINY, Sample.of("a", torch.tensor([1.0, 2.0])), 0, "find").noise(shape)
    )
    others = (
        Draws(TINY, Sample.of("b", (1.0, 2.0)), 0, "find"),
        Draws(TINY, Sample.of("a", (1.0, 2.5)), 0, "find"),
        Draws(TINY, Sample.of("a", (1.0, 2.0), 1), 0, "find"),
        Draws(TINY, sample, 1, "find"),
        Draws(TINY, sample, 0, "ask", "b"),
        Draws(TINY, sample, 0, "ask", "c"),
    )
    drawn = [base, *(other.noise(shape) for other in others)]
    assert all(not torch.equal(a, b) for i, a in enumerate(drawn) for b in drawn[:i])
    uniform = Draws(OFFICIAL, sample, 0, "find").noise((4000,))
    assert uniform.min() >= 0 and uniform.max() < 1 and abs(uniform.mean() - 0.5) < 0.02
    normal = Draws(TINY, sample, 0, "find").noise((4000,))
    assert abs(normal.mean()) < 0.06 and abs(normal.std() - 1) < 0.05
    torch.manual_seed(0)
    first = find(tiny_diffuser, samples_of()[:1])
    torch.manual_seed(99)
    assert torch.equal(find(tiny_diffuser, samples_of()[:1]), first)
    assert not torch.equal(find(tiny_diffuser, samples_of()[:1], seed=1), first)


def test_float32_and_float64_points_are_one_sample():
    point = torch.tensor([10.1, 33.333])
    assert (
        Sample.of("a", point)
        == Sample.of("a", point.double())
        == Sample.of("a", torch.tensor([10.1, 33.333]).double())
    )
    assert Sample.of("a", torch.tensor([-0.0, 0.0])) == Sample("a", (0.0, 0.0))


def test_crops_are_encoded_once_and_shared(tiny_diffuser, monkeypatch):
    encoded, original = [], tiny_diffuser.posterior
    monkeypatch.setattr(
        tiny_diffuser, "posterior", lambda image: encoded.append(1) or original(image)
    )
    pool = latents(tiny_diffuser)
    far = TINY.size - TINY.crop_side
    assert far == 5 and len(pool) == 0
    find(tiny_diffuser, samples_of(), pool=pool)
    count = len(encoded)
    assert 1 <= count == len(pool) <= 12
    find(tiny_diffuser, samples_of(), pool=pool)
    assert len(encoded) == count  # the same draws, so the same crops
    attend(network(tiny_diffuser), pool, torch.zeros(3, 9, 32), samples_of(), VIEW.id, TINY)
    assert len(encoded) == len(pool) <= 36
    assert pool.nbytes == len(pool) * 4 * 16 * 16 * 4
    crop = pool.crop(2, 1)
    assert crop.shape == (1, 3, 64, 64) and -1 <= crop.min() and crop.max() <= 1
    with pytest.raises(ValueError, match="multiples of 4"):
        CropLatents(tiny_diffuser, VIEW.image(), 66, 60)


def test_every_pixel_is_the_mean_over_the_crops_that_held_it(tiny_diffuser, monkeypatch):
    """With maps that are all 1 the mean is 1 everywhere, corners and seams included; a missing crop
    would leave NaN.
    """
    ones = {
        layer.name: torch.ones(2, layer.side, layer.side) for layer in network(tiny_diffuser).layers
    }
    monkeypatch.setattr(Network, "maps", lambda self, *args: ones)
    found = attend(
        network(tiny_diffuser),
        latents(tiny_diffuser),
        torch.zeros(2, 9, 32),
        samples_of()[:2],
        "x",
        TINY,
    )
    torch.testing.assert_close(found, torch.ones(2, 4, 64, 64))


def test_later_crops_go_where_the_maximum_is(tiny_diffuser, monkeypatch):
    """A map that is bright in one corner of the image: all crops after the first four must hold
    that corner.
    """
    pool, offsets, net = latents(tiny_diffuser), [], network(tiny_diffuser)

    def bright(self, z, *args):
        return {
            layer.name: torch.zeros(1, layer.side, layer.side).index_fill_(
                2, torch.tensor([layer.side - 1]), 1.0
            )
            for layer in self.layers
        }

    monkeypatch.setattr(Network, "maps", bright)
    original = CropLatents.__call__
    monkeypatch.setattr(
        CropLatents,
        "__call__",
        lambda self, asked: offsets.append(asked[0]) or original(self, asked),
    )
    attend(net, pool, torch.zeros(1, 9, 32), samples_of()[:1], "x", replace(TINY, crops=12))
    assert offsets[:4] == [(0, 0), (0, 5), (5, 0), (5, 5)]
    assert {x for x, _ in offsets[4:]} == {5} and {y for _, y in offsets[4:]} == {
        0
    }  # the first row of the bright columns


def peaked(*places, size=20, height=1.0):
    """Maps with one bump a layer: members x layers given as nested places (x, y)."""
    maps = torch.zeros(1, len(places), len(places[0]), size, size)
    for m, layers in enumerate(places):
        for layer, (x, y) in enumerate(layers):
            maps[0, m, layer, y, x] = height
    return maps


def test_reading_out():
    maps = peaked(((3, 4), (3, 4)), ((9, 9), (3, 4)))
    assert read(fuse(maps, TINY), TINY).tolist() == [[3.5, 4.5]]
    # a strong peak of one layer against two weak ones of the other: the soft-max over pixels
    # prefers it
    mixed = torch.zeros(1, 1, 2, 20, 20)
    mixed[0, 0, 0, 5, 5] = 0.9
    mixed[0, 0, :, 2, 7] = 0.46
    soft = replace(TINY, pixel_softmax=True)
    assert read(fuse(mixed, TINY), TINY).tolist() == [[7.5, 2.5]]
    assert read(fuse(mixed, soft), soft).tolist() == [[5.5, 5.5]]
    assert fuse(mixed, soft).sum().item() == pytest.approx(1)
    flat = torch.full((1, 20, 20), 0.25)
    assert read(flat, TINY).tolist() == [[0.5, 0.5]]  # the first in row-major order


def test_a_window_reads_between_pixels():
    one = torch.zeros(1, 20, 20)
    one[0, 10, 10], one[0, 10, 11], one[0, 3, 3] = 1.0, 0.5, 0.9
    assert read(one, replace(TINY, window=2)).tolist() == [
        [pytest.approx(10.5 + 1 / 3), pytest.approx(10.5)]
    ]
    corner = torch.zeros(1, 20, 20)
    corner[0, 19, 0] = 1
    assert read(corner, replace(TINY, window=4)).tolist() == [
        [pytest.approx(0.5), pytest.approx(19.5)]
    ]
