"""Run the benchmarks and print their tables; ``--full`` adds the long ones and writes RESULTS.md and growth.png.

``python -m benchmarks --full nested floor`` runs the sections whose titles hold one of the words.
"""

from __future__ import annotations

import os
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeAlias

from benchmarks import comparison, device, floor, growth, long, swissmetro, training
from benchmarks.comparison import PEERS, Case
from benchmarks.data import electricity_table, synthetic_table
from benchmarks.environments import HERE
from benchmarks.report import keep, machine
from benchmarks.timing import HEAD

RESULTS = HERE / "RESULTS.md"

RATIOS = (
    swissmetro.cold_start,
    swissmetro.kept_programs,
    swissmetro.cold_process,
    swissmetro.second_estimation,
    swissmetro.bootstrap,
    training.swissmetro,
    training.res_logit,
    training.taste_net,
    training.one_call_per_batch,
    training.torch_loop,
    training.many_betas,
    long.thousand_alternatives,
)

#: Those without a variant, which is one of logits.
PLAIN = tuple(p for p in PEERS if not p.variant)

SWISSMETRO = Case("swissmetro", "Swissmetro logit", swissmetro.table, peers_goal=3, repeats=15)
NESTED = Case("nested", "Swissmetro nested logit", swissmetro.table, peers_goal=3, repeats=9)
#: Each library draws its own samples: the errors of two differ by a tenth and more.
BOOTSTRAP = Case(
    "bootstrap", "Swissmetro logit, 200 bootstrap replicates", swissmetro.table, 3, 5, errors_noise=0.4, peers=PLAIN
)
MANY = Case("many_alternatives", "logit, 20,000 x 100 x 10", partial(synthetic_table, 20_000, 100), 5, 5)
LARGE = Case("synthetic", "logit, 200,000 x 5 x 10", partial(synthetic_table, 200_000), peers_goal=5, repeats=5)
LARGEST = Case("synthetic", "logit, 1,000,000 x 5 x 10", partial(synthetic_table, 1_000_000), peers_goal=5, repeats=3)


#: Estimates at different draws differ: by less than these, where the maximum is reached.
SIMULATED = partial(Case, peers_goal=4, by_hand_goal=3, repeats=1, errors_noise=0.2, peers=PLAIN)
MIXED = (
    SIMULATED("swissmetro_mixed", "Swissmetro mixed logit, 500 draws", swissmetro.table, noise=1.0),
    SIMULATED("swissmetro_panel", "Swissmetro mixed logit, panel, 500 draws", swissmetro.table, noise=5.0),
    SIMULATED("electricity", "electricity mixed logit, panel, 600 draws", electricity_table, noise=10.0),
)

#: All begin at other weights and see the choices in another order; hand-written loops are among `RATIOS`.
TRAINED = partial(Case, table=swissmetro.table, peers_goal=3, repeats=5, by_hand_goal=None, peers=PLAIN)
TRAINING = (
    TRAINED("training", "Swissmetro logit by Adam, batches of 256, 20 epochs", noise=100.0),
    TRAINED("res_logit", "Swissmetro ResLogit of 16 layers by Adam, batches of 128, 20 epochs", noise=250.0),
    TRAINED("taste_net", "Swissmetro TasteNet by Adam, batches of 128, 20 epochs", noise=150.0),
)


#: A title and what makes the lines below it.
Section: TypeAlias = tuple[str, Callable[[Path], Iterable[str]]]


def main() -> None:
    arguments = parser().parse_args()
    os.environ["PYCMTENSOR_CACHE"] = "off"  # a cold start has nothing compiled
    wanted = [word.lower() for word in arguments.words]
    for title, lines in sections(arguments.full, arguments.device == "gpu"):
        if wanted and not any(word in title.lower() for word in wanted):
            continue
        with TemporaryDirectory() as folder:
            said = [f"## {title}", "", *machine(), ""]
            print(*said, sep="\n", flush=True)
            for line in lines(Path(folder)):
                said.append(line)
                print(line, flush=True)
        print()
        if arguments.full:
            keep(RESULTS, title, said)


def parser() -> ArgumentParser:
    found = ArgumentParser(prog="python -m benchmarks", description="Time PyCMTensor beside its peers.")
    found.add_argument("words", nargs="*", help="run the sections whose titles hold one of these; all without")
    found.add_argument("--full", action="store_true", help=f"the long ones too; write them into {RESULTS.name}")
    found.add_argument("--device", choices=("cpu", "gpu"), default="cpu", help="compare the GPU with the processor")
    return found


def sections(full: bool, on_gpu: bool) -> list[Section]:
    """What is run, in order."""
    if on_gpu:
        return [("On a GPU", on_a_gpu)]
    cases: tuple[Case, ...] = (SWISSMETRO, NESTED, MIXED[0])
    if full:
        cases = (SWISSMETRO, NESTED, BOOTSTRAP, *MIXED, *TRAINING, MANY, LARGE, LARGEST)
    found: list[Section] = [(f"{case.title[0].upper()}{case.title[1:]}", partial(beside_peers, case)) for case in cases]
    found.append(("Beside hand-written code", beside_hand_written))
    return [*found, ("Beside the floor", beside_the_floor), ("Growth", growing)] if full else found


def beside_peers(case: Case, folder: Path) -> Iterator[str]:
    measured = comparison.compare(case, folder)
    yield from (comparison.HEAD, *(m.row() for m in measured), "")
    yield from (comparison.GOALS_HEAD, *comparison.goals(case, measured))


def beside_hand_written(folder: Path) -> Iterator[str]:
    yield HEAD
    yield from (pair.row() for ratio in RATIOS if (pair := ratio()))
    yield from (pair.row() for pair in training.million_rows())


def beside_the_floor(folder: Path) -> Iterator[str]:
    yield "One evaluation. The floor is an exponential for each alternative, choice and draw, and the data read once."
    yield from ("", floor.HEAD)
    yield from (floor.floor(case).row() for case in (SWISSMETRO, *MIXED, MANY, LARGE, LARGEST))


def growing(folder: Path) -> Iterator[str]:
    grown = {axis: growth.grow(axis, folder) for axis in growth.AXES}
    yield growth.HEAD
    yield from (size.row(axis) for axis, sizes in grown.items() for size in sizes)
    yield from ("", comparison.GOALS_HEAD)
    yield from (line for axis, sizes in grown.items() for line in growth.goals(axis, sizes))
    growth.plot(grown, HERE / "growth.png")
    yield from ("", "![Time and memory against sizes](growth.png)")


def on_a_gpu(folder: Path) -> Iterator[str]:
    name = device.gpu()
    if name is None:
        yield "JAX sees no GPU here: nothing was run."
        return
    yield from (f"{name}.", "", device.HEAD)
    yield device.beside_processor(MIXED[2], "5000", folder)
    yield device.beside_processor(LARGEST, "", folder)


if __name__ == "__main__":
    main()
