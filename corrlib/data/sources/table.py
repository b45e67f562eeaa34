"""The eight benchmarks: addresses in the order in which they are tried, sizes, checksums, and what
must be there when unpacked.

No address could be tried where this was written. Addresses, sizes and checksums are those that
public code states: checksums by two projects or more each, JHMDB's by one. Without one, what was
fetched is known afterwards by the sha256 in `fetched.json`.
"""

from corrlib.data.sources import Benchmark, Mirror, Part, drive

_ENS = "https://www.di.ens.fr/willow/research"
_LISTS = f"{_ENS}/cnngeometric/other_resources"
_SPAIR = "cvlab.postech.ac.kr/research/SPair-71k/data/SPair-71k.tar.gz"
_SPAIR_BYTES = (
    226_961_117,
    "sha256:d145eebe4d7d02ff0b9e2746dd3d72cfcb872df0dcfd6f3227576eb594408809",
)
_CUB_BYTES = (1_150_585_339, "md5:97eceeb196236b17998738112f37df78")
_MASKS_BYTES = (39_272_883, "md5:4d47ba1228eae64f2fa547c47bc65255")
_ACSM = "md5:89842f8937a136bfdd7106e80f88d30f"
_DAVIS_BYTES = (
    832_766_765,
    "sha256:e3d0b5b77c3d031b000a19e0e25e3e2cac65d183755601bc2cf066df1a2aa492",
)
_DAVIS = "DAVIS-2017-trainval-480p.zip"
_ETH = "https://data.vision.ee.ethz.ch"
_HPATCHES = "hpatches-sequences-release"
_HPATCHES_BYTES = (
    1_279_545_572,
    "sha256:99cf7e1ca167896eb4ca2fe3d903beff6566243a3c0c8e07a13a2596648ad670",
)
_JHMDB = "https://files.is.tue.mpg.de/jhmdb"
_CALTECH = "https://data.caltech.edu/records"
_REPACK = "repacked by other authors"


def _jhmdb(file: str, md5: str, megabytes: int | float, unpacked: int | float, **what) -> Part:
    """One of JHMDB's archives; each becomes one folder of its own name."""
    return Part(
        (Mirror(f"{_JHMDB}/{file}", hash=f"md5:{md5.lower()}"),),
        megabytes,
        unpacked,
        file.split(".")[0],
        **what,
    )


_TABLE = (
    Benchmark(
        "spair",
        "SPair-71k",
        "SPair-71k",
        "https://cvlab.postech.ac.kr/research/SPair-71k/",
        (
            Part(
                (
                    Mirror(f"https://{_SPAIR}", "", *_SPAIR_BYTES),
                    Mirror(
                        f"https://web.archive.org/web/20250701134122id_/https://{_SPAIR}",
                        "",
                        *_SPAIR_BYTES,
                        "Internet Archive",
                    ),
                    Mirror(
                        drive("1KSvB0k2zXA06ojWNvFjBv0Ake426Y76k"),
                        "SPair-71k-repacked.tar.gz",
                        note=_REPACK,
                    ),
                ),
                227,
                620,
                holds={
                    "JPEGImages/*/*.jpg": 1800,
                    "ImageAnnotation/*/*.json": 1800,
                    "Layout/large/*.txt": 3,
                    "PairAnnotation/val/*.json": 5384,
                    "PairAnnotation/test/*.json": 12234,
                },
                usual={"PairAnnotation/trn/*.json": 53340, "Segmentation/*/*.png": 1800},
            ),
        ),
        "File names hold a colon, which Windows does not allow.",
    ),
    Benchmark(
        "pf_pascal",
        "PF-Pascal",
        "PF-dataset-PASCAL",
        f"{_ENS}/proposalflow/",
        (
            Part(
                (
                    Mirror(f"{_ENS}/proposalflow/dataset/PF-dataset-PASCAL.zip"),
                    Mirror(
                        drive("1OOwpGzJnTsFXYh-YffMQ9XKM_Kl_zdzg"), "PF-PASCAL.tar.gz", note=_REPACK
                    ),
                ),
                150,
                160,
                holds={"JPEGImages/*.jpg": 1, "Annotations/*/*.mat": 1},
                usual={"Annotations/*/": 20},
            ),
            Part(
                (Mirror(f"{_LISTS}/test_pairs_pf_pascal.csv"),),
                0.3,
                0.3,
                "test_pairs.csv",
                rows=299,
            ),
            Part(
                (Mirror(f"{_LISTS}/val_pairs_pf_pascal.csv"),), 0.1, 0.1, "val_pairs.csv", rows=308
            ),
            Part(
                (Mirror(drive("111tpXshLiJ4qudBHoGK3HbMSNr9vVRq9"), "train_pairs_pf_pascal.csv"),),
                0.3,
                0.3,
                "train_pairs.csv",
                rows=2940,
                extra="the training split",
            ),
        ),
    ),
    Benchmark(
        "pf_willow",
        "PF-Willow",
        "PF-dataset",
        f"{_ENS}/proposalflow/",
        (
            Part(
                (
                    Mirror(f"{_ENS}/proposalflow/dataset/PF-dataset.zip"),
                    Mirror(
                        drive("1tDP0y8RO5s45L-vqnortRaieiWENQco_"), "PF-WILLOW.tar.gz", note=_REPACK
                    ),
                ),
                11,
                11,
                holds={"*/*.png": 100, "*/*.mat": 100},
            ),
            Part(
                (
                    Mirror(f"{_LISTS}/test_pairs_pf.csv"),
                    Mirror(
                        "https://www.robots.ox.ac.uk/~xinghui/sd4match/test_pairs.csv",
                        "test_pairs_pf.csv",
                    ),
                ),
                0.5,
                0.5,
                "test_pairs.csv",
                rows=900,
                extra="the published list; the 900 pairs are all those within a sub-class",
            ),
        ),
    ),
    Benchmark(
        "cub",
        "CUB-200-2011",
        "CUB_200_2011",
        "https://www.vision.caltech.edu/datasets/cub_200_2011/",
        (
            Part(
                (
                    Mirror(f"{_CALTECH}/65de6-vp158/files/CUB_200_2011.tgz", "", *_CUB_BYTES),
                    Mirror(
                        "http://www.vision.caltech.edu/visipedia-data/CUB-200-2011/CUB_200_2011.tgz",
                        "",
                        *_CUB_BYTES,
                        "the old place",
                    ),
                    Mirror(
                        drive("1hbzc_P1FuxMkcabkgn9ZKinBwW683j45"), "CUB_200_2011.tgz", *_CUB_BYTES
                    ),
                ),
                1151,
                1250,
                holds={
                    "images/*/*.jpg": 11788,
                    "parts/part_locs.txt": 1,
                    "images.txt": 1,
                    "bounding_boxes.txt": 1,
                },
            ),
            Part(
                (
                    Mirror(
                        "https://www.dropbox.com/sh/ea3yprgrcjuzse5/AACgvZyPDkR9nWpPk-LJc9ATa/cachedir.tar.gz?dl=1",
                        "",
                        None,
                        _ACSM,
                    ),
                    Mirror(
                        "https://people.eecs.berkeley.edu/~shubhtuls/cachedir/cmr/cachedir.tar.gz",
                        "",
                        None,
                        _ACSM,
                        "the first place",
                    ),
                ),
                500,
                1000,
                "cachedir",
                {"cub/data/test_cub_cleaned.mat": 1},
                extra="the cropped protocol's list of images",
            ),
            Part(
                (
                    Mirror(f"{_CALTECH}/w9d68-gec53/files/segmentations.tgz", "", *_MASKS_BYTES),
                    Mirror(
                        drive("1EamOKGLoTuZdtcVYbHMWNpkn3iAVj8TP"),
                        "segmentations.tgz",
                        *_MASKS_BYTES,
                    ),
                ),
                39,
                60,
                "segmentations",
                {"*/*.png": 11788},
                extra="masks",
            ),
        ),
    ),
    Benchmark(
        "tss",
        "TSS",
        "TSS_CVPR2016",
        "https://taniai.space/projects/cvpr16_dccs/",
        (
            Part(
                (
                    Mirror(
                        "http://www.hci.iis.u-tokyo.ac.jp/datasets/data/JointCorrCoseg/TSS_CVPR2016.zip"
                    ),
                    Mirror(
                        drive("0B-VxeI7PlJE1U3FyTGVpbUFtcjg"),
                        "TSS_CVPR2016.zip",
                        note="an old kind of link, which Google may refuse",
                    ),
                ),
                800,
                3000,
                holds={f"{group}/*/flow1.flo": 1 for group in ("FG3DCar", "JODS", "PASCAL")},
                usual={
                    "FG3DCar/*/flow1.flo": 195,
                    "JODS/*/flow1.flo": 81,
                    "PASCAL/*/flow1.flo": 124,
                },
            ),
            Part(
                (Mirror(f"{_LISTS}/test_pairs_tss.csv"),),
                0.1,
                0.1,
                "test_pairs_tss.csv",
                rows=1,
                extra="a list for other code",
            ),
        ),
    ),
    Benchmark(
        "hpatches",
        "HPatches sequences",
        _HPATCHES,
        "https://github.com/hpatches/hpatches-dataset",
        (
            Part(
                (
                    Mirror(
                        f"https://huggingface.co/datasets/vbalnt/hpatches/resolve/main/{_HPATCHES}.zip",
                        "",
                        *_HPATCHES_BYTES,
                        "the authors' own copy since the first place went",
                    ),
                    Mirror(
                        f"http://icvl.ee.ic.ac.uk/vbalnt/hpatches/{_HPATCHES}.tar.gz",
                        note="the first place, reported dead since 2024",
                    ),
                ),
                1280,
                2600,
                holds={"i_*/H_1_6": 57, "v_*/H_1_6": 59, "*/1.ppm": 116, "*/6.ppm": 116},
            ),
        ),
    ),
    Benchmark(
        "davis",
        "DAVIS-2017 at 480p",
        "DAVIS",
        "https://davischallenge.org/davis2017/code.html",
        (
            Part(
                (
                    Mirror(f"{_ETH}/csergi/share/davis/{_DAVIS}", "", *_DAVIS_BYTES),
                    Mirror(f"{_ETH}/jpont/davis/{_DAVIS}", "", *_DAVIS_BYTES, "the older place"),
                ),
                833,
                860,
                holds={
                    "JPEGImages/480p/*/00000.jpg": 90,
                    "Annotations/480p/*/00000.png": 90,
                    "ImageSets/2017/val.txt": 1,
                },
            ),
        ),
    ),
    Benchmark(
        "jhmdb",
        "JHMDB",
        "JHMDB",
        "http://jhmdb.is.tue.mpg.de/",
        (
            _jhmdb(
                "Rename_Images.tar.gz",
                "23726FBAC4BC69A726DC3DAF2E7AB4C1",
                4000,
                4200,
                holds={"*/*/00001.png": 1},
                usual={"*/*/00001.png": 928},
            ),
            _jhmdb(
                "joint_positions.zip",
                "3D1AC91BCB8544DDFDD9547997DB239F",
                15,
                20,
                holds={"*/*/joint_positions.mat": 1},
                usual={"*/*/joint_positions.mat": 928},
            ),
            _jhmdb(
                "splits.zip",
                "15B9F2F7A99D63C07F3BE0C9ECDE43B5",
                0.1,
                1,
                holds={"*_split1.txt": 1},
                usual={"*_split1.txt": 21},
            ),
            _jhmdb(
                "puppet_mask.zip",
                "EEBF6C6C71FAA16709B709B758710D17",
                50,
                100,
                holds={"*/*/puppet_mask.mat": 1},
                extra="masks",
            ),
            _jhmdb(
                "sub_splits.zip",
                "E459DF140CDE2125C61970151A0EA8CB",
                0.1,
                1,
                holds={"*.txt": 1},
                extra="the split of sub-JHMDB",
            ),
        ),
    ),
)

BENCHMARKS = {benchmark.name: benchmark for benchmark in _TABLE}
