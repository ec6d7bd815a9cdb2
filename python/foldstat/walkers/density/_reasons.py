"""What numba did not understand, in one line, and what to change."""

from __future__ import annotations

import re

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")
_LONGEST = 200

# The first that is found in numba's message tells; what follows is for the user.
_MEANINGS: tuple[tuple[str, str], ...] = (
    (r"use of yield in a closure", "it does not know generator expressions: put them in brackets, sum([... for ...])"),
    (r"Unsupported context manager", "it does not know with statements, such as np.errstate: do without"),
    (
        r"No implementation of function Function\(<intrinsic exception_match",
        "it does not know except for some errors: catch Exception, or ask before",
    ),
    (r"unsupported opcode \(STORE_GLOBAL\)", "it cannot change global variables"),
    (r"NumPyRandomGeneratorType", "it cannot draw random numbers here, and a density should not"),
    (
        r"Untyped global name '(\w+)':?\s*Cannot determine Numba type of <class '([\w.]+)'>",
        "it does not know \\1, a \\2",
    ),
    (r"Cannot determine Numba type of <class '([\w.]+)'>", "it does not know a value of type \\1"),
    (r"Unknown attribute '(\w+)' of type Module\(<module '([\w.]+)'", "it does not know \\2.\\1: write it out"),
    (r"Unknown attribute '(\w+)' of type (?:readonly )?array", "it does not know .\\1 of arrays: take it outside"),
    (r"Unknown attribute '(\w+)' of type ([\w.]+)", "it does not know .\\1 of \\2"),
    (r"Use of unsupported NumPy function '([\w.]+)'", "it does not know \\1: write it out"),
    (r"(it gives a value of type [^,\n]+, which is no real number)", "\\1"),
    (r"NameError: name '(\w+)' is not defined", "\\1 is not defined"),
    (
        # What is refused by the loop's own check has said why.
        r"No implementation of function Function\(<(?!function compiled_number)"
        r"(?:built-in |function |ufunc |class )*'?(?:array_)?([\w.]+)",
        "it does not know \\1 with these arguments: write it out",
    ),
    (
        r"Cannot unify ([^\n]+?) and ([^\n]+?) for '([^'.\n]+)[^'\n]*'",
        "\\3 is of type \\1 at first, and \\2 later: give it one type",
    ),
)


def reason_of(error: Exception) -> str:
    """Say in one line why numba did not compile a function.

    Parameters
    ----------
    error : Exception
        What numba raised.

    Returns
    -------
    str
        At most 200 characters, without addresses of objects.

    Examples
    --------
    >>> reason_of(ValueError("Use of unsupported NumPy function 'numpy.einsum'"))
    'it does not know numpy.einsum: write it out'
    """
    text = _ESCAPES.sub("", str(error))
    place = re.search(r'File "[^"]*", line (\d+)', text)
    return f"{_meaning(text) or type(error).__name__}{f' (line {place[1]})' if place else ''}"


def _meaning(text: str) -> str:
    found = [(match.start(), match.expand(meaning)) for what, meaning in _MEANINGS if (match := re.search(what, text))]
    if found:
        return min(found, key=lambda place_and_meaning: place_and_meaning[0])[1][:_LONGEST]
    lines = (re.sub(r"<?[\w. ]+ object at 0x[0-9a-f]+>?", "", line).strip() for line in text.splitlines())
    useful = (line for line in lines if line[:1].isalpha() and not line.startswith(("Failed in", "During:")))
    return next(useful, "")[:_LONGEST]
