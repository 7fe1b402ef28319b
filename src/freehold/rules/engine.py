"""CEL behind one small interface, with a pure-Python engine where the compiled one is missing.

Source: https://github.com/google/cel-spec. Both give the same verdicts; `tests/rules` compares
them expression by expression.
"""

import importlib.util
from functools import lru_cache

from freehold.rules.compiled import CompiledEngine
from freehold.rules.interpreted import InterpretedEngine
from freehold.rules.language import Engine, ExpressionError, FactType, Program

__all__ = [
    "CompiledEngine",
    "Engine",
    "ExpressionError",
    "FactType",
    "InterpretedEngine",
    "Program",
    "default_engine",
]


@lru_cache(maxsize=1)
def default_engine() -> Engine:
    """The compiled engine where its wheel is installed, else the interpreted one."""
    if importlib.util.find_spec("cel_expr_python") is not None:
        return CompiledEngine()
    return InterpretedEngine()
