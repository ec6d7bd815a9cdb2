"""The command line: ``python -m foldstat info`` and ``python -m foldstat demo``."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def system_report() -> dict[str, Any]:
    """Collect what a bug report or a benchmark should say about this installation."""
    import numpy
    import scipy
    import sklearn

    from foldstat import _core

    system = _core.system()
    return {
        "foldstat": system["version"],
        "simd": system["simd"],
        "threads": system["threads"],
        "python": platform.python_version(),
        "implementation": platform.python_implementation(),
        "platform": platform.platform(),
        "numpy": numpy.__version__,
        "scipy": scipy.__version__,
        "scikit-learn": sklearn.__version__,
        "lapack": system["lapack"],
    }


def info(*, as_json: bool) -> int:
    """Print the report; with `as_json` as one JSON object."""
    report = system_report()
    if as_json:
        print(json.dumps(report, indent=2))
        return 0
    for name, value in report.items():
        print(f"{name:<15} {'not found' if value is None else value}")
    return 0


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {value}")
    return value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m foldstat", description="Gaussian mixtures on every core.")
    commands = parser.add_subparsers(dest="command", required=True)
    about = commands.add_parser("info", help="print versions, SIMD level, threads and where LAPACK comes from")
    about.add_argument("--json", action="store_true", help="as one JSON object")
    demo = commands.add_parser(
        "demo",
        help="fit real data, compare with scikit-learn, draw a picture",
        description="Runs EM on four clouds of points in the plane and chooses a mixture for the eruptions of the "
        "Old Faithful geyser by BIC; both also with scikit-learn, for comparison.",
    )
    demo.add_argument("--rows", type=_positive, default=1_000_000, metavar="N", help="points per cloud (1000000)")
    demo.add_argument("--seed", type=int, default=3, help="seed of the points and of the random start (3)")
    demo.add_argument(
        "--data",
        type=Path,
        metavar="CSV",
        help="Old Faithful data with columns eruptions and waiting (default: the copy that comes with foldstat)",
    )
    demo.add_argument(
        "--output",
        type=Path,
        default=Path("foldstat-demo.png"),
        metavar="PNG",
        help="where to write the picture (foldstat-demo.png)",
    )
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    options = _parser().parse_args(arguments)
    if options.command == "info":
        return info(as_json=options.json)
    from foldstat import _demo

    try:
        _demo.run(rows=options.rows, seed=options.seed, data=options.data, output=options.output)
    except _demo.DemoError as error:
        print(f"python -m foldstat demo: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
