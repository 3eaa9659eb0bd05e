"""Networks of columns: expressions with weights, which stand in utilities beside coefficients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pytensor
import pytensor.tensor as pt
from numpy.typing import NDArray
from pytensor.graph.basic import Variable
from pytensor.graph.traversal import graph_inputs

from pycmtensor.dataset import Dataset
from pycmtensor.dataset.symbols import check_origin, column_of, columns_in, name_of
from pycmtensor.exceptions import DatasetError, ModelError, checked_class, in_range, seed_of, whole
from pycmtensor.expressions import Bias, Parameter, Weight
from pycmtensor.host.escaping import printed
from pycmtensor.kernels import layers
from pycmtensor.kernels.layers import ACTIVATIONS, SIGNS, dense

__all__ = ["Embedding", "Network"]

ONE_OUTPUT = "output"


@checked_class(ModelError)
@dataclass(frozen=True, eq=False)
class Embedding:
    """A categorical column as an input of a `Network`: each level has a point of its own, which is estimated.

    Levels are those in the data of the network. A model refuses other data with levels that it does not know.

    Args:
        column: A column of whole numbers, such as ``ds["PURPOSE"]``.
        size: Dimension of the points; None gives each level an input that is 1 there and 0 elsewhere.

    Raises:
        ModelError: ``column`` is no column, or ``size`` is no whole number of at least 1.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> ds = cmt.Dataset(pd.DataFrame({"mode": [1, 2, 2], "purpose": [1, 2, 3]}), "mode", {"car": 1, "bus": 2})
        >>> cmt.Network("taste", [cmt.Embedding(ds["purpose"], size=2)], data=ds, hidden=4)
        Network('taste', inputs 1, hidden 4, outputs output; 23 weights)
    """

    column: Variable
    size: int | None = None

    def __post_init__(self) -> None:
        if not isinstance(column_of(self.column), (str, tuple)):
            raise ModelError(f"Embedding takes a column of a data set, such as ds['PURPOSE'], found {self.column!r}.")
        if self.size is not None:
            whole("Embedding", "size", self.size, least=1, error=ModelError)


@checked_class(ModelError)
class Network:
    r"""A feed-forward network of columns, whose outputs stand in utilities as coefficients or terms.

    .. math:: x_l = f(x_{l-1} W_l + b_l), \quad y = g(x_L W_{L+1} + b_{L+1})

    with the standardised inputs x_0, the activation f, and g giving outputs a sign. The weights of the last layer start
    at 0, so that outputs begin as constants and a model begins without the network.

    Args:
        name: Begins the names of the weights: 'tastes.weight1' and so on.
        inputs: Columns, expressions of columns (T, N, 1), and `Embedding`.
        outputs: 1, or the names of several outputs.
        data: The data whose weighted means and standard deviations standardise the inputs, and whose levels
            embeddings have. The numbers stay in the network, so that other data are treated the same.
        hidden: Sizes of the hidden layers, () for none.
        activation: One of "relu", "softplus", "gelu", "tanh", "sigmoid", "identity".
        output: "identity", "positive" or "negative", for all outputs or by name; "negative" is -log(1 + exp(.)).
        standardise: Whether inputs are standardised; embeddings never are.
        residual: Whether a hidden layer adds its input to its output where both have one size.
        layer_norm: Whether features are normalised before each activation.
        dropout: Probability, in [0, 1), that a unit of a hidden layer is left out of a step of `Stochastic`; the others
            count 1 / (1 - dropout) times, so that what a layer passes on is the same on average. Whatever is computed
            otherwise, such as log-likelihoods, predictions and standard errors, is of the whole network.
        initialiser: Start values of hidden layers, as ``init_type`` of `Weight`.
        seed: Of the start values.

    Attributes:
        params: Weights and biases.
        columns: Names of the columns that the inputs are made of.
        outputs: Name -> expression (T, N, 1).

    Raises:
        ModelError: An input is no expression of columns or does not vary, a name is unknown, or an option, a size or a
            probability is not one.

    References:
        Goodfellow, Bengio & Courville (2016), Deep Learning, chapter 6; He et al. (2016), arXiv:1512.03385, for
        ``residual``; Srivastava et al. (2014), Dropout: a simple way to prevent neural networks from overfitting, JMLR
        15:1929-1958.

    Examples:
        >>> import pandas as pd, pycmtensor as cmt
        >>> frame = pd.DataFrame({"mode": [1, 2, 2], "time": [10.0, 20, 30], "age": [20, 40, 60], "income": [2, 5, 3]})
        >>> ds = cmt.Dataset(frame, choice="mode", alternatives={"car": 1, "bus": 2})
        >>> tastes = cmt.Network("tastes", [ds["age"], ds["income"]], ["b_time"], data=ds, output="negative")
        >>> tastes
        Network('tastes', inputs 2, hidden 10, outputs b_time; 41 weights)
        >>> cmt.MNL(ds, {"car": tastes["b_time"] * ds["time"], "bus": cmt.Beta("asc")}).params[-1]
        Beta('asc', 0)
    """

    def __init__(
        self,
        name: str,
        inputs: Sequence[Variable | Embedding],
        outputs: int | Sequence[str] = 1,
        *,
        data: Dataset,
        hidden: int | Sequence[int] = (10,),
        activation: str = "relu",
        output: str | Mapping[str, str] = "identity",
        standardise: bool = True,
        residual: bool = False,
        layer_norm: bool = False,
        dropout: float = 0.0,
        initialiser: str = "he_normal",
        seed: int = 0,
    ) -> None:
        self.name, self.data = name, data
        self.hidden = (hidden,) if isinstance(hidden, int) else tuple(hidden)
        self._check(inputs, outputs, activation)
        in_range(f"Network '{name}'", "dropout", dropout, "[0, 1)", error=ModelError)
        for what, given in (("dropout", dropout), ("residual", residual), ("layer_norm", layer_norm)):
            if given and not self.hidden:
                raise ModelError(
                    f"Network '{name}': {what} is of hidden layers, of which there are none. Leave it out."
                )
        seed_of(f"Network '{name}'", seed, ModelError)
        names = [ONE_OUTPUT] if isinstance(outputs, int) else list(outputs)
        signs = (
            dict.fromkeys(names, output) if isinstance(output, str) else {n: output.get(n, "identity") for n in names}
        )
        _check_signs(name, names, signs, output)
        self.params: list[Parameter] = []
        self.inputs = tuple(inputs)
        self.columns = frozenset(column for x in inputs for column in _columns(x))
        seeds = iter(np.random.SeedSequence(seed).generate_state(len(self.hidden) + len(inputs)).tolist())
        x = pt.concatenate([self._feature(x, standardise, next(seeds)) for x in inputs], axis=-1)
        size = x.type.shape[-1]
        for layer, width in enumerate(self.hidden, 1):
            z = dense(x, *self._weights(layer, size, width, initialiser, next(seeds)))
            if layer_norm:
                scale = Weight(f"{name}.scale{layer}", width, value=np.ones(width))
                z = layers.layer_norm(z, *self._kept(scale, Bias(f"{name}.shift{layer}", width)))
            z = ACTIVATIONS[activation](z)
            z = layers.dropped_in_training(z, dropout) if dropout else z
            x, size = (z + x if residual and size == width else z), width
        y = dense(x, *self._weights(len(self.hidden) + 1, size, len(names), "zeros"))
        self.outputs = {n: SIGNS[signs[n]](y[..., k : k + 1]) for k, n in enumerate(names)}

    def __getitem__(self, name: str) -> Variable:
        """An output by its name, (T, N, 1)."""
        if name not in self.outputs:
            raise ModelError(f"Network '{self.name}' has no output {name!r}; it has {', '.join(self.outputs)}.")
        return self.outputs[name]

    def __call__(self) -> Variable:
        """The one output, (T, N, 1)."""
        if len(self.outputs) != 1:
            raise ModelError(
                f"Network '{self.name}' has the outputs {', '.join(self.outputs)}. Name one, such as "
                f"network['{next(iter(self.outputs))}']."
            )
        return next(iter(self.outputs.values()))

    @property
    def size(self) -> int:
        """Number of weights."""
        return sum(parameter.size for parameter in self.params)

    def _feature(self, x: Variable | Embedding, standardise: bool, seed: int) -> Variable:
        """An input on the last axis, (T, N, features)."""
        if isinstance(x, Embedding):
            return self._embedded(x, seed)
        if not standardise:
            return pt.cast(x, pytensor.config.floatX)
        values, weights = self._observed(x)
        mean = np.average(values, weights=weights)
        sd = np.sqrt(np.average((values - mean) ** 2, weights=weights))
        if not sd > 1e-12 * max(1.0, abs(mean)):
            raise ModelError(
                f"Network '{self.name}': the input {_named(x)} is {mean:g} everywhere and tells nothing. Leave it out."
            )
        return (x - float(mean)) / float(sd)

    def _embedded(self, x: Embedding, seed: int) -> Variable:
        levels = np.unique(self._observed(x.column)[0])
        is_level = pt.concatenate([pt.eq(x.column, level) for level in levels.tolist()], axis=-1)
        one_hot = pt.cast(is_level, pytensor.config.floatX)
        one_hot.tag.segments = x.column, tuple(levels.tolist())
        if x.size is None:
            return one_hot
        table = Weight(f"{self.name}.{_named(x.column)}", (len(levels), x.size), seed=seed)
        return pt.dot(one_hot, self._kept(table)[0])

    def _observed(self, x: Variable) -> tuple[NDArray[np.floating], NDArray[np.floating]]:
        """The numbers of an input in all choice situations, and the weights of these."""
        w = self.data.array(self.data.observed) * self.data.individual_weights[:, None]
        values = np.broadcast_to(self.data.evaluate(x), w.shape)
        if not np.isfinite(values[w > 0]).all():
            raise DatasetError(f"Network '{self.name}': the input {_named(x)} is not finite everywhere.")
        return values[w > 0], w[w > 0]

    def _weights(self, layer: int, inputs: int, outputs: int, how: str, seed: int | None = None) -> list[Variable]:
        weights = Weight(f"{self.name}.weight{layer}", (inputs, outputs), init_type=how, seed=seed)
        return self._kept(weights, Bias(f"{self.name}.bias{layer}", outputs))

    def _kept(self, *parameters: Parameter) -> list[Variable]:
        self.params += parameters
        return [parameter() for parameter in parameters]

    def _check(self, inputs: Sequence[Variable | Embedding], outputs: int | Sequence[str], activation: str) -> None:
        what = f"Network '{self.name}'"
        if not isinstance(self.name, str) or not self.name or set(self.name) & set(".["):
            raise ModelError(f"A network's name is a text without dots and brackets, found {self.name!r}.")
        if not isinstance(self.data, Dataset):
            raise ModelError(f"{what}: data must be a Dataset, found {type(self.data).__name__}.")
        if isinstance(inputs, (Variable, Embedding, str)) or not len(inputs):
            raise ModelError(
                f"{what}: inputs is a list of columns such as [ds['AGE'], ds['INCOME']], found {inputs!r}."
            )
        for x in inputs:
            symbols = graph_inputs([x]) if isinstance(x, Variable) else []
            strange = [v for v in symbols if any(hasattr(v.tag, kind) for kind in ("parameter", "draws"))]
            if not isinstance(x, Embedding) and (not _columns(x) or strange or x.ndim != 3):
                raise ModelError(
                    f"{what}: an input is an expression of columns with the axes (T, N, 1), without parameters and "
                    f"draws, found {x!r}. Write ds['AGE'], in long data ds['hinc', 'train']."
                )
        symbols = [x.column if isinstance(x, Embedding) else x for x in inputs]
        check_origin(f"An input of {what}", symbols, [self.data.origin], self.data)
        if activation not in ACTIVATIONS:
            raise ModelError(f"{what}: activation is one of {', '.join(ACTIVATIONS)}, found {activation!r}.")
        for width in self.hidden:
            whole(what, "hidden", width, least=1, error=ModelError)
        names = [] if isinstance(outputs, (int, str)) else list(outputs)
        distinct = names and all(isinstance(n, str) for n in names) and len(set(names)) == len(names)
        if outputs != 1 and not distinct:
            raise ModelError(f"{what}: outputs is 1 or a list of different names, found {outputs!r}.")

    @printed
    def __repr__(self) -> str:
        hidden = " ".join(map(str, self.hidden)) or "none"
        names = ", ".join(self.outputs)
        return (
            f"Network('{self.name}', inputs {len(self.inputs)}, hidden {hidden}, outputs {names}; {self.size} weights)"
        )


def _check_signs(name: str, names: list[str], signs: Mapping[str, str], output: str | Mapping[str, str]) -> None:
    strangers = [] if isinstance(output, str) else [n for n in output if n not in names]
    if strangers:
        raise ModelError(f"Network '{name}': output names {', '.join(strangers)}; the outputs are {', '.join(names)}.")
    unknown = [sign for sign in signs.values() if sign not in SIGNS]
    if unknown:
        raise ModelError(f"Network '{name}': output is one of {', '.join(SIGNS)}, found {unknown[0]!r}.")


def _columns(x: Variable | Embedding) -> list[str]:
    """Names of the columns that an input is made of."""
    x = x.column if isinstance(x, Embedding) else x
    return [str(name_of(symbol)) for symbol in columns_in([x])] if isinstance(x, Variable) else []


def _named(x: Variable) -> str:
    return x.name or " and ".join(_columns(x))
