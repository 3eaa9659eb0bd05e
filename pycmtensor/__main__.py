"""``python -m pycmtensor`` is the command line."""

from pycmtensor.command import main

main()
