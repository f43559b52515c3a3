"""The whole job in one call."""

import contextlib
import os
import threading
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from .errors import UsageError
from .evenly import choose_at_random, choose_evenly
from .export.checks import LAYOUTS, check_export
from .features.given import are_thumbnails, check_given
from .index import Index, PathLike, index_options, make_index
from .ingest import process
from .ingest.options import Drawn, Even
from .positions import Position
from .progress import ProgressCallback, silent
from .selection.checks import check_choice, check_foreground, check_limits, check_shares
from .sources import Input

if TYPE_CHECKING:
    from .outliers.judging import Predictions
    from .selection.result import Selection


def extract(
    inputs: Input | Iterable[Input],
    n: int,
    out: str | os.PathLike[str],
    *,
    store: PathLike | None = None,
    method: str = "kmeans",
    per_source: bool = False,
    seed: int = 0,
    min_gap: str | int | None = None,
    exclude: PathLike | Iterable[PathLike] | None = None,
    at_most: bool = False,
    keep_duplicates: bool = False,
    order: int = 4,
    min_per_source: int = 0,
    max_per_source: int | None = None,
    foreground: bool = False,
    prefer_sharp: float = 0.0,
    predictions: "Predictions | None" = None,
    hard: float = 0.5,
    vectors: Any = "thumbnails",
    normalize: bool = True,
    preprocess: PathLike | Mapping[str, Any] | None = None,
    config: Mapping[str, Any] | PathLike | None = None,
    skip_near: bool = False,
    metadata: PathLike | None = None,
    scores: PathLike | None = None,
    queries: Any = None,
    preselected: PathLike | Iterable[PathLike] | None = None,
    relevant_filenames: PathLike | None = None,
    near_duplicates: float | None = None,
    root: PathLike | None = None,
    size: int = 64,
    start: str | float | Position | None = None,
    stop: str | float | Position | None = None,
    step: int = 1,
    crop: str | tuple[int, int, int, int] | None = None,
    decode: str = "exact",
    color: bool = False,
    layout: str = "images",
    context: int | None = None,
    image_format: str = "png",
    picture_crop: str | tuple[int, int, int, int] | None = None,
    report: bool = False,
    device: str = "cpu",
    threads: int | None = None,
    isolate: bool | None = None,
    timeout_s: float = 300.0,
    stream: bool = False,
    scratch: PathLike | None = None,
    scratch_bytes: int | str | None = None,
    progress: ProgressCallback = silent,
) -> "Selection":
    """Videos in, the *n* most useful frames out, as pictures in *out*: `index`, `select` and `export`.

    The options are those of the three; see there, also for what they raise. *min_gap* is the layout's own by default:
    2 for ``"lightning-pose"``, so that no chosen frame is the next one's context. Options of all three are checked
    before anything is decoded. With *config*, a selection configuration of LightlyOne, `lightly.select_frames`
    chooses, with all that is brought along for it, from *predictions* to *root* (by default the folder that is the
    only input); *n* and the options of `select` that it lacks are not used. *preprocess* is the *options* of
    `embed`, where *vectors* is the path of a model.

    ``"uniform"`` of one video, or of each, chooses the same frames without decoding all: it decodes those in the
    middle of each part from their keyframes, and frames around one that is black or a copy of another chosen one.
    That is done where nothing else needs all frames: without *store*, *exclude*, *report*, *color*, *foreground*, *prefer_sharp*, *predictions*
    and *vectors* other than thumbnails. Damage to
    the rest of the video is not seen then.

    Returns
    -------
    Selection
        Its frames' ``file`` is relative to *out*; ``set_aside`` lists inputs that could not be used.
    """
    check_export(
        out,
        layout=layout,
        context=context,
        image_format=image_format,
        picture_crop=picture_crop,
        threads=threads,
    )
    alone = (
        per_source,
        min_gap is not None,
        min_per_source,
        max_per_source is not None,
        foreground,
        prefer_sharp,
    )
    if config is not None and any(alone):
        raise UsageError(
            "config goes with none of per_source, min_gap, min_per_source, max_per_source, foreground and prefer_sharp; "
            "leave them out"
        )
    min_gap = LAYOUTS[layout].min_gap if min_gap is None else min_gap
    check_choice(n, method, min_gap, seed, order)
    check_limits(n, min_per_source, max_per_source, per_source=per_source)
    check_shares(prefer_sharp, hard)
    if predictions is not None and config is None:
        from .predictions.matching import check_places  # late: few have any

        check_places(predictions)
    if exclude is not None:
        from .selection.excluded import (
            check_excluded,  # late: it brings PyAV, as all does that chooses and writes
        )

        exclude = check_excluded(exclude)
    check_foreground(foreground, vectors)
    vectors = check_given(vectors, preprocess)
    brought: dict[str, Any] = {
        "metadata": metadata,
        "scores": scores,
        "queries": queries,
        "preselected": preselected,
        "relevant_filenames": relevant_filenames,
        "near_duplicates": near_duplicates,
        "root": root,
    }
    rules = None
    if config is not None:
        from .lightly.frames import check_brought, read_config, select_frames

        rules = read_config(config)
        inputs, brought = check_brought(inputs, rules, {"predictions": predictions, **brought})
    elif given := [name for name, value in brought.items() if value is not None]:
        raise UsageError(f"{given[0]} is for a selection configuration: give config (--config) as well")
    options = index_options(
        size=size, start=start, stop=stop, step=step, crop=crop, decode=decode, color=color
    )

    def make(even: Even | Drawn | None = None) -> Index:
        return make_index(
            inputs,
            store,
            options._replace(even=even),
            device=device,
            threads=threads,
            isolate=isolate,
            timeout_s=timeout_s,
            stream=stream,
            scratch=scratch,
            scratch_bytes=scratch_bytes,
            progress=progress,
        )

    def choose(made: Index) -> "Selection":
        from .selection.choice import select

        if rules is not None:
            return select_frames(
                made,
                rules,
                skip_near=skip_near,
                exclude=exclude,
                **brought,
                keep_duplicates=keep_duplicates,
                vectors=vectors,
                normalize=normalize,
                seed=seed,
                device=device,
                threads=threads,
                progress=progress,
            )
        return select(
            made,
            n,
            method=method,
            per_source=per_source,
            seed=seed,
            min_gap=min_gap,
            exclude=exclude,
            at_most=at_most,
            keep_duplicates=keep_duplicates,
            order=order,
            min_per_source=min_per_source,
            max_per_source=max_per_source,
            foreground=foreground,
            prefer_sharp=prefer_sharp,
            predictions=predictions,
            hard=hard,
            vectors=vectors,
            normalize=normalize,
            device=device,
            threads=threads,
            progress=progress,
        )

    if process.is_ahead():
        threading.Thread(target=_load, args=[method], name="framesift-load", daemon=True).start()
    is_alone = per_source or _is_file(inputs)
    is_alone = is_alone and rules is None and decode == "exact"
    needs_all = store is not None or color or report or bool(exclude) or foreground or prefer_sharp
    needs_all = needs_all or predictions is not None or not are_thumbnails(vectors)
    found = None
    if is_alone and not needs_all:
        if method == "uniform":
            found = choose_evenly(make, choose, n)
        elif method == "random" and min_gap is None:
            found = choose_at_random(make, choose, n, seed)
    made, selection = found or (make(), None)
    with made:
        if selection is None:
            selection = choose(made)
        from .export.exporting import export

        export(
            selection,
            out,
            layout=layout,
            context=context,
            image_format=image_format,
            picture_crop=picture_crop,
            report=report,
            device=device,
            threads=threads,
            progress=progress,
        )
    selection.index = None
    return selection


def _load(method: str) -> None:
    """Get ready what chooses and writes while another process decodes."""
    with contextlib.suppress(Exception):  # which is raised where it is wanted
        from .export import exporting  # noqa: F401
        from .selection.choice import rehearse

        rehearse(method)


def _is_file(inputs: Input | Iterable[Input]) -> bool:
    """They are one file."""
    if isinstance(inputs, list | tuple) and len(inputs) == 1:
        inputs = inputs[0]
    return isinstance(inputs, str | os.PathLike) and os.path.isfile(inputs)
