"""Compiled functions of the user: numba, SciPy, ctypes, cffi and Cython each have their own way to hold one."""

from __future__ import annotations

import ctypes
import re
import sys
from dataclasses import dataclass
from typing import Any

SIGNATURES = (
    "double (int, double *)",
    "double (int, double *, void *)",
    "double (double)",
    "int (size_t, const double *, double *, double *, void *)",
    "void (size_t, size_t, const double *, double *, void *)",
    "ssize_t (size_t, size_t, const double *, double *, void *)",
)
"""What a pointer may point to; the compiled module knows these by exactly these spellings."""

BATCHED_AND_CHECKED = SIGNATURES[5]

_CALLBACK = (
    "density is a {kind} to a Python function, whose exceptions would be lost; pass the function itself, which is "
    "compiled if numba is installed"
)
_CTYPES_POINTER: Any = ctypes.CFUNCTYPE(None).__base__
_PYTHON_API = 0x4  # ctypes: the function must be called with the interpreter in hand

# Integers as wide as a pointer, signed or not: a number of points or dimensions fits in either.
_WORDS = {"size_t", "ssize_t", "Py_ssize_t", "intptr_t", "uintptr_t", "ptrdiff_t", "intp", "uintp"}
if ctypes.sizeof(ctypes.c_void_p) == 8:
    _WORDS |= {"int64", "uint64", "int64_t", "uint64_t", "long long", "unsigned long long", "longlong", "ulonglong"}
if ctypes.sizeof(ctypes.c_void_p) == ctypes.sizeof(ctypes.c_long):
    _WORDS |= {"long", "unsigned long", "ulong"}

_NAMES = dict.fromkeys(_WORDS, "word")
_NAMES |= dict.fromkeys(("int", "signed int", "signed", "int32", "int32_t", "intc"), "int")
_NAMES |= dict.fromkeys(("double", "float64", "float64_t", "double_t"), "double")
_NAMES["void"] = "void"


@dataclass(frozen=True)
class NativeFunction:
    """A function pointer that can be called from any thread without the interpreter."""

    signature: str
    """One of `SIGNATURES`."""
    address: int
    data: int
    """What is passed where the signature has a place for data; 0 for nothing."""
    owner: object
    """What keeps the code, and its data, in memory."""
    kind: str
    """Where it comes from, in words."""


def native_function(density: Any) -> NativeFunction | None:
    """Find the function pointer in an object.

    Parameters
    ----------
    density : object
        A numba ``CFunc``, a `scipy.LowLevelCallable`, a function pointer of ctypes or cffi, or a
        capsule of a Cython module's ``__pyx_capi__``. What it points to is called from several
        threads at once and without the GIL: in Cython it is ``noexcept nogil``. It must not write to
        the points.

    Returns
    -------
    NativeFunction or None
        None if the object is none of these.

    Raises
    ------
    TypeError
        If it points to a function with a signature that is not among `SIGNATURES`.

    Examples
    --------
    >>> import ctypes
    >>> libm = ctypes.CDLL(None)
    >>> libm.cos.argtypes, libm.cos.restype = [ctypes.c_double], ctypes.c_double
    >>> native_function(libm.cos).signature
    'double (double)'
    """
    numba_pointer = _class("numba.core.ccallback", "CFunc")
    if numba_pointer is not None and isinstance(density, numba_pointer):
        signature = getattr(density, "_sig", None)
        if signature is None:  # numba's own, and elsewhere in this version; what ctypes is told says less
            return _of_ctypes(density.ctypes)
        declared = _declaration(signature.return_type, signature.args, _spelling_in_numba)
        return _native(declared, density.address, 0, density, "numba CFunc")
    low_level = _class("scipy", "LowLevelCallable")
    if low_level is not None and isinstance(density, low_level):
        if isinstance(density.function, _CTYPES_POINTER):
            _refuse_callback(density.function)
        # SciPy keeps a capsule of pointer, signature and data in the first place, which it hides.
        return _of_capsule(tuple.__getitem__(density, 0), density, "LowLevelCallable")
    if isinstance(density, _CTYPES_POINTER):
        return _of_ctypes(density)
    cdata = _class("_cffi_backend", "_CDataBase")
    if cdata is not None and isinstance(density, cdata):
        return _of_cffi(density)
    if type(density).__name__ == "PyCapsule":
        return _of_capsule(density, density, "PyCapsule")
    return None


def _class(module: str, name: str) -> Any:
    """Find a class if its module has been imported: otherwise nothing can be an instance of it."""
    found = getattr(sys.modules.get(module), name, None)
    return found if isinstance(found, type) else None


# ---------------------------------------------------------------- signatures


def known_signature(declared: str) -> str | None:
    """Find which of `SIGNATURES` a declaration of C means.

    Parameters
    ----------
    declared : str
        The types, spelled in any of the ways of C compilers, Cython, SciPy and cffi.

    Returns
    -------
    str or None
        None if there is none.

    Examples
    --------
    >>> known_signature("double(*)(int, const double*)")
    'double (int, double *)'
    >>> known_signature("float (int, float *)")
    """
    meant = _canonical(declared)
    return next((signature for signature in SIGNATURES if _canonical(signature) == meant), None)


def _canonical(declared: str) -> tuple[str, ...] | None:
    """Split a declaration into result and arguments, without what makes no difference to a call."""
    match = re.fullmatch(r"\s*(.+?)\s*(?:\(\s*\*\s*\))?\s*\(([^()]*)\)\s*", declared)
    if match is None:
        return None
    result, arguments = match.groups()
    return tuple(_canonical_type(spelling) for spelling in (result, *arguments.split(",")))


def _canonical_type(spelling: str) -> str:
    bare = re.sub(r"\b(const|volatile|restrict|__restrict|__restrict__)\b", " ", spelling)
    stars = bare.count("*")
    name = " ".join(bare.replace("*", " ").split())
    name = re.sub(r"^__pyx_t_5numpy_", "", name)
    name = re.sub(r"^(long long|unsigned long long|long|unsigned long) int$", r"\1", name)
    name = re.sub(r"^long (long )?unsigned( int)?$", lambda found: f"unsigned {found[1] or ''}long", name)
    return _NAMES.get(name, name) + "*" * stars


def _declaration(result: Any, arguments: Any, spelling: Any) -> str:
    return f"{spelling(result)} ({', '.join(map(spelling, arguments))})"


def _native(declared: str, address: int | None, data: int, owner: object, kind: str) -> NativeFunction:
    signature = known_signature(declared)
    if signature is None:
        accepted = "; ".join(SIGNATURES)
        raise TypeError(f"density is a {kind} of signature {declared}; accepted are: {accepted}")
    if not address:
        raise ValueError(f"density is a {kind} whose pointer is null")
    return NativeFunction(signature, address, data, owner, f"native: {kind}")


def _spelling_in_numba(numba_type: Any) -> str:
    pointee = getattr(numba_type, "dtype", None)
    if pointee is not None and type(numba_type).__name__ == "CPointer":
        return f"{_spelling_in_numba(pointee)} *"
    return {"none": "void", "voidptr": "void *", "void*": "void *"}.get(str(numba_type), str(numba_type))


# ---------------------------------------------------------------- the holders


def _of_ctypes(pointer: Any) -> NativeFunction:
    kind = "ctypes function pointer"
    if type(pointer)._flags_ & _PYTHON_API:
        raise TypeError(f"density is a {kind} of ctypes.PyDLL, which needs the interpreter; load it with ctypes.CDLL")
    _refuse_callback(pointer)
    if pointer.argtypes is None:
        raise TypeError(
            f"density is a {kind} that does not say what it takes: set its argtypes and restype, to one of "
            + "; ".join(SIGNATURES)
        )
    declared = _declaration(pointer.restype, pointer.argtypes, _spelling_in_ctypes)
    return _native(declared, ctypes.cast(pointer, ctypes.c_void_p).value, 0, pointer, kind)


def _refuse_callback(pointer: Any) -> None:
    """Refuse a Python function behind a pointer: what it raises would be printed, and pass for a zero."""
    if any(type(part).__name__ == "CThunkObject" for part in (pointer._objects or {}).values()):
        raise TypeError(_CALLBACK.format(kind="ctypes function pointer"))


def _spelling_in_ctypes(ctype: Any) -> str:
    if ctype is None:
        return "void"
    if ctype is ctypes.c_void_p:
        return "void *"
    element = getattr(ctype, "_dtype_", None)  # of numpy.ctypeslib.ndpointer
    if element is not None:
        return f"{element} *"
    if isinstance(ctype, type) and issubclass(ctype, ctypes._Pointer):
        return f"{_spelling_in_ctypes(ctype._type_)} *"
    return str(getattr(ctype, "__name__", ctype)).removeprefix("c_")


def _of_cffi(pointer: Any) -> NativeFunction:
    kind = "cffi function pointer"
    ffi = sys.modules["_cffi_backend"].FFI()
    ctype = ffi.typeof(pointer)
    if ctype.kind != "function" or ctype.ellipsis:
        accepted = "; ".join(SIGNATURES)
        raise TypeError(f"density is a cffi object of type {ctype.cname}; accepted are pointers to: {accepted}")
    if " calling <" in repr(pointer):  # of ffi.callback
        raise TypeError(_CALLBACK.format(kind=kind))
    declared = _declaration(ctype.result, ctype.args, lambda part: part.cname)
    return _native(declared, int(ffi.cast("uintptr_t", pointer)), 0, pointer, kind)


def _of_capsule(capsule: Any, owner: object, kind: str) -> NativeFunction:
    name = _capsule_call("PyCapsule_GetName", ctypes.c_char_p, capsule)
    if name is None:
        raise TypeError(f"density is a {kind} that does not name its signature; accepted are: {'; '.join(SIGNATURES)}")
    address = _capsule_call("PyCapsule_GetPointer", ctypes.c_void_p, capsule, name)
    data = _capsule_call("PyCapsule_GetContext", ctypes.c_void_p, capsule)
    return _native(name.decode(errors="replace"), address, data or 0, owner, kind)


def _capsule_call(function: str, result: Any, capsule: Any, *name: bytes) -> Any:
    prototype = ctypes.PYFUNCTYPE(result, ctypes.py_object, *(ctypes.c_char_p for _ in name))
    return prototype((function, ctypes.pythonapi))(capsule, *name)
