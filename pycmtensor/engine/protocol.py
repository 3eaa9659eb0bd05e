"""Earlier names."""

from typing import TypeAlias

from pycmtensor.engine.evaluator import Array, Differentiable, FirstOrder, Objective, SecondOrder

Curved: TypeAlias = Objective
Engine: TypeAlias = Differentiable
__all__ = ["Array", "Curved", "Engine", "FirstOrder", "SecondOrder"]
