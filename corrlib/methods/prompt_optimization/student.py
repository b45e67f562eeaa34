"""The distilled student: one pass of a frozen diffusion model, and a small trained head on many of
its layers.

The head is that of Diffusion Hyperfeatures with a single timestep; what it is trained on is the
caller's choice: matches of a slower method, nearest neighbours, or clicked keypoints
(`corrlib.methods.prompt_optimization.distillation`). Without a trained head there are two heads to
compare with: "untrained", drawn from `init_seed`, and "concat", all layers at unit length side by
side.

*Source:* Luo et al., "Diffusion Hyperfeatures", NeurIPS 2023, "One-Step" in its Table 1; there the
clean latent is fed at t = -1.
"""

from dataclasses import dataclass, replace
from typing import Annotated

from corrlib.backbones.diffusion import decoder_layers
from corrlib.backbones.noised_pass import Ensemble, Layer, NoisedPass, NoisedPassSettings
from corrlib.heads import files
from corrlib.heads.aggregation import AggregationHead, Cell, HeadSettings, require_groups
from corrlib.matching import feature_maps
from corrlib.methods import register
from corrlib.methods.base import Env, FeatureMethod
from corrlib.storage.lru_cache import LRUCache
from corrlib.types import FeatureMap, View
from corrlib.validation.kinds import DIFFERENT, Count, ImageSize, Name, Seed


@dataclass(frozen=True)
class DistilledSettings(NoisedPassSettings):
    """The frozen pass (see `NoisedPassSettings`; `layer` is not read) and the head on it.

    `layers` are read, none for all of the decoder. `head` is a file of a trained head, which must
    read these layers at `timestep`; "untrained"; or "concat". A head not from a file has `width`,
    `middle` and `groups` as in `HeadSettings`; all heads put out `grid` (width, height).
    """

    ensemble: Ensemble = 1
    layers: Annotated[tuple[Layer, ...], DIFFERENT] = ()
    head: Name = "untrained"
    grid: ImageSize = (64, 64)
    width: Count = 384
    middle: Count = 96
    groups: Count = 32
    init_seed: Seed = 0

    def __post_init__(self):
        super().__post_init__()
        require_groups(self)


OF_HEAD = (
    "head",
    "grid",
    "width",
    "middle",
    "groups",
    "init_seed",
)  # what the frozen pass does not depend on
FULL = DistilledSettings(model="sd1-5", size=(512, 512), timestep=51)
PRESETS = {
    "sd1-5": FULL,
    "toybox": replace(
        FULL,
        model="toybox",
        size=(96, 96),
        timestep=151,
        grid=(24, 24),
        width=64,
        middle=32,
        groups=8,
        # with all fifteen a step takes four times as long, and clicked keypoints taught less in 400
        # of them
        layers=(
            "up_blocks.0",
            "up_blocks.1",
            "up_blocks.2.attentions.1",
            "up_blocks.2",
            "up_blocks.3.attentions.0",
            "up_blocks.3",
        ),
    ),
}


class OnePass:
    """The frozen part: a view's features at every layer that the head reads. One of an `Env` serves
    all heads of equal settings.

    Features are kept in memory, the `keep_bytes` used last.
    """

    def __init__(self, settings: DistilledSettings, env: Env, keep_bytes: int = 512 * 2**20):
        self.diffuser = env.diffuser(settings.model, settings.dtype)
        self.layers = settings.layers or tuple(decoder_layers(self.diffuser.unet))
        self.diffuser.require_layers(self.layers)
        self.settings = settings
        self._one = NoisedPass(settings, self.diffuser)
        self._kept: LRUCache[dict[Cell, FeatureMap]] = LRUCache(
            keep_bytes, nbytes=_nbytes, at_least=2
        )

    @classmethod
    def of(cls, settings: DistilledSettings, env: Env) -> "OnePass":
        """The one of this `env` for the frozen part of `settings`."""
        frozen = replace(settings, **{name: getattr(FULL, name) for name in OF_HEAD})
        key = f"one pass {frozen!r}"
        if key not in env.shared:
            env.shared[key] = cls(frozen, env)
        return env.shared[key]

    def __call__(self, view: View, *, seed: int = 0) -> dict[Cell, FeatureMap]:
        """Features by (layer, timestep)."""
        timesteps = [self.settings.timestep]
        return self._kept.of(
            (view.key(), seed), lambda: self._one.cells(view, self.layers, timesteps, seed=seed)
        )

    def channels(self) -> tuple[int, ...]:
        """The channels of each layer. Raises ValueError of a layer outside of the three stages of a
        U-Net.
        """
        found = []
        for layer in self.layers:
            stage, *rest = layer.split(".")
            blocks = getattr(self.diffuser.unet, stage)
            block = blocks[int(rest[0])] if stage in ("up_blocks", "down_blocks") else blocks
            found.append(block.resnets[0].out_channels)
        return tuple(found)


def _nbytes(maps: dict[Cell, FeatureMap]) -> int:
    return sum(fm.values.nbytes for fm in maps.values())


def new_head(settings: DistilledSettings, env: Env) -> AggregationHead:
    """An untrained head that fits the settings' frozen pass."""
    frozen = OnePass.of(settings, env)
    sizes = {
        name: getattr(settings, name) for name in ("grid", "width", "middle", "groups", "init_seed")
    }
    return AggregationHead(
        HeadSettings(frozen.layers, frozen.channels(), (settings.timestep,), **sizes)
    ).eval()


def with_head(settings: DistilledSettings, head: AggregationHead | None, env: Env) -> FeatureMethod:
    """The method with this head, as it is now: its weights name the cached features. None is
    "concat".

    Raises ValueError when the head reads other layers or another timestep than the settings' pass
    gives.
    """
    frozen = OnePass.of(settings, env)
    given = [(layer, settings.timestep) for layer in frozen.layers]
    if head is not None and (wanted := head.settings.cells) != given:
        raise ValueError(
            f"the head reads {wanted}, the settings give {given}; set layers and timestep to "
            "the head's"
        )
    mark = frozen.diffuser.fingerprint

    def extract(view: View, *, seed: int = 0) -> FeatureMap:
        maps = frozen(view, seed=seed)
        if head is not None:
            return head.describe(maps)
        return feature_maps.concat(
            [feature_maps.unit(feature_maps.resize(maps[cell], settings.grid)) for cell in given]
        )

    weights = mark if head is None else f"{mark}-{files.fingerprint(head)}"
    return FeatureMethod(settings, extract, weights=weights, store=env.store, name="distilled")


@register("distilled", presets=PRESETS)
def build(settings: DistilledSettings, env: Env) -> FeatureMethod:
    """The student under these settings. Raises FileNotFoundError where `head` names a file that is
    not there.
    """
    if settings.head == "concat":
        return with_head(settings, None, env)
    head = (
        new_head(settings, env)
        if settings.head == "untrained"
        else files.load(settings.head).to(env.device)
    )
    return with_head(settings, head, env)
