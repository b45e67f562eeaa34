"""Every benchmark that the toybox is written as, by the name under which `corrlib.data.load` reads
it; `spair_more` and `spair_hard` have the layout of `spair` in folders of their own.
"""

from corrlib.toybox.sets import cub, davis, hpatches, jhmdb, pf_pascal, pf_willow, spair, tss
from corrlib.toybox.sets.base import ToySet

SETS: dict[str, ToySet] = {
    "spair": spair.SET,
    "spair_more": spair.MORE,
    "spair_hard": spair.HARD,
    "pf_pascal": pf_pascal.SET,
    "pf_willow": pf_willow.SET,
    "cub": cub.SET,
    "tss": tss.SET,
    "hpatches": hpatches.SET,
    "davis": davis.SET,
    "jhmdb": jhmdb.SET,
}
