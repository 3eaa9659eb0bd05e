"""The command line: estimate, predict and describe without writing Python."""

from __future__ import annotations

import time
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from pycmtensor.exceptions import PyCMTensorError
from pycmtensor.host.escaping import printable
from pycmtensor.host.files import check_place, make_folder, write

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["main"]

FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)


def said(function: Callable[..., Any]) -> Callable[..., Any]:
    """The command, with errors of the library as a line of text and the exit status 1."""

    @wraps(function)
    def command(*args: Any, **kwargs: Any) -> None:
        try:
            function(*args, **kwargs)
        except PyCMTensorError as error:
            raise click.ClickException(str(error)) from None

    return command


@click.group()
@click.version_option(package_name="pycmtensor")
def main() -> None:
    """Discrete choice models: estimate them, predict with them, look at data."""


@main.command()
@click.argument("model", type=FILE)
@click.option("--data", required=True, type=FILE, help="A Parquet or CSV file.")
@click.option("--out", required=True, type=FOLDER, help="Folder for the report; made when it is missing.")
@click.option(
    "--checkpoint",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File that what is found is saved to as it goes; the same command goes on from there.",
)
@said
def estimate(model: Path, data: Path, out: Path, checkpoint: Path | None) -> None:
    """Estimate the model of a TOML file and write tables, report and results to a folder."""
    import pycmtensor as cmt
    from pycmtensor.command.specification import Specification

    make_folder(out)
    specification = Specification(model)
    model_of_file = specification.model(specification.dataset(data))
    with specification.located():
        results = cmt.estimate(model_of_file, **specification.estimation, checkpoint=checkpoint)
    click.echo(str(results.summary()))
    write(out / "summary.txt", f"{results.summary().as_text()}\n")
    write(out / "summary.md", results.to_markdown())
    write(out / "summary.tex", results.to_latex())
    results.to_html(out / "report.html")
    results.save(out / "results.cmt")
    click.echo(f"\nWritten to {out}: report.html, summary.txt, summary.md, summary.tex, results.cmt")


@main.command()
@click.argument("model", type=FILE)
@click.option("--results", required=True, type=FILE, help="results.cmt, as `estimate` wrote it.")
@click.option("--data", required=True, type=FILE, help="The file that the model was estimated with.")
@click.option("--new", required=True, type=FILE, help="The file to predict for, all its rows; it needs no choices.")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="A CSV file to write.")
@said
def predict(model: Path, results: Path, data: Path, new: Path, out: Path) -> None:
    """Write the choice probabilities of every row of a file."""
    import pycmtensor as cmt
    from pycmtensor.command.specification import Specification
    from pycmtensor.report.csv import csv_table

    check_place(out)
    specification = Specification(model)
    loaded = cmt.Results.load(results, specification.model(specification.dataset(data)))
    frame, left_out = specification.to_predict(new)
    prediction = loaded.predict(frame)
    write(out, csv_table(prediction.probabilities))
    click.echo("\n".join(filter(None, [str(prediction), left_out, f"\nWritten: {out}"])))


@main.command()
@click.argument("data", type=FILE)
@click.option("--model", type=FILE, help="A TOML file that says what the choices and alternatives are.")
@said
def describe(data: Path, model: Path | None) -> None:
    """Tell of a file what is there; with a model also what is missing and what looks odd."""
    from pycmtensor.command.specification import Specification
    from pycmtensor.dataset.frames import Table

    if model is None:
        frame = Table(data).frame.to_pandas()
        click.echo(printable(f"{len(frame):,} rows\n{frame.describe(include='all').T.to_string()}"))
    else:
        specification = Specification(model)
        dataset = specification.dataset(data)
        click.echo(str(dataset.describe(specification.availability(dataset))))


@main.command()
@click.argument("name", required=False)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A CSV file to write the data set to.")
@said
def datasets(name: str | None, out: Path | None) -> None:
    """List the packaged data sets, or tell of one and write it."""
    import pycmtensor as cmt

    if name is None:
        for known in cmt.datasets.available():
            click.echo(f"{known:<14} {cmt.datasets.load(known).attrs['source']}")
        return
    frame = cmt.datasets.load(name)
    for fact in ("source", "licence"):
        click.echo(f"{fact}: {frame.attrs[fact]}")
    for column, unit in frame.attrs["units"].items():
        click.echo(f"  {column:<14} {unit}")
    if out is not None:
        write(out, frame.to_csv(index=False))
        click.echo(f"Written: {out}")


@main.command()
@click.option("--clear", is_flag=True, help="Remove all programs; they are compiled anew when they are needed.")
@said
def cache(clear: bool) -> None:
    """Tell of the compiled programs that are kept for the next process, or remove them."""
    from pycmtensor.engine.store import AGE, SIZE, Store, folder_of_programs

    folder = folder_of_programs()
    if folder is None:
        click.echo("PYCMTENSOR_CACHE is off: no programs are kept.")
        return
    store = Store(folder)
    if clear:
        click.echo(f"{store.clear():,} programs removed")
        return
    programs = store.entries()
    size = sum(kept.size for kept in programs)
    click.echo(f"{folder}: {len(programs):,} programs, {size / 2**20:.1f} MB of at most {SIZE // 2**20}")
    if programs:
        days = (time.time() - programs[0].used) / (24 * 3600)
        click.echo(f"unused for {days:.1f} days at most; after {AGE // (24 * 3600)} days a program goes")
