"""Makes trajectories.json: 50 steps of torch.optim and optax on three problems, in float64.

Run it in an environment of its own: pip install torch==2.13.0 optax==0.2.8 jax==0.10.2; python make.py
"""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

#: Learning rates on (quadratic, rosenbrock, logit).
RATES = {
    "SGD": (1e-4, 5e-4, 0.1),
    "Momentum": (5e-5, 1e-4, 0.05),
    "AdaGrad": (0.5, 0.1, 0.5),
    "RMSProp": (0.02, 0.01, 0.005),
    "Adadelta": (1.0, 1.0, 1.0),
    "Adam": (0.05, 0.02, 0.1),
    "Adamax": (0.05, 0.02, 0.1),
    "RAdam": (1e-4, 2e-4, 0.1),
    "RProp": (0.01, 0.01, 0.05),
    "Lion": (0.02, 0.01, 0.05),
}

#: Case -> rule whose rates it uses, torch.optim class and options, optax function and options.
CASES: dict[str, tuple[str, tuple[str, dict[str, Any]] | None, tuple[str, dict[str, Any]] | None]] = {
    "SGD": ("SGD", ("SGD", {}), ("sgd", {})),
    "Momentum": (
        "Momentum",
        ("SGD", {"momentum": 0.9, "nesterov": True}),
        ("sgd", {"momentum": 0.9, "nesterov": True}),
    ),
    "Momentum plain": ("Momentum", ("SGD", {"momentum": 0.9}), ("sgd", {"momentum": 0.9})),
    "AdaGrad": ("AdaGrad", ("Adagrad", {"eps": 1e-8}), None),
    "AdaGrad in root": ("AdaGrad", None, ("adagrad", {"initial_accumulator_value": 0.1, "eps": 1e-7})),
    "RMSProp": ("RMSProp", ("RMSprop", {"alpha": 0.9}), None),
    "RMSProp in root": ("RMSProp", None, ("rmsprop", {"decay": 0.9, "eps": 1e-8, "initial_scale": 1.0})),
    "Adadelta": ("Adadelta", ("Adadelta", {"rho": 0.95}), ("adadelta", {"rho": 0.95})),
    "Adam": ("Adam", ("Adam", {}), ("adam", {})),
    "Adam in root": ("Adam", None, ("adam", {"eps": 0.0, "eps_root": 1e-3})),
    "Adamax": ("Adamax", ("Adamax", {}), ("adamax", {})),
    "AdamW": ("Adam", ("AdamW", {"weight_decay": 0.01}), ("adamw", {"weight_decay": 0.01})),
    "AMSGrad": ("Adam", ("Adam", {"amsgrad": True}), None),
    "NAdam": ("Adam", ("NAdam", {}), None),
    "RAdam": ("RAdam", ("RAdam", {}), None),
    "RProp": ("RProp", ("Rprop", {}), None),
    "Lion": ("Lion", None, ("lion", {"weight_decay": 0.0})),
    "Lion decay": ("Lion", None, ("lion", {"weight_decay": 0.1})),
    "Adam weight_decay": ("Adam", ("Adam", {"weight_decay": 0.1}), None),
    "SGD weight_decay": ("SGD", ("SGD", {"weight_decay": 0.1}), None),
    "Momentum clip_value": ("Momentum", ("SGD", {"momentum": 0.9, "nesterov": True}), None),
    "Momentum clip_norm": ("Momentum", None, ("sgd", {"momentum": 0.9, "nesterov": True})),
    "Adam accumulate": ("Adam", None, ("adam", {})),
    "Adam lr_factors": ("Adam", ("Adam", {}), None),
    "Adam average": ("Adam", ("Adam", {}), None),
    "Adam average decay": ("Adam", ("Adam", {}), None),
}
CLIP_VALUE, CLIP_NORM, ACCUMULATE, FACTOR, DECAY = 0.5, 0.75, 3, 0.1, 0.9


def with_torch(problem: Any, steps: int, case: str, name: str, options: dict[str, Any], lr: float) -> list[list[float]]:
    """The parameters after each step; the averages for the cases of averaging."""
    torch = import_module("torch")
    torch.set_default_dtype(torch.float64)  # without it NAdam keeps its product in float32
    x = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in problem.start]
    groups = [{"params": [e], "lr": lr * FACTOR if "lr_factors" in case and i == 0 else lr} for i, e in enumerate(x)]
    optimizer = getattr(torch.optim, name)(groups, lr=lr, **options)
    swa = import_module("torch.optim.swa_utils")
    ema = {"multi_avg_fn": swa.get_ema_multi_avg_fn(DECAY)} if "decay" in case and "average" in case else {}
    averaged = swa.AveragedModel(torch.nn.ParameterList(x), **ema)
    path = []
    for _ in range(steps):
        optimizer.zero_grad()
        problem.cost(x, torch).backward()
        if "clip_value" in case:
            torch.nn.utils.clip_grad_value_(x, CLIP_VALUE)
        optimizer.step()
        averaged.update_parameters(torch.nn.ParameterList(x))
        path.append([float(e) for e in (averaged.parameters() if "average" in case else x)])
    return path


def with_optax(problem: Any, steps: int, case: str, name: str, options: dict[str, Any], lr: float) -> list[list[float]]:
    """The parameters after each step; with accumulation the n-th call's gradient is multiplied by 1 + n mod 3."""
    jax, optax = import_module("jax"), import_module("optax")
    jax.config.update("jax_enable_x64", True)
    xp = jax.numpy
    rule = getattr(optax, name)(lr, **options)
    if "clip_norm" in case:
        rule = optax.chain(optax.clip_by_global_norm(CLIP_NORM), rule)
    if "accumulate" in case:
        rule = optax.MultiSteps(rule, every_k_schedule=ACCUMULATE, accumulator_dtype="float64")  # float32 otherwise
    x = xp.array(problem.start)
    gradient = jax.jit(jax.grad(lambda x: problem.cost(x, xp)))
    state, path = rule.init(x), []
    for n in range(steps):
        g = gradient(x) * (1 + n % 3 if "accumulate" in case else 1)
        updates, state = rule.update(g, state, x)
        x = optax.apply_updates(x, updates)
        path.append([float(e) for e in x])
    return path


def schedules(steps: int) -> dict[str, list[float]]:
    """Learning rates of torch.optim.lr_scheduler at the steps 0, 1, 2, ..."""
    torch = import_module("torch")
    scheduler = torch.optim.lr_scheduler
    made = {
        "Step": (1.0, lambda o: scheduler.StepLR(o, 10, 0.5)),
        "Exponential": (1.0, lambda o: scheduler.ExponentialLR(o, 0.9)),
        "Polynomial": (1.0, lambda o: scheduler.PolynomialLR(o, 30, 2.0)),
        "Cosine": (1.0, lambda o: scheduler.CosineAnnealingLR(o, 50, 0.1)),
        "OneCycle": (1.0, lambda o: scheduler.OneCycleLR(o, 1.0, 50, cycle_momentum=False)),
        "Cyclic": (1.0, lambda o: scheduler.CyclicLR(o, 0.1, 1.0, 8, cycle_momentum=False)),
        "Cyclic halved": (
            1.0,
            lambda o: scheduler.CyclicLR(o, 0.1, 1.0, 8, mode="triangular2", cycle_momentum=False),
        ),
        "Cyclic falling": (
            1.0,
            lambda o: scheduler.CyclicLR(o, 0.1, 1.0, 8, mode="exp_range", gamma=0.97, cycle_momentum=False),
        ),
        "WarmUp": (
            1.0,
            lambda o: scheduler.SequentialLR(
                o, [scheduler.LinearLR(o, 0.25, 1.0, 5), scheduler.ExponentialLR(o, 0.9)], [5]
            ),
        ),
    }
    found = {}
    for name, (rate, make) in made.items():
        optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=rate)
        schedule, rates = make(optimizer), []
        for _ in range(steps):
            rates.append(float(optimizer.param_groups[0]["lr"]))
            optimizer.step()
            if len(rates) < steps:
                schedule.step()
        found[name] = rates
    return found | plateau(torch)


def plateau(torch: Any) -> dict[str, list[float]]:
    """ReduceLROnPlateau on observations that fall, stall, fall by too little, and stall again."""
    observed = [5.0, 4.0, 3.0, 3.0, 3.1, 3.0, 2.99999, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 2.5, 2.4, 2.4, 2.4, 2.4, 2.4, 2.4]
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(
        optimizer, factor=0.5, patience=2, cooldown=1, min_lr=0.1, threshold=1e-4
    )
    rates = []
    for value in observed:
        schedule.step(value)
        rates.append(float(optimizer.param_groups[0]["lr"]))
    return {"plateau observed": observed, "plateau": rates}


def main() -> None:
    """Write the file."""
    sys.path.insert(0, str(HERE.parents[1] / "optimizers"))
    problems = import_module("problems")
    found: dict[str, Any] = {
        "versions": {name: import_module(name).__version__ for name in ("torch", "optax", "jax", "numpy")},
        "python": sys.version.split()[0],
        "steps": problems.KEPT,
        "rates": RATES,
        "constants": {
            "clip_value": CLIP_VALUE,
            "clip_norm": CLIP_NORM,
            "accumulate": ACCUMULATE,
            "factor": FACTOR,
            "decay": DECAY,
        },
        "trajectories": {},
        "schedules": schedules(problems.STEPS),
    }
    for case, (rates, torch_rule, optax_rule) in CASES.items():
        runs: dict[str, Any] = {"rates": rates}
        found["trajectories"][case] = runs
        for source, run, rule in (("torch", with_torch, torch_rule), ("optax", with_optax, optax_rule)):
            if rule is not None:
                runs[source] = {}
                for (name, problem), lr in zip(problems.PROBLEMS.items(), RATES[rates], strict=True):
                    path = run(problem, problems.STEPS, case, *rule, lr)
                    runs[source][name] = [path[step - 1] for step in problems.KEPT]
    text = json.dumps(found, indent=1)
    text = re.sub(r"\[[^][{}]*]", lambda row: " ".join(row[0].split()), text)  # one line per row of numbers
    (HERE / "trajectories.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
