"""Writes THIRD-PARTY.txt: the licences of the crates that are linked into the module."""

import json
import re
import subprocess
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
TARGETS = ("x86_64-unknown-linux-gnu", "x86_64-pc-windows-msvc", "aarch64-apple-darwin")
HEADER = """\
Parts of other projects are linked into foldstat's compiled module: Rust's standard library
(https://github.com/rust-lang/rust), here under the Apache License 2.0, and the crates listed. Where
a crate offers the MIT licence among others, that one is chosen. `make licences` writes this file.
"""
TEXTS = re.compile(r"(LICEN[CS]E|COPYING|NOTICE|UNLICENSE)", re.IGNORECASE)


def cargo(*arguments):
    command = ["cargo", *arguments, "--locked"]
    return subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout


def linked():
    """Name and version of every crate that is linked in on some platform, from Cargo.lock."""
    targets = [f"--target={target}" for target in TARGETS]
    tree = cargo("tree", "--edges=normal,no-proc-macro", "--prefix=none", "--format={p}", *targets)
    crates = {tuple(line.split()[:2]) for line in tree.splitlines() if line}
    return sorted((name, version.removeprefix("v")) for name, version in crates if name != "foldstat")


def listed():
    """The crates that THIRD-PARTY.txt names."""
    text = (ROOT / "THIRD-PARTY.txt").read_text(encoding="utf-8")
    return re.findall(r"^\* (\S+) (\d\S*): ", text, flags=re.MULTILINE)


def licence_files(folder, licence):
    """The texts that apply: the MIT licence alone where it is one of several offered."""
    files = sorted(path for path in folder.iterdir() if TEXTS.match(path.name) and path.is_file())
    mit = [path for path in files if "MIT" in path.name.upper()]
    offered = "MIT" in licence and " AND " not in licence
    return mit if offered and mit else files


def document():
    packages = {(p["name"], p["version"]): p for p in json.loads(cargo("metadata", "--format-version=1"))["packages"]}
    holders = defaultdict(list)
    lines = [HEADER]
    for crate in linked():
        package = packages[crate]
        licence = package["license"]
        source = package["repository"] or package["homepage"] or ""
        files = licence_files(Path(package["manifest_path"]).parent, licence)
        authors = re.sub(r" <[^>]*>", "", ", ".join(package["authors"]))
        no_files = "" if files else f", by {authors}, without a text of its own: those below apply"
        lines.append(f"* {' '.join(crate)}: {licence}, {source}{no_files}")
        for path in files:
            text = "\n".join(line.rstrip() for line in path.read_text(encoding="utf-8").strip().splitlines())
            holders[text].append(crate[0])
    for text, names in holders.items():
        lines.append(f"\n{'=' * 80}\n{', '.join(dict.fromkeys(names))}\n{'-' * 80}\n{text}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    (ROOT / "THIRD-PARTY.txt").write_text(document(), encoding="utf-8")
