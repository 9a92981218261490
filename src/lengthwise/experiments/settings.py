"""The settings of a comparison as people write them: those of a run, plus mechanisms, learning rates and seeds."""

from collections.abc import Mapping
from typing import Any

from lengthwise.attention.mechanism import read_name
from lengthwise.configuration import Tree, check_keys, keys
from lengthwise.errors import InputError
from lengthwise.experiments.config import ComparisonConfig, RunConfig

_COMPARED = {"mechanisms": ("model", "mechanism"), "learning_rates": ("train", "learning_rate")}
"""What a comparison has several of, and where a run has its one."""


def check_names(tree: Tree, kind: type[RunConfig] | type[ComparisonConfig]) -> None:
    """Refuse a key or a mechanism that does not exist, before the task and the parts that do exist are imported.

    Args:
        tree: the settings of a ``kind``, as people write them.
        kind: a run, or a comparison.

    Raises:
        InputError: for the first name that does not exist.
    """
    check_keys(tree, {key.removeprefix("base."): of for key, of in keys(kind).items()})
    model, several = tree.get("model"), tree.get("mechanisms")
    named = [*(several if isinstance(several, list) else []), model.get("mechanism") if isinstance(model, dict) else ""]
    for name in named:
        if name and isinstance(name, str):
            read_name(name)


def read_comparison(tree: Mapping[str, Any]) -> ComparisonConfig:
    """Read the comparison that ``tree`` describes.

    Raises:
        InputError: for the first setting that does not fit.
    """
    own = {key: tree[key] for key in (*_COMPARED, "bracket", "seeds", "data_seeds") if key in tree}
    base = RunConfig.read({key: value for key, value in tree.items() if key not in own})
    return ComparisonConfig.read({**own, "base": base.model_dump(mode="json")})


def write_comparison(config: ComparisonConfig) -> Tree:
    """Return the settings that :func:`read_comparison` reads. Those of a single run are also settings of that run."""
    own = config.model_dump(mode="json")
    base: Tree = own.pop("base")
    single = len(config.mechanisms) == len(config.learning_rates) == config.runs == 1
    for several, (section, key) in _COMPARED.items():
        del base[section][key]
        if single:
            base[section][key] = own[several][0]
    return base if single else {**own, **base}


def compared(tree: Tree) -> Tree:
    """Return the settings with a run's single mechanism and learning rate as the only ones to compare.

    Raises:
        InputError: if both the single value and the list are given.
    """
    for several, (section, key) in _COMPARED.items():
        inner = tree.get(section)
        if isinstance(inner, dict) and key in inner:
            if several in tree:
                raise InputError(
                    f"{section}.{key} is {inner[key]!r}, but {several} are given as well; a comparison takes all of "
                    f"them from {several}: drop {section}.{key}."
                )
            rest = {name: value for name, value in inner.items() if name != key}
            tree = {**tree, section: rest, several: [inner[key]]}
    return tree
