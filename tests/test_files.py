"""Writers keep the earlier file until the new one is whole, and touch nothing that is no regular file."""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

import pycmtensor as cmt
from pycmtensor.command import main
from pycmtensor.estimation.checkpoint import load_checkpoint, save_checkpoint
from pycmtensor.exceptions import FileError
from pycmtensor.host.files import append, write

resource = pytest.importorskip("resource", reason="limits of the system that only Unix has")

#: Every writer of results, by the name of what it writes.
WRITERS: dict[str, Callable[[cmt.Results, Path], object]] = {
    "logit.cmt": lambda results, path: results.save(path),
    "logit.html": lambda results, path: results.to_html(path),
    "logit.xlsx": lambda results, path: results.to_excel(path),
    "logit.F12": lambda results, path: results.to_alogit(path),
    "run.ckpt": lambda _, path: save_checkpoint(path, {"seed": "1"}, {"theta": np.arange(100.0)}),
}
every_writer = pytest.mark.parametrize("name", WRITERS)


@contextmanager
def full_disk(size: int = 200) -> Iterator[None]:
    """Files may have no more than some bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # openpyxl leaves an archive open
@every_writer
def test_a_full_disk_keeps_the_earlier_file(swissmetro_results: cmt.Results, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    WRITERS[name](swissmetro_results, path)
    before = path.read_bytes()
    with full_disk(), pytest.raises(FileError, match="cannot be (written|made): File too large"):
        WRITERS[name](swissmetro_results, path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == [name]


@every_writer
def test_what_is_no_regular_file_is_refused(swissmetro_results: cmt.Results, tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        for kind in ("pipe", "link", "socket"):
            with pytest.raises(FileError, match=f"{kind} cannot be written: it is a pipe, a device or a socket"):
                WRITERS[name](swissmetro_results, tmp_path / kind)
    with pytest.raises(FileError, match="folder cannot be written: it is a folder"):
        WRITERS[name](swissmetro_results, tmp_path / "folder")
    with pytest.raises(FileError, match="null cannot be written: it is a pipe, a device"):
        WRITERS[name](swissmetro_results, Path(os.devnull))
    with pytest.raises(FileError, match=f"there is no folder {tmp_path / 'missing'}. Name a file in a folder that ex"):
        WRITERS[name](swissmetro_results, tmp_path / "missing" / name)
    assert stat.S_ISFIFO((tmp_path / "pipe").stat().st_mode)
    assert sorted(os.listdir(tmp_path)) == ["folder", "link", "pipe", "socket"]


@pytest.mark.parametrize("path", ["", "a\0b", 3, None, b"bytes"])
def test_what_is_no_name(path: object) -> None:
    with pytest.raises(FileError, match="The name of a file must be text without zero bytes, or a path, found"):
        write(path, "text")  # type: ignore[arg-type]


def test_a_link_stays_a_link_and_permissions_stay(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    target.chmod(0o640)
    link.symlink_to("target")
    write(link, "new")
    assert link.is_symlink()
    assert target.read_text() == "new"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(FileError, match="circle cannot be written: "):
        write(tmp_path / "circle", "new")


@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write everywhere")
def test_what_may_not_be_written(tmp_path: Path) -> None:
    path = tmp_path / "table.txt"
    path.write_text("old")
    path.chmod(0o444)
    with pytest.raises(FileError, match="the file there is read-only"):
        write(path, "new")
    tmp_path.chmod(0o555)
    with pytest.raises(FileError, match=f"the folder {tmp_path} is not writable"):
        write(tmp_path / "other.txt", "new")
    tmp_path.chmod(0o755)


def test_long_names_and_those_of_other_scripts(tmp_path: Path) -> None:
    for name in ("n" * 255, "模型" * 42, "a\nb"):
        assert write(tmp_path / name, "x").read_text() == "x"
    with pytest.raises(FileError, match="cannot be written: File name too long"):
        write(tmp_path / ("n" * 256), "x")


def test_a_full_disk_in_training_keeps_both_checkpoints(tmp_path: Path) -> None:
    file, run = tmp_path / "run.ckpt", {"seed": "1"}
    for epoch in (1, 2):
        save_checkpoint(file, run, {"epoch": np.array(epoch)})
    (tmp_path / "run.ckpt.only.new").write_text("half, of a process that was killed")
    with full_disk(), pytest.raises(FileError, match="File too large"):
        save_checkpoint(file, run, {"epoch": np.array(3)})
    for path, epoch in ((file, 2), (tmp_path / "run.ckpt.previous", 1)):
        arrays = load_checkpoint(path, run)
        assert arrays is not None
        assert arrays["epoch"] == epoch
    assert sorted(os.listdir(tmp_path)) == ["run.ckpt", "run.ckpt.previous"]


def test_the_command_line_says_so_before_it_computes(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    table = tmp_path / "missing" / "table.csv"
    for arguments, message in (
        (("datasets", "heating", "--out", table), f"Error: {table} cannot be written: there is no folder"),
        (
            ("predict", __file__, "--results", __file__, "--data", __file__, "--new", __file__, "--out", table),
            "Error: ",
        ),
        (("estimate", __file__, "--data", __file__, "--out", tmp_path / "taken" / "x"), "Error: The folder .* cannot"),
    ):
        done = CliRunner().invoke(main, list(map(str, arguments)))
        assert done.exit_code == 1
        assert done.output.count("\n") >= 1
        assert "Traceback" not in done.output
        assert message.split(".*")[0] in done.output


def test_what_is_added_stands_behind_what_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"kept, torn by a kill")
    assert append(path, b", new", end=4) == 9
    assert append(path, b"!", end=9, lasting=False) == 10
    assert path.read_bytes() == b"kept, new!"
    with pytest.raises(FileError, match=r"none cannot be written: No such file or directory\. What stood there"):
        append(tmp_path / "none", b"new", end=0)
