"""Object code of kernels: compiled by Numba once, kept on disk, linked into later processes without Numba.

A kernel without allocations, exceptions and Python objects compiles to object code that refers to nothing outside
itself. It is called through one pointer to its arguments, eight bytes each: an int64, a float64, or, for an array,
what Numba's calling convention makes of it, ``meminfo, parent, n_items, item_bytes, data, *shape, *strides``.

Where it can be, it is kept as an image (`_image`), which a later process puts in place in a tenth of a
millisecond; else LLVM's linker, which llvmlite brings, does that. Importing Numba and having it read its own cache
takes about half a second.
"""

import contextlib
import ctypes
import gc
import os
import struct
import sys
import threading
from array import array as Words
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from ..digest import blake2b
from ._image import lay_out, place

Kinds = tuple[Any, ...]
"""Of each argument: (dtype.char, ndim) of an array, else int or float."""

_PACKAGE = Path(__file__).parents[1]
_DIGEST_BYTES = blake2b().digest_size

_lock = threading.Lock()
_engines: list[Any] = []
"""What owns the code in memory, to the end of the process."""


class Pinned(np.ndarray[Any, Any]):
    """An array that stays where it is, whose words are made once."""

    words: tuple[int, ...]


def pin(array: npt.NDArray[Any]) -> Pinned:
    """*array*, quicker to pass to a kernel: for constants and scratch."""
    pinned = np.ascontiguousarray(array).view(Pinned)
    pinned.words = _words(pinned)
    return pinned


def _words(a: npt.NDArray[Any]) -> tuple[int, ...]:
    if not a.flags.c_contiguous:
        raise ValueError("kernels take C-contiguous arrays")
    return 0, 0, a.size, a.itemsize, a.ctypes.data, *a.shape, *a.strides


_DATA = 4
"""Where among the words of an array its address stands."""


class Call:
    """A kernel compiled for arguments of some kinds."""

    def __init__(self, address: int, kinds: Kinds) -> None:
        self._run = ctypes.CFUNCTYPE(ctypes.c_int32, ctypes.c_void_p)(address)  # releases the GIL
        formats = {int: "q", float: "d"}
        # The words of an array of n dimensions: five, and two a dimension.
        self._pack = struct.Struct(
            "".join(f"{5 + 2 * k[1]}q" if isinstance(k, tuple) else formats[k] for k in kinds)
        ).pack

    def __call__(self, *args: Any) -> None:
        words = self.words(args)
        self.run(words.buffer_info()[0])

    def words(self, args: tuple[Any, ...]) -> "Words[int]":
        """What to pass for *args*."""
        words: list[Any] = []
        for a in args:
            if isinstance(a, Pinned):
                words += a.words
            elif isinstance(a, np.ndarray):
                words += _words(a)
            else:
                words.append(a)
        return Words("q", self._pack(*words))

    def run(self, words: int) -> None:
        """Call it with the words at this address."""
        if self._run(words):
            raise RuntimeError("a kernel failed")  # which it promised not to


class Bound:
    """A kernel bound to its arguments, of which the first arrays may be exchanged for others of the same layout.

    Quicker than a call where most arguments are the same every time. Not to be shared between threads.
    """

    def __init__(self, call: Call, args: tuple[Any, ...]) -> None:
        self._run = call.run
        self._args = args  # keeps the arrays alive
        self._words = call.words(args)
        self._address = self._words.buffer_info()[0]
        n_words = [5 + 2 * a.ndim if isinstance(a, np.ndarray) else 1 for a in args]
        self._data = [sum(n_words[:i]) + _DATA for i in range(len(args))]

    def __call__(self, *arrays: npt.NDArray[Any]) -> None:
        """Run it with *arrays* for its first arguments."""
        for given, bound in zip(arrays, self._args, strict=False):
            if given.strides != bound.strides or given.shape != bound.shape:
                raise ValueError(f"a kernel bound to an array {bound.shape} got one {given.shape}")
        self.at([a.ctypes.data for a in arrays])

    def at(self, addresses: Iterable[int]) -> None:
        """Run it with arrays at these *addresses* for its first arguments, laid out as those that it is bound to."""
        words = self._words
        for at, address in zip(self._data, addresses, strict=False):
            words[at] = address
        self._run(self._address)


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
        name = _name(function, kinds)
        code = next(filter(None, (_read(folder / name) for folder in _folders())), None)
        if code is None:
            with _no_collection():
                code = _compile(function, kinds)
            code = lay_out(code, _ENTRY) or code
            _write(name, code)
        return Call(place(code) or _link(code), kinds)


def _link(code: bytes) -> int:
    """Put object code of which there is no image in memory, by LLVM; return the address of its entry."""
    from llvmlite import binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    machine = llvm.Target.from_default_triple().create_target_machine(jit=True)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    return int(engine.get_function_address(_ENTRY))


_ENTRY = "framesift_entry"
_SETTINGS = (
    "NUMBA_CPU_NAME",
    "NUMBA_CPU_FEATURES",
    "NUMBA_OPT",
    "NUMBA_LOOP_VECTORIZE",
    "NUMBA_SLP_VECTORIZE",
)
"""What Numba's code depends on besides."""


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Look for no garbage meanwhile: hardly any of a compiler's many objects is, and looking takes a tenth of its time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _compile(function: Callable[..., Any], kinds: Kinds) -> bytes:
    """Object code of *function*, by Numba, with `_ENTRY` to call it by: ``int32 entry(words *)``."""
    from llvmlite import ir
    from numba import from_dtype, types
    from numba.core import compiler
    from numba.core.compiler_lock import global_compiler_lock
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
    with global_compiler_lock:
        typing.refresh()
        target.refresh()
        with _parts(target.codegen()):
            result = numba.compile_extra(typing, target, function, arguments, types.none, flags, {})
        library = target.codegen().create_library(function.__name__)
        library.enable_object_caching()
        library.add_ir_module(_entry(library, target, result.fndesc, ir))
        library.add_linking_library(result.library)
        library.finalize()
        _name, _kind, (code, _shared) = library.serialize_using_object_code()
    return bytes(code)


class Parts:
    """Kernels that are called by others."""

    names: ClassVar[set[str]] = set()
    """Qualified names of their functions."""
    making = False
    """Whether they are compiled to be linked into a whole, and nothing else; changed under Numba's lock."""


@contextlib.contextmanager
def _parts(codegen: Any) -> Iterator[None]:
    """Leave out, for kernels that are compiled meanwhile, all that is done again once they are linked into a whole.

    Numba optimises every function when it is compiled, again with each that calls it, and makes machine code of all
    of them. Here only the whole is wanted: a third of the time.
    """
    whole: Any = codegen._library_class

    class Part(whole):  # type: ignore[misc]
        codegen = SimpleNamespace(set_env=lambda *_: None)  # there is no code to tell of its environment

        def _optimize_functions(self, module: Any) -> None: ...

        def _optimize_final_module(self) -> None: ...

        def _finalize_final_module(self) -> None:
            self._finalize_dynamic_globals()
            self._finalized = True

    def create(name: str, **options: Any) -> Any:
        return (Part if name in Parts.names else whole)(codegen, name, **options)

    codegen.create_library, Parts.making = create, True
    try:
        yield
    finally:
        del codegen.create_library
        Parts.making = False


def _entry(library: Any, target: Any, descriptor: Any, ir: Any) -> Any:
    """A module with the entry of a compiled function: it reads the words and calls the function."""
    module = library.create_ir_module("entry")
    kernel = target.declare_function(module, descriptor)
    words = ir.IntType(64).as_pointer()
    entry = ir.Function(module, ir.FunctionType(ir.IntType(32), [words]), _ENTRY)
    builder = ir.IRBuilder(entry.append_basic_block())
    unused = [
        builder.alloca(argument.type.pointee) for argument in kernel.args[:2]
    ]  # the result, the exception
    loaded = []
    for at, argument in enumerate(kernel.args[2:]):
        word = builder.gep(entry.args[0], [ir.Constant(ir.IntType(64), at)])
        loaded.append(builder.load(builder.bitcast(word, argument.type.as_pointer())))
    builder.ret(builder.call(kernel, unused + loaded))
    return module


# The cache -----------------------------------------------------------------------------------------------------


def _name(function: Callable[..., Any], kinds: Kinds) -> str:
    """Of the file that the object code is kept in."""
    names = [f"{k[0]}{k[1]}" if isinstance(k, tuple) else k.__name__[0] for k in kinds]
    module = function.__module__.rpartition(".")[2]
    return f"{module}.{function.__name__}-{''.join(names)}-{_digest()}.o"


@cache
def _digest() -> str:
    """Of everything that object code depends on: the sources, the compiler, the processor."""
    parts = [sys.version, _processor(), *[os.environ.get(name, "") for name in _SETTINGS]]
    state = blake2b("\n".join(parts).encode())
    for path in (*_versions(), *sorted((_PACKAGE / "cpu").glob("*.py"))):
        state.update(path.read_bytes())
    return state.hexdigest()[:16]


def _versions() -> Iterator[Path]:
    """The files in which the compiler's packages keep their versions: importing these would take longer."""
    for name in ("numba", "llvmlite"):
        found = find_spec(name)
        assert found is not None
        assert found.origin is not None
        yield Path(found.origin).with_name("_version.py")


def _processor() -> str:
    """What distinguishes this processor from others, for which there may be other code."""
    with contextlib.suppress(OSError), open("/proc/cpuinfo") as file:
        first = file.read(8192).partition("\n\n")[0].splitlines()
        found = [line for line in first if line.startswith(("vendor_id", "cpu family", "model", "flags"))]
        if any(line.startswith("flags") for line in found):
            return "\n".join(found)
    from llvmlite import binding as llvm

    return f"{llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"


@cache
def _folders() -> tuple[Path, ...]:
    """Where object code is looked for, in this order, and written: to the first that can be.

    The package's own may be read-only and hold what was compiled when it was installed, as in a container's image.
    """
    if given := os.environ.get("NUMBA_CACHE_DIR"):
        return (Path(given),)
    home = (
        os.environ.get("LOCALAPPDATA") or os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")
    )
    return (
        _PACKAGE / "cpu" / "__pycache__",
        *([Path(home, "framesift")] if not home.startswith("~") else []),  # a user may have no home
    )


def _read(path: Path) -> bytes | None:
    """Object code, if it is there and whole."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, code = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
    return code if code and blake2b(code).digest() == digest else None


def _write(name: str, code: bytes) -> None:
    """Keep object code, in one piece or not at all: other processes may read and write the same file."""
    import tempfile

    for folder in _folders():
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=folder, prefix=name[:-2])
            try:
                with open(descriptor, "wb") as file:
                    file.write(blake2b(code).digest() + code)
                Path(temporary).replace(folder / name)
            except OSError:
                Path(temporary).unlink(missing_ok=True)
                raise
            return
