"""Arrays that are laid out oddly: the value of a clean copy, or an error that says what is wrong."""

from __future__ import annotations

import re

import numpy as np
import pytest
from entries import ENTRIES, READERS, Entry, told
from numpy.lib.stride_tricks import as_strided


def unaligned(a):
    raw = np.empty(a.nbytes + 1, np.uint8)[1:]
    odd = raw.view(a.dtype).reshape(a.shape)
    odd[...] = a
    return odd


def backwards(a):
    return np.ascontiguousarray(a[::-1])[::-1]


def mirrored(a):
    return np.ascontiguousarray(a[..., ::-1])[..., ::-1]


def column_major(a):
    return np.asfortranarray(a)


def every_third(a):
    wide = np.zeros((3 * a.shape[0], *a.shape[1:]), a.dtype)
    wide[::3] = a
    return wide[::3]


def gapped(a):
    """A field of records of 13 or so bytes: strides that are no multiple of the items' size."""
    records = np.zeros(a.shape, np.dtype([("pad", "i1"), ("value", a.dtype), ("more", "i4")]))
    records["value"] = a
    return records["value"]


def read_only(a):
    odd = a.copy()
    odd.setflags(write=False)
    return odd


def swapped(a):
    return a.astype(a.dtype.newbyteorder())


def broadcast(a):
    return np.broadcast_to(a[:1], a.shape)


def overlapping(a):
    """Windows that share their memory, so that rows are no memory of their own."""
    return as_strided(a, a.shape, tuple(a.itemsize for _ in a.shape), writeable=False)


def empty(a):
    return a[:0]


LAYOUTS = [
    unaligned, backwards, mirrored, column_major, every_third, gapped, read_only, swapped, broadcast, overlapping,
    empty,
]  # fmt: skip


def given(entry: Entry, subject, arrays):
    """What a call gives, or the kind and words of its error."""
    try:
        return told(entry.call(subject, arrays))
    except Exception as error:
        return type(error), str(error)


CLEAR = (ValueError, TypeError)


def odd_layouts(note, name):
    """One entry with each of its arrays in each layout, against clean copies."""
    entry = ENTRIES[name]
    arrays = entry.arrays(min(entry.rows, 400))
    for which, clean in arrays.items():
        for layout in LAYOUTS:
            note(f"{which} {layout.__name__}")
            odd = layout(clean)
            got = given(entry, entry.subject(arrays), arrays | {which: odd})
            right = given(entry, entry.subject(arrays), arrays | {which: odd.astype(clean.dtype).copy()})
            refused = isinstance(got, tuple) and issubclass(got[0], CLEAR) and which in got[1].split()
            note("right" if got == right or refused else f"{got} for {right}"[:600])


@pytest.mark.parametrize("name", READERS)
def test_layouts_do_not_matter(warmed, name):
    notes = warmed(odd_layouts, name=name).told()
    found = dict(zip(notes[::2], notes[1::2], strict=True))
    assert {layout: what for layout, what in found.items() if what != "right"} == {}


def one_field(a):
    """Records of one field, which NumPy itself takes for numbers here and there."""
    return a.astype([("value", a.dtype)])


def two_fields(a):
    records = np.zeros(a.shape, [("value", a.dtype), ("more", a.dtype)])
    records["value"] = a
    return records


def nested(a):
    return np.zeros(a.shape, [("value", [("inner", a.dtype)]), ("more", "u1", 3)])


def recarray(a):
    return two_fields(a).view(np.recarray)


def void(a):
    return np.ascontiguousarray(a).view(f"V{a.itemsize}")


def complex_(a):
    return a + 1j


RECORDS = [one_field, two_fields, nested, recarray, void, complex_]
# What the parameter is called where the table calls it otherwise.
CALLED = {"X": "X|x|chunk 0", "resp": "responsibilities", "start": "start|points", "x": "x|value|values|parts"}
# A group is named by anything, a table of one dimension has fields for columns, and pandas makes frames of records.
TAKES_RECORDS = {
    "summarize by": "by",
    "Summary": "x",
    "summary subtract": "x",
    "update": "x",
    "map_reduce": "x",
    "describe": "X",
}
TAKES_RECORDS |= {f"map_reduce there {chunksize}": "x" for chunksize in (None, 8)}
# Those of many or large values read arrays as their namesakes do.
DOORS = [name for name in READERS if not {"large", "many", "wide"} & set(name.split())]


def is_read(entry, arrays, which):
    """Whether a call looks at this one of its arrays."""
    without = {name: array for name, array in arrays.items() if name != which}
    return given(entry, entry.subject(arrays), without) == (KeyError, repr(which))


def is_refusal(got, which):
    """Whether it is a clear error that names the argument; scikit-learn has a text of its own for complex numbers."""
    return (
        isinstance(got, tuple)
        and issubclass(got[0], CLEAR)
        and re.search(rf"\b({CALLED.get(which, which)})\b|Complex data not supported", got[1])
    )


def records(note, name):
    """One entry with each of its arrays as records: refused by name."""
    entry = ENTRIES[name]
    arrays = entry.arrays(min(entry.rows, 400))
    for which, clean in arrays.items():
        if TAKES_RECORDS.get(name) != which and is_read(entry, arrays, which):
            for form in RECORDS:
                got = given(entry, entry.subject(arrays), arrays | {which: form(clean)})
                note([f"{which} {form.__name__}", "refused" if is_refusal(got, which) else f"{got}"[:600]])


@pytest.mark.parametrize("name", DOORS)
def test_records_are_refused(warmed, name):
    found = dict(warmed(records, name=name).told())
    assert found or name in TAKES_RECORDS
    assert {form: what for form, what in found.items() if what != "refused"} == {}


def bytes_as_booleans(note, value):
    a = np.array([0, value, 0, value, 1], np.uint8).view(bool)
    import foldstat

    note(foldstat.Summary(a).sum)
    note(foldstat.summarize(np.stack([a, a], axis=1), axis=0).sum.tolist())
    note({str(key): group.count for key, group in foldstat.summarize(np.ones(5), by=a).items()})


@pytest.mark.parametrize("value", [2, 127, 128, 255])
def test_booleans_of_other_bytes_are_true(warmed, value):
    assert warmed(bytes_as_booleans, value=value).told() == [3.0, [3.0, 3.0], {"False": 2, "True": 3}]


def private_doors(note, layout):
    """States and bounds come in as public arrays do."""
    from foldstat import _core
    from foldstat import walkers as w
    from foldstat.walkers._moves import Setting

    make = {each.__name__: each for each in LAYOUTS}[layout]
    run = w.sample(w.densities.Banana(), np.ones((8, 2)) * 0.1, 20, 5, move=w.UniformStep(1.0), rng=0)
    moves = run._settings.move._schedule(Setting(run.n_walkers, 2))
    state = run._ensemble.state()
    for field, value in state.items():
        if isinstance(value, np.ndarray) and value.size:
            again = _core.WalkerEnsemble.from_state(state | {field: make(value)}, moves).state()
            note([field, told(again[field]) == told(value)])
    bounds = np.array([[-9.0, 8.0], [-7.0, 6.0]])
    for odd in (bounds, make(bounds)):
        density = w.densities.Banana()._compiled()
        ensemble = _core.WalkerEnsemble(bytes(32), np.zeros((8, 2)), moves, density, burn_in=0, bounds=odd)
        note(["bounds", told(ensemble.state()["bounds"]) == told(bounds)])


@pytest.mark.parametrize("layout", ["unaligned", "backwards", "mirrored", "column_major", "every_third", "gapped"])
def test_private_doors_read_any_layout(warmed, layout):
    notes = warmed(private_doors, layout=layout).told()
    assert len(notes) > 5
    assert [field for field, same in notes if not same] == []
