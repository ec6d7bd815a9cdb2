"""The only place that uses names scikit-learn does not document.

They decide the texts of parameter errors and the context `fit` runs in, and exist from
scikit-learn 1.3 on; 1.6 is the oldest version supported.
"""

from sklearn.base import _fit_context as fit_context
from sklearn.utils._param_validation import Interval, StrOptions

__all__ = ["Interval", "StrOptions", "fit_context"]
