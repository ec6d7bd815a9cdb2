"""Files of runs: they come back to the bit and go on, and what is not a run is refused."""

import io
import json
import os
import random
import stat
import sys
import threading
import zipfile

import numpy as np
import pytest

import foldstat
from foldstat import walkers as w
from programs import outcome

MIX = w.Mix([(3, w.AdaptiveStep([1.0, 4.0])), (1, w.Mix([(1, w.UniformStep([0.5, 2.0]))]))])


def normal(x, y):
    return -(x * x + y * y) / 2


def shifted(x, y, shift):
    return normal(x - shift, y)


def sample(density=normal, n_steps=40, **keywords):
    settings = {"move": w.UniformStep(1.5), "rng": 0, "where": "python"} | keywords
    return w.sample(density, [0.0, 0.0], n_steps=n_steps, burn_in=20, n_walkers=9, **settings)


def built_in(**keywords):
    settings = {"n_steps": 40, "burn_in": 20, "n_walkers": 9, "rng": 0, "move": w.NormalStep(1.0)} | keywords
    return w.sample(w.densities.ThreeGaussians(), [0.0, 0.0], **settings)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


def same(a, b):
    assert (a.names, a.move, a.density_kind, a.keep, a.interrupted) == (
        b.names,
        b.move,
        b.density_kind,
        b.keep,
        b.interrupted,
    )
    assert (a.n_steps, a.burn_in, a.thin, a.n_walkers) == (b.n_steps, b.burn_in, b.thin, b.n_walkers)
    np.testing.assert_array_equal(a.acceptance_rate, b.acceptance_rate)
    np.testing.assert_array_equal(a.positions, b.positions)
    np.testing.assert_array_equal(a.mean(), b.mean())
    if a.keep == "draws":
        np.testing.assert_array_equal(a.draws, b.draws)
        np.testing.assert_array_equal(a.log_density, b.log_density)
    else:
        np.testing.assert_array_equal(a.histogram().counts, b.histogram().counts)


@pytest.mark.parametrize("keep", ["draws", "moments"])
@pytest.mark.parametrize(
    "move", [w.UniformStep(1.5), w.NormalStep([[2.0, 0.3], [0.3, 1.0]]), w.AdaptiveStep(), w.PooledStep(), MIX]
)
def test_a_loaded_run_goes_on_bit_for_bit(path, move, keep):
    run = sample(move=move, keep=keep, thin=3)
    assert run.save(path) is None
    loaded = w.load(path, normal, where="python")
    same(loaded, run)
    same(loaded.extend(25), run.extend(25))
    same(loaded.extend(25), sample(move=move, keep=keep, thin=3, n_steps=65))


@pytest.mark.parametrize("move", [w.ComponentwiseStep(1.0), w.Stretch(), w.DifferentialEvolution(), w.Snooker(1.5)])
def test_every_other_move_is_saved_as_well(path, move):
    def start(rng):
        return rng.normal(size=2)

    density = w.densities.ThreeGaussians()
    run = w.sample(density, start, n_steps=20, burn_in=20, n_walkers=12, move=move, rng=2)
    run.save(path)
    same(w.load(path).extend(10), run.extend(10))


@pytest.mark.parametrize("name", ["ThreeGaussians", "Banana", "Funnel", "EightSchools", "Ring", "EggBox"])
def test_built_in_densities_come_back_by_themselves(path, name):
    density = getattr(w.densities, name)()
    run = w.sample(density, np.ones(density.n_dims), n_steps=20, burn_in=20, n_walkers=5, rng=3)
    run.save(path)
    same(w.load(path), run)
    same(w.load(path).extend(30), run.extend(30))


@pytest.mark.parametrize("covariance_type", ["full", "tied", "diag", "spherical"])
def test_fitted_mixtures_come_back_by_themselves(path, covariance_type):
    rows = np.random.default_rng(0).normal(size=(200, 2)) * [1.0, 3.0]
    model = foldstat.GaussianMixture(2, covariance_type=covariance_type, random_state=0).fit(rows)
    run = w.sample(model, [0.0, 0.0], n_steps=20, burn_in=20, n_walkers=5, rng=3)
    run.save(path)
    model.fit(rows + 100)
    same(w.load(path).extend(30), run.extend(30))


def test_bounds_are_saved(path):
    run = built_in(bounds=[(-1.0, 1.0), (None, 2.0)])
    run.save(path)
    loaded = w.load(path).extend(200)
    assert np.abs(loaded.draws[..., 0]).max() <= 1
    same(loaded, run.extend(200))


def test_a_density_that_is_no_logarithm_is_saved_as_that(path):
    def density(x, y):
        return np.exp(normal(x, y))

    run = sample(density, log=False)
    run.save(path)
    same(w.load(path, density, where="python").extend(10), run.extend(10))


def test_an_interrupted_run_is_saved(path):
    calls = 0

    def density(x, y):
        nonlocal calls
        calls += 1
        if calls == 9 * 12:
            raise KeyboardInterrupt
        return normal(x, y)

    for keep in ("draws", "moments"):
        calls = 0
        with pytest.warns(RuntimeWarning, match="interrupted"):
            run = sample(density, call="coordinates", keep=keep)
        run.save(path)
        loaded = w.load(path, normal, where="python")
        assert loaded.interrupted
        assert loaded.n_draws == run.n_draws
        same(loaded.extend(40), sample(keep=keep))


def test_a_function_is_given_again(path):
    run = sample(shifted, args=(1.0,))
    run.save(path)
    loaded = w.load(path)
    np.testing.assert_array_equal(loaded.draws, run.draws)
    np.testing.assert_array_equal(loaded.log_density, run.log_density)
    with pytest.raises(ValueError, match=r"the run has no density: a function \(Python callable.*run\.extend"):
        loaded.extend(10)
    with pytest.raises(ValueError, match="density is not the one that the run walked over"):
        w.load(path, shifted, args=(2.0,), where="python")
    long = run.extend(10)
    same(loaded.extend(10, density=shifted, args=(1.0,), where="python"), long)
    same(w.load(path, shifted, args=(1.0,), where="python").extend(10), long)


def test_the_file_is_one_that_numpy_reads(path):
    run = built_in(names=["width", "height"])
    run.save(path)
    with np.load(path, allow_pickle=False) as file:
        np.testing.assert_array_equal(file["draws"], run.draws)
        header = json.loads(str(file["header"]))
    assert header["format"] == "foldstat.walkers.Run"
    assert header["version"] == 1
    assert header["foldstat"] == foldstat.__version__
    assert header["run"]["names"] == {"list": ["width", "height"]}


def test_the_file_has_the_name_that_was_given(tmp_path):
    built_in().save(str(tmp_path / "run"))
    assert [entry.name for entry in tmp_path.iterdir()] == ["run"]
    assert w.load(str(tmp_path / "run")).n_draws == 40


def test_a_file_is_replaced_only_by_a_complete_one(path, monkeypatch):
    run = built_in()
    run.save(path)
    run.extend(10).save(path)
    assert w.load(path).n_draws == 50

    def fail(file, **arrays):
        file.write(b"half of it")
        raise OSError("no space left on device")

    monkeypatch.setattr(np, "savez", fail)
    with pytest.raises(OSError, match="no space left"):
        run.save(path)
    assert w.load(path).n_draws == 50
    assert [entry.name for entry in path.parent.iterdir()] == ["run.npz"]


def test_only_the_draws_there_are_are_saved(path):
    calls = 0

    def density(x, y):
        nonlocal calls
        calls += 1
        if calls == 9 * 100:
            raise KeyboardInterrupt
        return normal(x, y)

    with pytest.warns(RuntimeWarning, match="interrupted"):
        run = sample(density, call="coordinates", n_steps=100_000)
    run.save(path)
    assert path.stat().st_size < 100_000


def rewritten(path, change):
    with np.load(path) as file:
        arrays = dict(file)
    header = json.loads(str(arrays["header"]))
    change(header)
    np.savez(path, **arrays | {"header": np.array(json.dumps(header))})


def test_a_later_version_is_refused(path):
    built_in().save(path)
    rewritten(path, lambda header: header.update(version=2, foldstat="9.0"))
    with pytest.raises(ValueError, match=r"version 2 of the format \(written by foldstat 9\.0\).* reads version 1"):
        w.load(path)


def test_other_files_are_refused(path, tmp_path):
    with pytest.raises(FileNotFoundError):
        w.load(path)
    path.write_bytes(b"not a zip file at all")
    with pytest.raises(ValueError, match=r"run\.npz is not a run saved by foldstat"):
        w.load(path)
    np.savez(path, draws=np.zeros(3))
    with pytest.raises(ValueError, match="it has no header"):
        w.load(path)
    np.savez(path, header=np.array('{"format": "something"}'))
    with pytest.raises(ValueError, match="is not that of"):
        w.load(path)
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(ValueError, match=r"array\.npy is not a run saved by foldstat"):
        w.load(tmp_path / "array.npy")


def test_damaged_files_are_refused(path):
    built_in().save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ValueError, match="is damaged"):
        w.load(path)
    middle = whole.index(b"draws.npy") + 2000
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    with pytest.raises(ValueError, match=r"is damaged.*CRC"):
        w.load(path)


def test_pickled_objects_are_not_loaded(path):
    built_in().save(path)
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays | {"draws": np.array([print], dtype=object)})
    with pytest.raises(ValueError, match="is not a run saved by foldstat"):
        w.load(path)
    assert zipfile.is_zipfile(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda run: run.pop("thin"), "it lacks 'thin'"),
        (lambda run: run.update(thin=0), "thin is 0"),
        (lambda run: run.update(burn_in="many"), "burn_in is a str"),
        (lambda run: run.update(keep="all"), "keep is 'all'"),
        (lambda run: run.update(names={"list": ["x"]}), "dimension"),
        (lambda run: run.update(thin=2), r"draws has shape \(9, 40, 2\)"),
        (lambda run: run["ensemble"]["dict"].pop("step"), "step"),
    ],
)
def test_headers_that_do_not_fit_are_refused(path, change, message):
    built_in().save(path)
    rewritten(path, lambda header: change(header["run"]))
    with pytest.raises(ValueError, match=rf"run\.npz is not a run saved by foldstat, or is damaged: .*{message}"):
        w.load(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda dims, edges: dims.update(tuple=[7]), r"edges of dimensions \(7,\) for a histogram of shape \(30,\)"),
        (lambda dims, edges: dims.update(tuple=["x"]), r"edges of dimensions \('x',\)"),
        (lambda dims, edges: dims.update(tuple=[0, 1]), r"edges of dimensions \(0, 1\)"),
        (lambda dims, edges: edges.update(list=[]), r"there are 0 edges"),
        (lambda dims, edges: edges.update(list=[{"array": "bounds"}]), r"edges has shape \(2, 2\)"),
        (lambda dims, edges: edges.update(list=[{"array": "moments.means"}]), r"edges of a histogram do not increase"),
    ],
)
def test_edges_that_do_not_fit_their_histogram_are_refused(path, change, message):
    run = built_in(keep="moments", histograms=30)
    run.save(path)
    with np.load(path) as file:
        arrays = dict(file) | {"bounds": np.zeros((2, 2)), "moments.means": np.zeros(31)}
    np.savez(path, **arrays)
    rewritten(path, lambda header: change(*first_axes(header["run"])))
    with pytest.raises(ValueError, match=rf"is damaged: .*{message}"):
        w.load(path)


def first_axes(run):
    """Dimensions and edges of the first histogram, as the header writes them."""
    return run["moments"]["dict"]["axes"]["list"][0]["tuple"]


def test_a_file_of_an_unknown_user_is_a_file_of_that_name():
    with pytest.raises(FileNotFoundError, match="no such folder"):
        built_in().save("~nobody-of-that-name/run.npz")
    with pytest.raises(FileNotFoundError):
        w.load("~nobody-of-that-name/run.npz")


def test_a_missing_folder_is_named_and_the_home_folder_found(tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match=r"no such folder.*nowhere'$"):
        built_in().save(tmp_path / "nowhere" / "run.npz")
    monkeypatch.setenv("HOME", str(tmp_path))
    built_in().save("~/run.npz")
    assert (tmp_path / "run.npz").exists()
    assert w.load("~/run.npz").n_draws == 40


on_posix = pytest.mark.skipif(sys.platform == "win32", reason="links, modes and pipes of POSIX")


@on_posix
def test_a_symbolic_link_is_followed(path, tmp_path):
    target = tmp_path / "elsewhere" / "data.npz"
    target.parent.mkdir()
    path.symlink_to(target)
    for n_steps in (40, 50):  # the target is made, then replaced
        run = built_in(n_steps=n_steps)
        run.save(path)
        assert path.is_symlink()
        assert w.load(target).n_draws == n_steps


@on_posix
def test_what_is_no_regular_file_is_written_to_as_it_is(path):
    os.mkfifo(path)
    content = []
    reader = threading.Thread(target=lambda: content.append(path.read_bytes()))
    reader.start()
    run = built_in()
    run.save(path)
    reader.join()
    assert stat.S_ISFIFO(path.stat().st_mode)
    with np.load(io.BytesIO(content[0])) as file:
        np.testing.assert_array_equal(file["draws"], run.draws)


def test_a_folder_is_no_file(path):
    path.mkdir()
    with pytest.raises(IsADirectoryError if sys.platform != "win32" else OSError):
        built_in().save(path)
    assert path.is_dir()


@on_posix
def test_the_mode_of_the_old_file_is_kept(path):
    run, mask = built_in(), os.umask(0o027)
    try:
        run.save(path)
    finally:
        os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o604)
    run.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o604


@on_posix
@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() != 0, reason="only root gives files away")
def test_the_owner_of_the_old_file_is_kept(path):
    path.touch()
    os.chown(path, 12, 34)
    built_in().save(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (12, 34)


def test_threads_may_save_to_one_path_while_others_read(path):
    runs = [built_in(n_steps=n_steps) for n_steps in (40, 50)]
    runs[0].save(path)
    failures = []

    def repeat(act):
        try:
            for _ in range(30):
                act()
        except Exception as error:
            failures.append(error)

    def load():
        assert w.load(path).n_draws in (40, 50)

    acts = [lambda run=run: run.save(path) for run in runs] + [load]
    threads = [threading.Thread(target=repeat, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [entry.name for entry in path.parent.iterdir()] == ["run.npz"]


@on_posix
def test_parts_that_nobody_writes_any_more_are_swept_up(tmp_path):
    import fcntl

    path = tmp_path / "run[1].npz"
    dead, held, other = (tmp_path / f"run[1].npz.{name}.part" for name in ("0" * 16, "1" * 16, "mine"))
    for part in (dead, held, other):
        part.write_bytes(b"half of it")
    with held.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        built_in().save(path)
    assert sorted(tmp_path.iterdir()) == sorted([path, held, other])


def test_any_damage_is_a_value_error(path):
    built_in().save(path)
    whole, draw = path.read_bytes(), random.Random(os.urandom(8))
    directory = whole.index(b"PK\x01\x02")
    for _ in range(300):
        data = bytearray(whole)
        for first in (0, directory):
            data[draw.randrange(first, len(data))] = draw.randrange(256)
        path.write_bytes(data)
        try:
            w.load(path)
        except ValueError as error:
            assert str(path) in str(error), bytes(data).hex()  # noqa: PT017
        except Exception as error:
            raise AssertionError(bytes(data).hex()) from error


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda arrays: {"header": np.array("[" * 100_000)}, "recursion"),
        (
            lambda arrays: arrays | {"draws": np.lib.stride_tricks.as_strided(np.zeros(1), (1,), (8,))},
            "draws has shape",
        ),
    ],
)
def test_arrays_that_are_no_run_are_refused(path, write, message):
    built_in().save(path)
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **write(arrays))
    with pytest.raises(ValueError, match=message):
        w.load(path)


def test_sizes_that_are_not_those_of_the_file_are_refused_before_anything_is_made(path):
    built_in().save(path)
    with np.load(path) as file:
        shape = file["draws"].shape
    with zipfile.ZipFile(path) as file:
        entries = {name: file.read(name) for name in file.namelist()}
    assert shape == (9, 40, 2)
    many = entries["draws.npy"].replace(b"(9, 40, 2), }" + b" " * 12, b"(9, 40, 200000000000), }" + b" ")
    assert len(many) == len(entries["draws.npy"])
    with zipfile.ZipFile(path, "w") as file:
        for name, data in (entries | {"draws.npy": many}).items():
            file.writestr(name, data)
    with pytest.raises(ValueError, match=r"draws\.npy has \d+ bytes, too few or too many for \(9, 40, 200000000000\)"):
        w.load(path)
    np.savez_compressed(path, header=np.array("{}"))
    with pytest.raises(ValueError, match="is compressed"):
        w.load(path)


FULL_DISK = """
import json, os, resource, signal
import numpy as np
from foldstat import walkers as w

run = w.sample(w.densities.ThreeGaussians(), [0.0, 0.0], n_steps=4_000, n_walkers=8, rng=0)
run.save("run.npz")
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, resource.RLIM_INFINITY))
try:
    run.extend(10).save("run.npz")
except OSError as error:
    print(json.dumps([type(error).__name__, os.listdir(), w.load("run.npz").n_steps]))
"""


@on_posix
def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert outcome(FULL_DISK) == ["OSError", ["run.npz"], 4_000]


@pytest.mark.skipif(sys.platform != "linux", reason="files without a name by their descriptors")
def test_a_file_without_a_name_is_written_by_its_descriptor(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    handle = os.memfd_create("run")
    run = built_in()
    run.save(f"/proc/self/fd/{handle}")
    with os.fdopen(handle, "rb") as file:
        file.seek(0)
        with np.load(file) as arrays:
            np.testing.assert_array_equal(arrays["draws"], run.draws)
    assert list(tmp_path.iterdir()) == []


@on_posix
def test_a_pipe_is_written_to_by_its_descriptor():
    read, write = os.pipe()
    content = []

    def receive():
        with os.fdopen(read, "rb") as pipe:
            content.append(pipe.read())

    reader = threading.Thread(target=receive)
    reader.start()
    built_in().save(f"/dev/fd/{write}")
    os.close(write)
    reader.join()
    assert content[0].startswith(b"PK")


@on_posix
def test_a_folder_without_locks_will_do(path, monkeypatch):
    import fcntl

    def refuse(file, operation):
        raise OSError(38, "Function not implemented")

    monkeypatch.setattr(fcntl, "flock", refuse)
    for _ in range(2):
        built_in().save(path)
    assert [entry.name for entry in path.parent.iterdir()] == ["run.npz"]


@pytest.mark.parametrize("name", ["x" * 255, "ü" * 127])
def test_a_name_may_be_as_long_as_names_are(tmp_path, name):
    built_in().save(tmp_path / name)
    assert w.load(tmp_path / name).n_draws == 40
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


@on_posix
def test_only_regular_files_are_swept_up(path):
    pipe = path.with_name(f"run.npz.{'0' * 16}.part")
    os.mkfifo(pipe)
    built_in().save(path)
    assert pipe.exists()


@pytest.mark.parametrize("names", [{}, ""])
def test_names_of_nothing_are_refused(path, names):
    built_in().save(path)
    rewritten(path, lambda header: header["run"].update(names=names))
    with pytest.raises(ValueError, match="is not a run saved by foldstat, or is damaged"):
        w.load(path)
