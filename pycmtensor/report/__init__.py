"""Results as text and HTML."""

from pycmtensor.report.summary import Summary

__all__ = ["Summary"]
