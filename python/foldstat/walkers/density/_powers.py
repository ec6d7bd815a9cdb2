"""Python's errors of ``**`` in compiled code, by a pass of our own in numba's compiler.

numba has no public way to say what an operator of the language does. What is used instead may change with any version
of it, so it is used with those only that it was tried with.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

from foldstat.walkers.density._python_errors import checked_power

_TESTED = ("0.60", "0.61", "0.62", "0.63", "0.64", "0.65", "0.66", "0.67", "0.68")


def powers_are_checked() -> bool:
    """Tell whether compiled code raises where Python does for ``x ** y``.

    Returns
    -------
    bool
        False with a version of numba that this has not been tried with: powers are then those of C.
    """
    version: str = importlib.import_module("numba").__version__
    return ".".join(version.split(".")[:2]) in _TESTED


def checking_options() -> dict[str, Any]:
    """Give the options of ``numba.njit`` with which compiled code raises where Python does.

    Returns
    -------
    dict
        Keywords.
    """
    options: dict[str, Any] = {"error_model": "python"}
    return options | {"pipeline_class": _checking_compiler()} if powers_are_checked() else options


@functools.cache
def _checking_compiler() -> Any:
    """Make numba's compiler with a pass that checks what ``**`` gives."""
    compiler: Any = importlib.import_module("numba.core.compiler")
    machinery: Any = importlib.import_module("numba.core.compiler_machinery")
    passes: Any = importlib.import_module("numba.core.untyped_passes")

    @machinery.register_pass(mutates_CFG=False, analysis_only=False)
    class _CheckPowers(machinery.FunctionPass):  # type: ignore[misc]
        _name = "foldstat_check_powers"

        def __init__(self) -> None:
            super().__init__()

        def run_pass(self, state: Any) -> bool:
            return _check_powers(state.func_ir)

    class _Compiler(compiler.CompilerBase):  # type: ignore[misc]
        def define_pipelines(self) -> list[Any]:
            pipeline = compiler.DefaultPassBuilder.define_nopython_pipeline(self.state)
            pipeline.add_pass_after(_CheckPowers, passes.IRProcessing)
            pipeline.finalize()
            return [pipeline]

    return _Compiler


def _check_powers(function: Any) -> bool:
    """Follow each power in numba's representation of a function by a call of the check."""
    ir: Any = importlib.import_module("numba.core.ir")
    utils: Any = importlib.import_module("numba.core.ir_utils")
    operator: Any = importlib.import_module("operator")
    changed = False
    for block in function.blocks.values():
        body = []
        for statement in block.body:
            value: Any = getattr(statement, "value", None)
            is_power = isinstance(value, ir.Expr) and value.op in ("binop", "inplace_binop")
            if not (is_power and value.fn in (operator.pow, operator.ipow)):
                body.append(statement)
                continue
            loc = statement.loc
            check, power = (ir.Var(block.scope, utils.mk_unique_var(name), loc) for name in ("$check", "$power"))
            body.append(ir.Assign(value, power, loc))
            body.append(ir.Assign(ir.Global("checked_power", checked_power(), loc), check, loc))
            call = ir.Expr.call(check, [value.lhs, value.rhs, power], (), loc)
            body.append(ir.Assign(call, statement.target, loc))
            changed = True
        block.body = body
    if changed:
        function._definitions = utils.build_definitions(function.blocks)
    return changed
