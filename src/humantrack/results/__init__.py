"""Records to and from PHALP's keys: streaming pickle writer, safe reader."""

from humantrack.results.collection import Results
from humantrack.results.columns import PEOPLE_KEYS, PeopleColumns, people_columns
from humantrack.results.meta import DecodeErrors, RunMeta, meta_path, read_meta, write_meta
from humantrack.results.reader import (
    DEFAULT_MAX_SIZE,
    ResultsFile,
    TruncatedResultsWarning,
    iter_results,
    load_results,
)
from humantrack.results.record import TRUST_KEYS, record_from_phalp, record_to_phalp
from humantrack.results.world import (
    World,
    check_world_of,
    iter_world,
    iter_world_of,
    load_world,
    read_facts,
    without_worlds,
    world_path,
)
from humantrack.results.writer import ResultsWriter, check_partial, partial_path

__all__ = [
    "DEFAULT_MAX_SIZE",
    "PEOPLE_KEYS",
    "TRUST_KEYS",
    "DecodeErrors",
    "PeopleColumns",
    "Results",
    "ResultsFile",
    "ResultsWriter",
    "RunMeta",
    "TruncatedResultsWarning",
    "World",
    "check_partial",
    "check_world_of",
    "iter_results",
    "iter_world",
    "iter_world_of",
    "load_results",
    "load_world",
    "meta_path",
    "partial_path",
    "people_columns",
    "read_facts",
    "read_meta",
    "record_from_phalp",
    "record_to_phalp",
    "without_worlds",
    "world_path",
    "write_meta",
]
