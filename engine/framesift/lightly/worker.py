"""The worker's options beside its selection: those that shape what is selected, and those that mean nothing here.

Source: the models of the client's OpenAPI package (lightly 1.5, ``docker_worker_config_v2_docker`` to
``docker_worker_config_v4_docker``), and the configuration file of its documentation up to version 1.2.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..errors import UsageError
from .config import (
    Check,
    Config,
    Entry,
    Input,
    Strategy,
    integer,
    number,
    one_of,
    options,
    parse_selection,
    snake,
    text,
    truth,
)

CORRUPTION_THRESHOLD = 0.1
"""Where the corruptness check is asked for without one."""
_PARTS = {
    "selection_config": "selection",
    "selection": "selection",
    "worker_config": "worker",
    "docker": "worker",
    "lightly_config": "model",
    "lightly": "model",
}
"""What the client and the platform call the parts of a run's configuration."""
_SELECTION = ("method", "stopping_condition")
_IGNORED = (
    "cache_size checkpoint checkpoint_run_id crops datasource dump_dataset dump_sampled_embeddings embeddings "
    "enable_training force_start input_expiration memory_requirement_in_gb n_example_images num_processes "
    "num_threads object_level output_image_format output_image_size pretagging pretagging_debug "
    "pretagging_upload sanity_check show_video_sampling_timeline shutdown_when_job_finished training "
    "upload_dataset upload_report use_datapool use_frame_count_metadata use_redirected_read_url"
).split()
_MODEL = "checkpoint_callback collate criterion loader model optimizer seed trainer".split()


def _anything(value: Any, where: str) -> Any:
    return value


def _corruptness(value: Any, where: str) -> float | None:
    found = options(value, where, {"corruption_threshold": number(0.0, 1.0)})
    threshold: float | None = found.get("corruption_threshold")
    return threshold


SHAPING: dict[str, Check] = {
    "remove_exact_duplicates": truth,
    "enable_corruptness_check": truth,
    "corruptness_check": _corruptness,
    "corruption_threshold": number(0.0, 1.0),
    "selected_sequence_length": integer(1),
    "relevant_filenames_file": text(r"[\s\S]*", "the name of a file"),
    "normalize_embeddings": truth,
}
"""Options of the worker that a selection configuration may hold as well."""
_STOPPING: dict[str, Check] = {"n_samples": number(-1.0), "min_distance": number()}
_OLDER: dict[str, Check] = {
    "method": one_of(("coreset", "random")),
    "stopping_condition": lambda value, where: options(value, where, _STOPPING),
}
_WORKER: dict[str, Check] = {**_OLDER, **SHAPING, **dict.fromkeys(_IGNORED, _anything)}


def shape_of(found: Mapping[str, Any]) -> dict[str, Any]:
    """Fields of `Config` that checked options of `SHAPING` say."""
    threshold = found.get("corruptness_check", found.get("corruption_threshold"))
    asked = found.get("enable_corruptness_check", threshold is not None)
    return {
        "remove_exact_duplicates": found.get("remove_exact_duplicates"),
        "corruption_threshold": (CORRUPTION_THRESHOLD if threshold is None else threshold) if asked else None,
        "sequence_length": found.get("selected_sequence_length", 1),
        "relevant_filenames": found.get("relevant_filenames_file") or None,
        "normalize": found.get("normalize_embeddings", True),
    }


def is_for_worker(names: set[str]) -> bool:
    """Whether a configuration with options of these names is one of a whole run, or has no strategies yet."""
    return "strategies" not in names and bool(names & {*_PARTS, *_SELECTION})


def parse(config: Mapping[str, Any]) -> Config:
    """Check the configuration of a run: its parts, or the worker's options alone.

    Raises
    ------
    UsageError
        As for `config.parse`.
    """
    if not {snake(name) for name in config} & {*_PARTS}:
        return _parse_worker(config, "config", None)
    parts: dict[str, tuple[Any, str]] = {}
    for name, part in options(config, "config", dict.fromkeys(_PARTS, _anything)).items():
        if _PARTS[name] in parts:
            raise UsageError(f"config: '{name}' is given twice, as '{parts[_PARTS[name]][1]}' too")
        parts[_PARTS[name]] = part, name
    selection = parts.get("selection")
    worker, name = parts.get("worker", ({}, "worker_config"))
    chosen = None if selection is None else parse_selection(selection[0], f"config.{selection[1]}")
    found = _parse_worker(worker, f"config.{name}", chosen)
    model, name = parts.get("model", ({}, ""))
    unused = options(model, f"config.{name}", dict.fromkeys(_MODEL, _anything))
    return replace(found, ignored=(*found.ignored, *(f"{name}.{option}" for option in unused)))


def _parse_worker(worker: Any, where: str, selection: Config | None) -> Config:
    found = options(worker, where, _WORKER)
    if selection is None:
        selection = _older(found, where)
    elif given := [name for name in _SELECTION if name in found]:
        raise UsageError(f"{where}: '{given[0]}' and a selection exclude each other, got both")
    known = {snake(name) for name in worker}
    shape = shape_of(found)
    said = {name: value for name, value in shape.items() if any(o in known for o in _OPTIONS[name])}
    return replace(selection, **said, ignored=tuple(name for name in found if name in _IGNORED))


_OPTIONS = {
    "remove_exact_duplicates": ("remove_exact_duplicates",),
    "corruption_threshold": ("enable_corruptness_check", "corruptness_check", "corruption_threshold"),
    "sequence_length": ("selected_sequence_length",),
    "relevant_filenames": ("relevant_filenames_file",),
    "normalize": ("normalize_embeddings",),
}
"""By what each field is said."""


def _older(found: Mapping[str, Any], where: str) -> Config:
    """What the worker selected before it had strategies: greedy k-center, or random samples.

    ``n_samples`` is a number of samples, or a share of them below 1; -1, as a ``min_distance`` of -1, means none.
    """
    stop = found.get("stopping_condition", {})
    n, distance = stop.get("n_samples", -1.0), stop.get("min_distance", -1.0)
    if 1 <= n != int(n) or -1 < n < 0:
        raise UsageError(f"{where}.stopping_condition.n_samples: expected a count, a share or -1, got {n:g}")
    if found.get("method", "coreset") == "random":
        entry_input, strategy = Input(type="RANDOM"), Strategy(type="WEIGHTS")
    else:
        least = distance if distance > 0 else None
        entry_input = Input(type="EMBEDDINGS")
        strategy = Strategy(type="DIVERSITY", stopping_condition_minimum_distance=least)
    return Config(
        n_samples=int(n) if n >= 1 else None,
        proportion_samples=n if 0 <= n < 1 else None,
        strategies=(Entry(where=f"{where}.method", input=entry_input, strategy=strategy),),
    )
