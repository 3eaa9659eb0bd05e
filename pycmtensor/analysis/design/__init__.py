"""Designs of stated-choice experiments: choice sets whose answers tell most of the parameters of a model."""

from pycmtensor.analysis.design.design import Design, DesignOptions, design

__all__ = ["Design", "DesignOptions", "design"]
