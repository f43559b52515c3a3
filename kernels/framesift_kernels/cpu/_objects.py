"""Object code of kernels: compiled by Numba once, kept on disk, linked into later processes without Numba.

A kernel without allocations, exceptions and Python objects compiles to object code that refers to nothing outside
itself, in Numba's calling convention: ``int32 f(void *result, void *exception, arguments...)``, an array being
passed as ``(meminfo, parent, n_items, item_bytes, data, *shape, *strides)``. LLVM's own linker puts it in place in
about a millisecond. Importing Numba and having it read its cache takes about half a second instead.
"""

import contextlib
import ctypes
import hashlib
import os
import sys
import threading
from collections.abc import Callable
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

Call = Callable[[tuple[Any, ...]], None]
Kinds = tuple[Any, ...]
"""Of each argument: (dtype.char, ndim) of an array, else int or float."""

_PACKAGE = Path(__file__).parents[1]
_DIGEST_BYTES = hashlib.sha256().digest_size

_lock = threading.Lock()
_engines: list[Any] = []
"""What owns the code in memory, to the end of the process."""


def load(function: Callable[..., Any], kinds: Kinds) -> Call:
    """Return *function* compiled for arguments of these *kinds*.

    Raises
    ------
    TypeError
        An argument is neither an array nor an int nor a float.
    """
    for kind in kinds:
        if kind not in (int, float) and not isinstance(kind, tuple):
            raise TypeError(f"{function.__name__} takes arrays, ints and floats, got {kind.__name__}")
    with _lock:
        path = _path(function, kinds)
        found = _read(path)
        if found is None:
            found = _compile(function, kinds)
            _write(path, *found)
        return _caller(function, kinds, _link(*found))


def _caller(function: Callable[..., Any], kinds: Kinds, address: int) -> Call:
    pointer, integer = ctypes.c_void_p, ctypes.c_int64
    types: list[Any] = [pointer, pointer]
    for kind in kinds:
        if isinstance(kind, tuple):
            types += [pointer, pointer, integer, integer, pointer] + [integer] * (2 * kind[1])
        else:
            types.append(integer if kind is int else ctypes.c_double)
    native = ctypes.CFUNCTYPE(ctypes.c_int32, *types)(address)  # releases the GIL

    def call(args: tuple[Any, ...]) -> None:
        result = ctypes.c_void_p()  # both are written by what neither returns nor raises: never
        words: list[Any] = [ctypes.addressof(result), ctypes.addressof(result)]
        for a in args:
            if isinstance(a, np.ndarray):
                if not a.flags.c_contiguous:
                    raise ValueError(f"{function.__name__} takes C-contiguous arrays")
                words += (None, None, a.size, a.itemsize, a.ctypes.data, *a.shape, *a.strides)
            else:
                words.append(a)
        if native(*words):
            raise RuntimeError(f"{function.__name__} failed")

    return call


def _link(symbol: str, code: bytes) -> int:
    """Put object code in memory; return the address of *symbol*."""
    from llvmlite import binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return int(engine.get_function_address(symbol))


def _compile(function: Callable[..., Any], kinds: Kinds) -> tuple[str, bytes]:
    """Symbol and object code of *function*, by Numba."""
    from numba import from_dtype, types
    from numba.core import compiler
    from numba.core.registry import cpu_target

    numba: Any = compiler  # which has no types of its own

    arguments = [
        types.Array(from_dtype(np.dtype(kind[0])), kind[1], "C")
        if isinstance(kind, tuple)
        else {int: types.int64, float: types.float64}[kind]
        for kind in kinds
    ]
    flags = numba.Flags()
    flags.error_model = "numpy"
    flags.no_cpython_wrapper = flags.no_cfunc_wrapper = True
    typing, target = cpu_target.typing_context, cpu_target.target_context
    typing.refresh()
    target.refresh()
    result = numba.compile_extra(typing, target, function, arguments, types.none, flags, {})
    _name, _kind, (code, _shared) = result.library.serialize_using_object_code()
    return result.fndesc.llvm_func_name, code


# The cache -----------------------------------------------------------------------------------------------------


def _path(function: Callable[..., Any], kinds: Kinds) -> Path | None:
    """Where the object code is kept; None where nothing can be."""
    folder = _folder()
    if folder is None:
        return None
    names = [f"{k[0]}{k[1]}" if isinstance(k, tuple) else k.__name__[0] for k in kinds]
    module = function.__module__.rpartition(".")[2]
    return folder / f"{module}.{function.__name__}-{''.join(names)}-{_digest()}.o"


@cache
def _digest() -> str:
    """Of everything that object code depends on: the sources, the compiler, the processor."""
    import llvmlite
    from llvmlite import binding as llvm

    numba = find_spec("numba")  # not imported; and importlib.metadata is slow
    assert numba is not None
    assert numba.origin is not None
    parts = [llvmlite.__version__, sys.version, llvm.get_host_cpu_name()]
    parts.append(llvm.get_host_cpu_features().flatten())
    state = hashlib.sha256("\n".join(parts).encode())
    for path in (Path(numba.origin).with_name("_version.py"), *sorted((_PACKAGE / "cpu").glob("*.py"))):
        state.update(path.read_bytes())
    return state.hexdigest()[:16]


@cache
def _folder() -> Path | None:
    """The first of some folders that can be written to."""
    home = os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME")
    for folder in (
        *([Path(os.environ["NUMBA_CACHE_DIR"])] if os.environ.get("NUMBA_CACHE_DIR") else []),
        _PACKAGE / "cpu" / "__pycache__",
        Path(home, "framesift") if home else Path("~/.cache/framesift").expanduser(),
    ):
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
    return None


def _read(path: Path | None) -> tuple[str, bytes] | None:
    """Symbol and object code, if they are there and whole."""
    try:
        content = path.read_bytes() if path else b""
    except OSError:
        return None
    digest, data = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    if not data or hashlib.sha256(data).digest() != digest:
        return None
    symbol, _, code = data.partition(b"\0")
    return symbol.decode(), code


def _write(path: Path | None, symbol: str, code: bytes) -> None:
    """Keep object code, in one piece or not at all: other processes may read and write the same file."""
    import tempfile

    if path is None:
        return
    data = symbol.encode() + b"\0" + code
    with contextlib.suppress(OSError):
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.stem)
        try:
            with open(descriptor, "wb") as file:
                file.write(hashlib.sha256(data).digest() + data)
            Path(temporary).replace(path)
        except OSError:
            Path(temporary).unlink(missing_ok=True)
