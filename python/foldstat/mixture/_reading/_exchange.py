"""A fitted mixture in other forms: a dictionary of plain values, scikit-learn's object, ONNX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from sklearn.utils.validation import check_is_fitted

from foldstat.mixture._reading._base import Fitted
from foldstat.mixture._reading._plain import FORMAT, VERSION, attributes_of, plain, read, read_parameters

_FITTED = (
    "weights_",
    "means_",
    "covariances_",
    "precisions_",
    "precisions_cholesky_",
    "converged_",
    "n_iter_",
    "lower_bound_",
    "lower_bounds_",
    "n_features_in_",
    "feature_names_in_",
)


class ExchangeReads(Fitted):
    """Ways out of this package, and one back into it."""

    def to_dict(self) -> dict[str, Any]:
        """Give the model as a dictionary that ``json.dumps`` takes.

        Returns
        -------
        dict
            Strings, numbers, booleans, None, and lists and dictionaries of these: what `from_dict` makes the same
            model of, to the last bit. Numbers that JSON has no word for, such as infinity, are strings. The statistics
            that `partial_fit` goes on from are not in it; a pickle has them.

        Raises
        ------
        NotFittedError
            If the model has no parameters yet.
        TypeError
            If a parameter of the constructor is nothing that can be written, such as a function.

        Examples
        --------
        >>> import json
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([1.0], [[0.1]], [1.0], covariance_type="spherical")
        >>> text = json.dumps(model.to_dict())
        >>> GaussianMixture.from_dict(json.loads(text)).means_
        array([[0.1]])
        """
        check_is_fitted(self)
        parameters = self.get_params(deep=False)  # type: ignore[attr-defined]
        return {
            "format": FORMAT,
            "version": VERSION,
            "model": type(self).__name__,
            "parameters": {name: plain(value, name) for name, value in parameters.items()},
            "fitted": attributes_of(self),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Make a model of what `to_dict` gave.

        Parameters
        ----------
        data : mapping
            The dictionary, as ``json.loads`` gives it back.

        Returns
        -------
        GaussianMixture
            The model, ready to be used.

        Raises
        ------
        ValueError
            If it is no such dictionary, of another version, or describes no mixture. There is no other error,
            whatever the dictionary holds.

        Examples
        --------
        >>> from foldstat import GaussianMixture
        >>> GaussianMixture.from_dict({"format": "something else"})
        Traceback (most recent call last):
        ValueError: not a mixture: 'format' must be 'foldstat.mixture', got 'something else'
        """
        parameters, fitted = read(data, cls.__name__)
        known = cls._get_param_names()  # type: ignore[attr-defined]
        model = cls(**read_parameters(parameters, known))
        model._become_fitted(fitted)
        return model

    def to_sklearn(self) -> Any:
        """Give the model as one of scikit-learn's own class, with the same parameters and fitted attributes.

        Returns
        -------
        sklearn.mixture.GaussianMixture
            The fitted model.

        Raises
        ------
        NotFittedError
            If the model has no parameters yet.
        ValueError
            If its covariance family or its start is none that scikit-learn has.

        Examples
        --------
        >>> from foldstat import GaussianMixture
        >>> model = GaussianMixture.from_parameters([1.0], [[0.1]], [1.0], covariance_type="spherical")
        >>> type(model.to_sklearn()).__module__
        'sklearn.mixture._gaussian_mixture'
        """
        from sklearn.mixture import GaussianMixture

        check_is_fitted(self)
        mine = self.get_params(deep=False)  # type: ignore[attr-defined]
        names = GaussianMixture._get_param_names()
        model = GaussianMixture(**{name: value for name, value in mine.items() if name in names})
        try:
            model._validate_params()
        except ValueError as error:
            raise ValueError(f"scikit-learn has no such mixture: {error}") from error
        for name in _FITTED:
            if hasattr(self, name):
                value = getattr(self, name)
                setattr(model, name, value.copy() if isinstance(value, np.ndarray) else value)
        return model

    def to_onnx(self, X: Any = None, **options: Any) -> Any:
        """Convert to ONNX, by skl2onnx's own converter for scikit-learn's class.

        Parameters
        ----------
        X : array-like, default=None
            Rows that tell the type of the input; None is float32 if the model is, and float64 otherwise.
        **options
            For ``skl2onnx.to_onnx``, such as `target_opset` or `options={'score_samples': True}`.

        Returns
        -------
        onnx.ModelProto
            A graph that predicts labels and probabilities. For a pipeline, put `to_sklearn` in the model's place and
            convert that.

        Raises
        ------
        ImportError
            If skl2onnx is not installed.
        NotFittedError
            If the model has no parameters yet.
        """
        try:
            import skl2onnx
        except ImportError as error:
            raise ImportError(
                'to_onnx converts with skl2onnx, which is not installed: pip install "foldstat[onnx]"'
            ) from error
        model = self.to_sklearn()
        rows = np.zeros((1, model.means_.shape[1]), model.means_.dtype) if X is None else np.asarray(X)[:1]
        of_model = options.pop("options", None)
        if of_model is not None and not any(isinstance(part, dict) for part in of_model.values()):
            of_model = {id(model): of_model}
        return skl2onnx.to_onnx(model, rows, options=of_model, **options)

    def _become_fitted(self, fitted: Mapping[str, Any]) -> None:
        """Take fitted attributes over; each kind of mixture knows which."""
        raise NotImplementedError
