"""A pickle is a program; this reader runs only what makes NumPy arrays, so that Nielsen's data load safely."""

import io
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np

from nnparity.checks import stop_input

_PLAIN_KINDS = "biufc"  # truth values, whole and real numbers: no objects, which would bring code of their own


def _empty_array(kind: Any, shape: Any, typecode: Any) -> np.ndarray:
    # Pickled arrays begin as an empty one, filled by their state afterwards.
    if kind is not np.ndarray or tuple(shape) != (0,):
        raise pickle.UnpicklingError("no plain array")
    return np.empty(0, np.int8)


def _plain_type(name: Any, *flags: Any) -> np.dtype:
    dtype = np.dtype(str(name))
    if dtype.kind not in _PLAIN_KINDS:
        raise pickle.UnpicklingError("no numbers")
    return dtype


def _array_of_bytes(content: Any, dtype: np.dtype, shape: Any, order: str, *axes: Any) -> np.ndarray:
    # Protocol 5 brings the whole array at once.
    if axes or dtype.kind not in _PLAIN_KINDS:
        raise pickle.UnpicklingError("no plain array")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if order == "F" else "C")


def _plain_scalar(dtype: np.dtype, content: Any) -> Any:
    return np.frombuffer(_latin1(content), dtype)[0]


def _latin1(text: Any, encoding: str = "latin1") -> bytes:
    # Python 3 writes bytes into old protocols as text and a call of _codecs.encode.
    if encoding != "latin1":
        raise pickle.UnpicklingError("another encoding")
    return text if isinstance(text, bytes) else str(text).encode("latin1")


# The only things that a pickle may name, and what stands in for them here.
_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): _plain_type,
    ("numpy.core.multiarray", "_reconstruct"): _empty_array,
    ("numpy.core.multiarray", "scalar"): _plain_scalar,
    ("numpy._core.multiarray", "_reconstruct"): _empty_array,
    ("numpy._core.multiarray", "scalar"): _plain_scalar,
    ("numpy.core.numeric", "_frombuffer"): _array_of_bytes,
    ("numpy._core.numeric", "_frombuffer"): _array_of_bytes,
    ("_codecs", "encode"): _latin1,
}


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name}")
        return _ALLOWED[module, name]


def unpickle_arrays(content: bytes, source: str) -> Any:
    """Return the tuples, lists and arrays of numbers that a pickle holds.

    Parameters
    ----------
    content : the pickle, of any protocol, written by Python 2 or 3.
    source : the name under which errors speak of it.

    Raises
    ------
    InputError
        If it names anything but NumPy's arrays, or is damaged.
    """
    try:
        return _ArrayUnpickler(io.BytesIO(content), encoding="latin1").load()
    except pickle.UnpicklingError as error:
        reason = f" ({error})" if "." in str(error) and " " not in str(error) else ""
        stop_input(f"{source}: expected a pickle of NumPy arrays alone, not of other things{reason}, and undamaged")
    except Exception:  # a damaged pickle can raise anything
        stop_input(f"{source}: expected a pickle of NumPy arrays alone, not a damaged one")
