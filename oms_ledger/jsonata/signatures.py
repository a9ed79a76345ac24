"""Signatures of lambdas, `<n-n:n>`: a short text, whose arguments are matched in linear time.

The engine makes a regular expression of a signature, one that backtracks. Here RE2 takes it over.
"""

from typing import Any, NoReturn

import re2
from jsonata.jexception import JException  # type: ignore[import-untyped]

from oms_ledger.jsonata.bounds import SIGNATURE
from oms_ledger.jsonata.errors import ExpressionError


def bound(signature: Any) -> None:
    """Have the signature of a parsed lambda matched by RE2; refuse one that is out of bounds."""
    pattern = signature._signature
    if len(pattern) > 6 * SIGNATURE:  # of one letter the engine makes up to eleven
        raise ExpressionError(f"The signature of a function is longer than {SIGNATURE} characters.")
    try:
        signature._regex = re2.compile(pattern)
    except re2.error:
        raise ExpressionError("The signature of a function cannot be read.") from None
    signature.throw_validation_error = _refuse


def _refuse(arguments: Any, symbols: str, function: str) -> NoReturn:
    raise JException("T0410", -1, 1, function)
