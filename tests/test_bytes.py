"""The envelope of everything that travels: what was written is read, in every version, and nothing else ever is."""

from __future__ import annotations

import copy
import pickle
import random
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import psutil
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import plain_reader
from foldstat import GroupedSummary, JointSummary, Summaries, Summary, _core, summarize
from travelling import OBJECTS, damaged, enveloped, joined, old_bytes, sealed, varint

MADE = {name: make() for name, make in OBJECTS.items()}
MADE["SummaryStates: of groups"] = _core.SummaryStates.of([Summary(x)._state for x in ([1.0], [2.5, -1.0], [])])
WRITTEN = {name: made.to_bytes() for name, made in MADE.items()}
NAMES = sorted(MADE)
every_kind = pytest.mark.parametrize("name", NAMES)


def same(left, right):
    """SummaryStates have no equality of their own."""
    return left.to_bytes() == right.to_bytes() and (name_of(left) == "SummaryStates" or left == right)


def name_of(made):
    return type(made).__name__


def refused(name, data):
    """The one error of all bytes that are not an object's own; its words."""
    with pytest.raises(ValueError, match=r"bytes") as caught:
        type(MADE[name]).from_bytes(bytes(data))
    assert type(caught.value) is ValueError
    return str(caught.value)


def attempt(read, data):
    """What was read, or the error."""
    try:
        return read(data), None
    except (ValueError, OverflowError) as error:  # the counts of a sum may be beyond 64 bits
        return None, error


def survives(name, data):
    """Bytes with a checksum that fits are refused, or are the one encoding of an object that can be used."""
    made, error = attempt(type(MADE[name]).from_bytes, data)
    if error is not None:
        assert type(error) is ValueError
        assert re.search(r"\bbytes\b", str(error)), error
        return False
    assert made.to_bytes() == data, "more than one way to write it"
    assert repr(made)
    if hasattr(made, "_repr_html_"):
        assert isinstance(made._repr_html_(), str)
    if hasattr(made, "__add__"):
        attempt(lambda same: made + same, made)
    return True


# --- what was written ---------------------------------------------------------------------------------


@every_kind
def test_what_is_written_is_read_and_pickles_hold_it(name):
    made, data = MADE[name], WRITTEN[name]
    assert type(data) is bytes
    assert same(type(made).from_bytes(data), made)
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        assert same(pickle.loads(pickle.dumps(made, protocol)), made)
    if name_of(made) != "GroupedSummary":  # whose keys need not have bytes
        assert data in pickle.dumps(made)
    if name_of(made) != "SummaryStates":
        assert same(copy.deepcopy(made), made)


def test_objects_are_equal_if_and_only_if_their_bytes_are():
    for one in NAMES:
        for other in NAMES:
            equal = type(MADE[one]) is type(MADE[other]) and same(MADE[one], MADE[other])
            assert (WRITTEN[one] == WRITTEN[other]) == equal == (one == other)


@pytest.mark.parametrize("name", sorted(old_bytes()))
def test_bytes_from_before_the_envelope_are_read(name):
    made, data = MADE[name], old_bytes()[name]
    assert data != WRITTEN[name]
    assert same(type(made).from_bytes(data), made)
    for other in ("Summary: mixed", "JointSummary: named", "Moments: draws"):
        if type(MADE[other]) is not type(made):
            assert "read them with" in refused(other, data)
    for length in range(0, len(data), 1 + len(data) // 200):
        refused(name, data[:length])


def test_grouped_pickles_of_earlier_versions_are_read():
    made = MADE["GroupedSummary: texts"]
    restore, (keys, states, shapes, missing, columns, _) = made.__reduce__()
    each = [Summary._of(states[i]).to_bytes() for i in range(len(states))]
    assert restore(keys, each, shapes, missing, columns) == made


# --- what was not -------------------------------------------------------------------------------------


@every_kind
def test_every_flipped_bit_is_refused(name):
    data = WRITTEN[name]
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 1 << bit % 8
        refused(name, flipped)


@every_kind
def test_whatever_is_cut_off_or_added_is_refused(name):
    data = WRITTEN[name]
    for length in range(len(data)):
        refused(name, data[:length])
        refused(name, data[length + 1 :])
    for more in range(1, 10):
        for byte in (b"\0", b"\xff", data[-1:]):
            refused(name, data + byte * more)
            refused(name, byte * more + data)
    refused(name, data + data)


@every_kind
def test_bytes_of_another_kind_name_the_class_that_reads_them(name):
    for other in NAMES:
        if type(MADE[other]) is not type(MADE[name]):
            message = refused(name, WRITTEN[other])
            assert f"read them with {name_of(MADE[other])}.from_bytes" in message
            assert f"not with {name_of(MADE[name])}.from_bytes" in message


@every_kind
def test_errors_say_in_one_sentence_what_the_bytes_are(name):
    kind, version, payload = plain_reader.opened(WRITTEN[name])
    message = refused(name, enveloped(kind, version + 40, payload))
    assert f"newer version {version + 40}" in message
    assert f"this foldstat reads up to {version}" in message
    assert "kind 1000, which this foldstat does not know" in refused(name, enveloped(1000, version, payload))
    assert "version 0" in refused(name, enveloped(kind, 0, payload))
    for foreign in (b"", b"\xf5fs", b"hello, world", b"PK\x03\x04" + bytes(40), pickle.dumps(1)):
        assert "these bytes are not those of" in refused(name, foreign)
    *others, last = WRITTEN[name]
    assert "checksum" in refused(name, [*others, last ^ 1])
    assert "3 bytes are missing" in refused(name, WRITTEN[name][:-3])
    assert "5 more than their length says" in refused(name, WRITTEN[name] + b"12345")


def test_parts_of_a_summary_that_are_not_known_are_refused_by_name():
    kind, version, payload = plain_reader.opened(WRITTEN["Summary: mixed"])
    flags, rest = payload[0], payload[1:]
    assert flags < 128, "a varint of one byte"
    for bit in (20, 63):
        newer = enveloped(kind, version, varint(flags + 2**bit) + rest)
        assert f"with {2**bit}, which this foldstat does not know" in refused("Summary: mixed", newer)


# --- hostile ------------------------------------------------------------------------------------------


@every_kind
def test_forged_payloads_are_refused_or_are_objects(name):
    """Payloads damaged on purpose, in an envelope that fits."""
    kind, version, payload = plain_reader.opened(WRITTEN[name])
    draw = random.Random(name)
    for _ in range(300):
        forged = payload
        for _ in range(draw.randrange(1, 4)):
            forged = damaged(forged, draw)
        survives(name, enveloped(kind, version, forged))


WITHOUT_FIELDS = ("Summary", "JointState", "MixtureStatistics")
TIMES = ("Summary: times", "Summary: times with a zone", "Summary: decimals")
WITH_FIELDS = [name for name in NAMES if name in TIMES or name_of(MADE[name]) not in WITHOUT_FIELDS]


@pytest.mark.parametrize("name", WITH_FIELDS)
def test_forged_fields_are_refused_or_are_objects(name):
    """Fields lost, repeated, exchanged, emptied and damaged, with lengths that fit."""
    kind, version, payload = plain_reader.opened(WRITTEN[name])
    given_fields, draw = list(plain_reader.fields(payload)), random.Random(name)
    for _ in range(300):
        forged = list(given_fields)
        at = draw.randrange(len(forged) + 1)
        way = draw.randrange(5)
        if way == 0:
            del forged[at : at + 1]
        elif way == 1:
            forged[at:at] = forged[:1]
        elif way == 2:
            draw.shuffle(forged)
        elif way == 3:
            forged[at : at + 1] = [b""]
        else:
            forged[at : at + 1] = [damaged(b"".join(forged[at : at + 1]), draw)]
        survives(name, enveloped(kind, version, joined(forged)))


@given(st.sampled_from(NAMES), st.binary(max_size=60), st.integers(0, 300), st.integers(0, 20))
def test_random_bytes_are_refused_or_are_objects(name, noise, at, lost):
    refused(name, noise)
    data = WRITTEN[name]
    changed = data[:at] + noise + data[at + lost :]
    assert changed == data or not survives(name, changed)
    kind, version, payload = plain_reader.opened(data)
    survives(name, enveloped(kind, version, noise))
    survives(name, enveloped(kind, version, payload[:at] + noise + payload[at + lost :]))


@every_kind
def test_lengths_that_lie_allocate_nothing(name):
    kind, version, payload = plain_reader.opened(WRITTEN[name])
    before = psutil.Process().memory_info().rss
    for at in range(min(len(payload), 120)):
        for lie in (2**31, 2**40, 2**63 - 1, 2**64 - 1):
            survives(name, enveloped(kind, version, payload[:at] + varint(lie) + payload[at + 1 :]))
    for lie in (2**31, 2**64 - 1, 2**70):
        refused(name, sealed(b"\xf5fst" + varint(version) + varint(kind) + varint(lie) + payload))
    assert psutil.Process().memory_info().rss - before < 50e6


def forged(name, change):
    """What comes of other fields, by a function that changes a list of them."""
    kind, version, payload = plain_reader.opened(WRITTEN[name])
    given_fields = list(plain_reader.fields(payload))
    change(given_fields)
    return enveloped(kind, version, joined(given_fields))


@pytest.mark.parametrize(
    "zone", ["+ab:cd", "+99:99", "-07:30", "Europe", "../x", "x" * 5000, "Mars/Olympus", "\0", " "]
)
def test_any_text_may_be_a_time_zone(zone):
    """Machines differ in the zones that they know: those of others are shown in UTC."""
    name = "Summary: times with a zone"
    assert survives(name, forged(name, lambda parts: parts.__setitem__(2, zone.encode())))


@pytest.mark.parametrize("numbers", [[0.5], [float("inf")], [-(2**63)], [2**62 + 1], [1e300]])
@pytest.mark.parametrize("name", ["Summary: times", "Summary: times with a zone"])
def test_times_beyond_all_times_are_refused(name, numbers):
    """Summaries of numbers in the place of one of whole numbers that are times."""
    _, _, state = plain_reader.opened(Summary(numbers).to_bytes())
    data = forged(name, lambda parts: parts.__setitem__(-1, state))
    assert not survives(name, data) or numbers in ([-(2**63)], [2**62 + 1])


# --- docs/bytes.md ------------------------------------------------------------------------------------


def test_the_page_lists_kinds_and_versions():
    page = (Path(__file__).parents[1] / "docs" / "bytes.md").read_text(encoding="utf-8")
    listed = {int(kind): int(version) for kind, version in re.findall(r"^\| (\d+) \| [^|]* \| (\d+) \|$", page, re.M)}
    assert dict(plain_reader.opened(data)[:2] for data in WRITTEN.values()) == listed


def statistics(values):
    """Count, sum, mean and variance as fractions."""
    exact = [Fraction(value) for value in values]
    n, total = len(exact), sum(exact, Fraction(0))
    mean = total / n if n else None
    variance = sum(((x - mean) ** 2 for x in exact), Fraction(0)) / (n - 1) if n > 1 else None
    return n, total, mean, variance


near = st.floats(-1000, 1000, width=32)
wide = st.floats(allow_nan=False, allow_infinity=False)
integers = st.integers(-(2**63), 2**63 - 1)


@example(values=[1e308] * 3 + [5e-324], moments=2)
@example(values=[2**63 - 1, 2**53 + 1], moments=4)
@given(values=st.one_of(st.lists(near), st.lists(wide), st.lists(integers)), moments=st.sampled_from([2, 4]))
def test_a_plain_reader_gives_the_statistics(values, moments):
    data = Summary(values, moments=moments).to_bytes()
    kind, _, payload = plain_reader.opened(data)
    assert (kind, plain_reader.summary(payload)) == (1, statistics(values))
    others = [float("nan"), float("inf"), None, -float("inf"), float("inf")]
    more = Summary([*map(float, values), *others], moments=moments, best=2, distinct=True, quantiles=True).to_bytes()
    assert plain_reader.summary(plain_reader.opened(more)[2]) == statistics(map(float, values))


@given(st.dictionaries(st.one_of(st.text(max_size=5), integers), st.lists(wide, min_size=1, max_size=5), max_size=5))
def test_a_plain_reader_gives_the_statistics_of_groups(values):
    grouped = GroupedSummary({key: Summary(some, moments=2 + 2 * (len(some) > 3)) for key, some in values.items()})
    kind, _, payload = plain_reader.opened(grouped.to_bytes())
    assert kind == 4
    assert plain_reader.groups(payload) == {key: statistics(some) for key, some in values.items()}


@given(st.lists(wide, max_size=20), st.data())
def test_a_plain_reader_refuses_flipped_bits(values, data):
    written = bytearray(Summary(values).to_bytes())
    bit = data.draw(st.integers(0, 8 * len(written) - 1))
    written[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ValueError, match="bytes of foldstat"):
        plain_reader.opened(bytes(written))


def test_the_plain_reader_is_short_and_plain():
    source = Path(plain_reader.__file__).read_text(encoding="utf-8")
    assert source.count("\n") <= 60
    assert re.findall(r"^(?:from|import) (\w+)", source, re.M) == ["fractions", "io"]


# --- one implementation -------------------------------------------------------------------------------


@given(st.binary(max_size=300))
def test_the_checksum_is_that_of_the_plain_reader(noise):
    """By the machine's own instruction or by tables."""
    written = _core.seal_fields("Moments", [noise])
    assert written[-4:] == plain_reader.crc32c(written[:-4])
    assert _core.open_fields("Moments", written) == (plain_reader.opened(written)[1], [noise])


@given(st.lists(st.binary(max_size=200)))
def test_fields_are_joined_and_split(given_fields):
    data = _core.join_fields(given_fields)
    assert data == joined(given_fields)
    assert _core.split_fields("Moments", data) == given_fields


def test_groups_do_not_repeat_the_envelope():
    grouped = summarize(np.arange(3000.0), by=np.arange(3000) % 1000)
    whole, one = grouped.to_bytes(), Summary([0.0, 1000.0, 2000.0]).to_bytes()
    assert whole.count(b"\xf5fst") == one.count(b"\xf5fst") == 1
    assert len(whole) < 1000 * len(one)


@pytest.mark.parametrize("kind", [Summary, Summaries, GroupedSummary, JointSummary])
def test_what_is_like_bytes_is_read_and_nothing_else(kind):
    data = kind().to_bytes()
    for form in (bytes, bytearray, memoryview):
        assert kind.from_bytes(form(data)) == kind()
    for wrong in ("text", None, 1, [data]):
        with pytest.raises(TypeError, match=r"bytes"):
            kind.from_bytes(wrong)
