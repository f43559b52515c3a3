"""ARMA models of statsmodels, fitted as DeepLabCut fits them."""

import warnings
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any


def sarimax() -> Callable[[Any], tuple[Any, float]] | None:
    """Predictions and log likelihood of a series; None where it is not installed."""
    if find_spec("statsmodels") is None:
        return None
    from statsmodels.tsa.statespace.sarimax import SARIMAX

    def fit(y: Any) -> tuple[Any, float]:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = SARIMAX(y, order=(3, 0, 1), seasonal_order=(0, 0, 0, 0), simple_differencing=True)
            result = model.fit(disp=False)
        return result.get_prediction().predicted_mean, float(result.llf)

    return fit
