"""Checkpoints -> tensors -> a module, every key accounted for and nothing in the file ever run."""

from __future__ import annotations

import warnings
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from humantrack.errors import MissingWeightsError, WeightsError
from humantrack.weights import safe_pickle

if TYPE_CHECKING:
    from torch import Tensor, nn

LEGACY = b"\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"
"""A torch file of the old form begins with a pickle of this number (torch/serialization.py)."""

HEAD = 32
"""Bytes within which that number stands, whatever the pickle's protocol."""

_SHOWN = 8
"""Keys of a kind that an error names before it only counts."""


def read_checkpoint(path: Path) -> Any:
    """The content of a torch file (zip or legacy), on the CPU, mapped rather than read if possible.

    A plain pickle, with tensors or numpy arrays in it, is read as well. Objects of foreign classes
    and modules that were pickled whole come back as :class:`~humantrack.weights.safe_pickle.Inert`.

    Raises:
        MissingWeightsError: no such file.
        WeightsError: not a torch file, cut short, or one that asks to run code.
    """
    import torch

    path = Path(path)
    kind = _kind(path)
    if kind == "pickle":
        return safe_pickle.load_file(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on the age of the format: nothing a user can act on
            return torch.load(
                path,
                map_location="cpu",
                mmap=kind == "zip",
                weights_only=False,  # torch's own list would refuse Lightning files; ours is inert
                pickle_module=safe_pickle,
            )
    except (*safe_pickle.PICKLE_ERRORS, RuntimeError, AssertionError, OSError) as error:
        what = "not a checkpoint that can be read"
        raise WeightsError(f"{what} ({_first_line(error)})", where=path) from error


def _kind(path: Path) -> str:
    """'zip', 'legacy' or 'pickle', judged by the first bytes, before torch looks at the file."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except FileNotFoundError:
        hint = "see humantrack-weights list"
        raise MissingWeightsError("no such model file", where=path, hint=hint) from None
    except OSError as error:
        raise WeightsError(f"the file cannot be read ({error.strerror})", where=path) from error
    if head.startswith(b"PK\x03\x04"):
        _check_archive(path)
        return "zip"
    if head[:1] == b"\x80":
        return "legacy" if LEGACY in head else "pickle"
    raise WeightsError(
        "not a torch checkpoint", where=path, hint="it may be cut short; fetch it anew"
    )


def _check_archive(path: Path) -> None:
    """Raise unless this is a whole zip with one pickle; torch would run a TorchScript archive."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        hint = "it is cut short or damaged; fetch it anew"
        raise WeightsError("the checkpoint is incomplete", where=path, hint=hint) from error
    if any(name.endswith("/constants.pkl") for name in names):
        raise WeightsError("a TorchScript program, not a checkpoint", where=path)
    if not any(name.endswith("/data.pkl") for name in names):
        raise WeightsError("a zip file, but not a torch checkpoint", where=path)


def read_state_dict(path: Path, entry: str | None = "state_dict") -> dict[str, Tensor]:
    """The weights of a checkpoint.

    Args:
        path: the file.
        entry: where they lie in it ("state_dict" for Lightning); None: the file is the state dict.

    Raises:
        MissingWeightsError: no such file.
        WeightsError: as :func:`read_checkpoint`, or if there are no weights under ``entry``.
    """
    import torch

    content = read_checkpoint(path)
    if entry is not None:
        if not isinstance(content, dict) or entry not in content:
            have = sorted(map(str, content))[:_SHOWN] if isinstance(content, dict) else "no entries"
            raise WeightsError(f"no weights under {entry!r} (the file has {have})", where=path)
        content = content[entry]
    if not isinstance(content, dict) or not content:
        raise WeightsError("the file holds no weights", where=path)
    odd = [str(k) for k, v in content.items() if not isinstance(v, torch.Tensor)]
    if odd:
        raise WeightsError(f"not tensors: {_listed(odd)}", where=path)
    return {str(key): value for key, value in content.items()}


def load_strict(
    module: nn.Module,
    state: Mapping[str, Tensor],
    *,
    ignore: Sequence[str] = (),
    optional: Sequence[str] = (),
    where: object = None,
) -> None:
    """Put weights into a module (which may lie on the meta device) by assignment, not by copying.

    Args:
        module: takes the tensors over; floating ones in the type the module has.
        state: key -> tensor.
        ignore: beginnings of keys of ``state`` that are known and not wanted.
        optional: beginnings of keys of ``module`` that may be missing from ``state``.
        where: the file, for the error.

    Raises:
        WeightsError: naming the keys that are unknown, missing, or of another shape.
    """
    wanted = module.state_dict(keep_vars=True)
    given = {key: value for key, value in state.items() if not key.startswith(tuple(ignore))}
    unknown = [key for key in given if key not in wanted]
    missing = [k for k in wanted if k not in given and not k.startswith(tuple(optional))]
    misshapen = [
        f"{key} {tuple(given[key].shape)} instead of {tuple(value.shape)}"
        for key, value in wanted.items()
        if key in given and given[key].shape != value.shape
    ]
    problems = [
        f"{len(keys)} {what}: {_listed(keys)}"
        for what, keys in (("missing", missing), ("unknown", unknown), ("misshapen", misshapen))
        if keys
    ]
    if problems:
        hint = "this is a checkpoint of another model or another version"
        raise WeightsError(
            "the weights do not fit the network: " + "; ".join(problems), where=where, hint=hint
        )
    fitting = {k: v.detach().to(wanted[k].dtype) for k, v in given.items()}
    # All keys were matched above; "not strict" only lets the optional ones stay as they are.
    module.load_state_dict(fitting, strict=False, assign=True)


def _listed(keys: Iterable[str]) -> str:
    """The first few keys and how many more there are."""
    keys = list(keys)
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(keys[:_SHOWN]) + more


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0][:200]
