"""Results in memory: PHALP's dictionary, with typed records and a table of it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, overload

from humantrack.errors import DependencyError, ResultsError
from humantrack.results.columns import people_columns
from humantrack.results.framed import PathLike
from humantrack.results.record import record_from_phalp
from humantrack.results.table import people_table
from humantrack.results.world import World, load_world_of, world_path
from humantrack.types import FrameKey, FrameRecord

if TYPE_CHECKING:
    from pandas import DataFrame

_Frame = dict[str, Any]


class Results(dict[FrameKey, _Frame]):
    """What :func:`load_results` gives: frames under their keys, as docs/results.md has them.

    It is a plain dict, and is pickled as one, so that other programs can read what is made of it.

    >>> from humantrack import load_results
    >>> results = load_results("out.pkl")
    >>> len(results), results.track_ids
    (14, (1, 2, 3))
    >>> person = results.records[3].people[0]
    >>> person.track_id, person.missed, person.observation.body_pose.shape
    (1, 0, (23, 3, 3))

    Args:
        frames: the frames, under PHALP's keys.
        meta: the run's description.
        path: the file they are from.
    """

    meta: dict[str, Any] | None
    """``<name>.meta.json`` as it lies beside the file; None if there is none."""

    def __init__(
        self,
        frames: Mapping[FrameKey, _Frame] | Iterable[tuple[FrameKey, _Frame]] = (),
        *,
        meta: dict[str, Any] | None = None,
        path: PathLike | None = None,
    ) -> None:
        super().__init__(frames)
        self.meta = meta
        self._path = path

    @property
    def records(self) -> Sequence[FrameRecord]:
        """One typed record per frame, made when it is asked for.

        What a record cannot know from PHALP's keys is told in ``record_from_phalp``.

        Raises:
            ResultsError: on looking at a frame that is malformed.
        """
        return _Records(self)

    @cached_property
    def world(self) -> World | None:
        """The world, a ``WorldFrame`` per frame; None if there is no world file.

        Read when it is first asked for, from ``<name>.world.pkl`` beside the results.

        Raises:
            ResultsError: if the file is damaged, or belongs to other results.
        """
        if self._path is None or not world_path(self._path).exists():
            return None
        return load_world_of(self.items(), world_path(self._path))

    @property
    def track_ids(self) -> tuple[int, ...]:
        """Ids of all tracks, ascending."""
        return tuple(sorted({int(i) for frame in self.values() for i in frame["tid"]}))

    def to_pandas(self, rotations: str = "axis_angle", *, masks: bool = False) -> DataFrame:
        """A row per frame and track, with the columns of docs/python.md.

        >>> table = results.to_pandas(rotations="quaternion")
        >>> seen = table[table.state == "observed"]
        >>> seen.groupby("track_id").size().to_dict()
        {1: 5, 2: 14, 3: 9}

        Args:
            rotations: axis_angle, matrix, quaternion (w first) or 6d.
            masks: whether silhouettes are a column.

        Raises:
            DependencyError: if pandas is missing.
            ConfigError: for an unknown notation.
            ResultsError: if a frame is malformed.
        """
        try:
            import pandas
        except ImportError as error:
            raise DependencyError(
                f"a table needs pandas ({error})",
                hint="install it: pip install 'humantrack[pandas]'",
            ) from error
        frames = [_numbers(i, *item) for i, item in enumerate(self.items())]
        columns = people_table(
            people_columns(list(self.items())),
            index=[index for index, _, _ in frames],
            key=list(self),
            time_s=[time_s for _, time_s, _ in frames],
            shot=[shot for _, _, shot in frames],
            rotations=rotations,
            masks=masks,
        )
        return pandas.DataFrame(columns)

    def __reduce__(self) -> tuple[Any, ...]:
        return OrderedDict, (), None, None, iter(self.items())


def _numbers(number: int, key: FrameKey, frame: _Frame) -> tuple[int, float, bool]:
    """Index, time and mark of the ``number``-th frame."""
    try:
        time_s = float(frame.get("time_s", float("nan")))
        return int(frame.get("time", number)), time_s, bool(frame.get("shot", 0))
    except (TypeError, ValueError, OverflowError) as error:
        raise ResultsError(f"a frame of the results is malformed ({error})", where=key) from error


class _Records(Sequence[FrameRecord]):
    """The frames of results, each turned into a record when it is looked at."""

    def __init__(self, results: Results) -> None:
        self._results, self._keys = results, list(results)

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> FrameRecord: ...

    @overload
    def __getitem__(self, index: slice) -> list[FrameRecord]: ...

    def __getitem__(self, index: int | slice) -> FrameRecord | list[FrameRecord]:
        if isinstance(index, slice):
            return [self._record(key) for key in self._keys[index]]
        return self._record(self._keys[index])

    def __iter__(self) -> Iterator[FrameRecord]:
        return map(self._record, self._keys)

    def _record(self, key: FrameKey) -> FrameRecord:
        return record_from_phalp(key, self._results[key])
