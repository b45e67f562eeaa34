"""The lines that submit to a cluster are what their plugins take: parsed and validated by them."""

import importlib.util
from pathlib import Path

import pytest
import yaml

from tests.rehearsal.documented import documented

ROOT = Path(__file__).parents[2]
K8S = ("snakemake_executor_plugin_kubernetes", "snakemake_storage_plugin_s3")


def settings(words: list[str], executor: str):
    """Snakemake's arguments, and the plugin's settings out of them. Ends with an error where a word
    is unknown, raises WorkflowError where a setting is missing.
    """
    from snakemake.cli import parse_args
    from snakemake_interface_executor_plugins.registry import ExecutorPluginRegistry

    _, args = parse_args(words)
    plugin = ExecutorPluginRegistry().get_plugin(executor)
    return args, plugin.get_settings(args)


def test_the_line_for_slurm():
    args, found = settings(documented("slurm"), "slurm")
    assert (args.executor, args.jobs, args.config) == ("slurm", 64, ["profile=rehearsal"])
    assert found is not None
    wanted = {"slurm_account=a_ACCOUNT", "slurm_partition=a_PARTITION"}
    assert wanted <= set(args.default_resources.args)
    with pytest.raises(SystemExit):
        settings([*documented("slurm"), "--slurm-no-such-word"], "slurm")


@pytest.mark.skipif(
    not all(map(importlib.util.find_spec, K8S)),
    reason="the plugins are not installed; the page says how: pip install "
    + " ".join(name.replace("_", "-") for name in K8S),
)
def test_the_line_for_kubernetes():
    args, found = settings(documented("kubernetes"), "kubernetes")
    assert (args.executor, args.jobs) == ("kubernetes", 16)
    assert args.container_image == "a_IMAGE" and found.namespace == "default"
    storage = args.default_storage_provider, args.default_storage_prefix
    assert storage == ("s3", "s3://a_BUCKET")
    with pytest.raises(SystemExit):
        settings([*documented("kubernetes"), "--kubernetes-no-such-word"], "kubernetes")


def test_a_gpu_has_a_maker_for_kubernetes():
    resources = yaml.safe_load((ROOT / "profiles/paper.yml").read_text())["resources"]
    assert resources["gpu"] == 1 and resources["gpu_manufacturer"] in ("nvidia", "amd")
