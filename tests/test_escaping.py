"""Names of users are read wherever they are written, and do nothing else."""

from __future__ import annotations

import csv
import html.parser
import io
import re
import unicodedata
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

import pycmtensor as cmt
from pycmtensor.exceptions import FileError, NotConvergedWarning
from pycmtensor.host import escaping
from pycmtensor.report import Summary
from pycmtensor.report.csv import csv_table
from pycmtensor.report.excel import to_excel
from pycmtensor.report.html import to_html
from pycmtensor.report.mathml import equation

openpyxl = pytest.importorskip("openpyxl")

#: Any text, among it often what means something to a terminal, a spreadsheet, Markdown, LaTeX or HTML.
SPECIAL = ["\x1b[31m", "\x07", "\r", "\n", "\u202e", "\u2028", "\x9b", "\\"]
SPECIAL += [
    "=",
    "+",
    "-",
    "@",
    "|",
    "'",
    '"',
    "&",
    "&amp;",
    "*",
    "_",
    "`",
    "$",
    "{",
    "}",
    "~",
    "^",
    "#",
    "%",
    "![",
    "[a]",
    "<script>",
    "</td>",
    "[x](http://a.b)",
    "_x0041_",
]
TURNING = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
CONTROLS = ("Cc", "Cs", "Zl", "Zp")

names = st.lists(st.sampled_from(SPECIAL) | st.text(max_size=4), min_size=1, max_size=6).map("".join).filter(bool)


def summary_of(name: str) -> Summary:
    return Summary(name, ((name, "1"),), ((name, "2"),), (name, "Value"), ((name, "-1.5"), ("b", "2.0")), (name,))


def obeyed(text: str) -> list[str]:
    """Characters that a terminal obeys, ends of lines apart."""
    controls = [c for c in text if unicodedata.category(c) in CONTROLS and c != "\n"]
    return controls + [c for c in text if unicodedata.bidirectional(c) in TURNING]


@given(names)
def test_a_terminal_obeys_nothing_in_a_name(name: str) -> None:
    text = str(summary_of(name))
    assert not obeyed(text)
    assert sum("-1.5" in line for line in text.split("\n")) == 1  # a name makes no line of its own
    for message in (cmt.PyCMTensorError(name), NotConvergedWarning(name)):
        assert not obeyed(str(message))
        assert not obeyed(repr(message))


@given(names)
def test_names_that_are_only_read_stay_as_they_are(name: str) -> None:
    if not obeyed(name):
        assert escaping.printable(name) == name
    assert escaping.printable(escaping.printable(name)) == escaping.printable(name)


class Tags(html.parser.HTMLParser):
    """The tags of a page, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.read: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.read.append(data)


@given(names)
def test_a_page_has_the_tags_of_the_library_only(name: str) -> None:
    page, plain = Tags(to_html(summary_of(name))), Tags(to_html(summary_of("name")))
    assert page.tags == plain.tags
    assert "".join(page.read) == "".join(plain.read).replace("name", escaping.printable(name)).replace("NAME", "name")
    assert set(Tags(equation(name, "b_1 * x")).tags) <= {"p", "math", "msub", "mi", "mtext", "mo", "pre"}


@given(names)
def test_markdown_has_the_cells_of_the_table_and_no_markup(name: str) -> None:
    lines = summary_of(name).to_markdown().split("\n")
    assert len(lines) == len(summary_of("name").to_markdown().split("\n"))
    for line in lines:
        if line.startswith("| "):
            assert len(re.findall(r"(?<!\\)(?:\\\\)*\|", line)) == 3
    text = escaping.markdown(name)
    assert re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", text) == escaping.one_line(name)  # each backslash takes itself away
    unescaped = re.sub(r"\\[!-/:-@\[-`{-~]", "", text)
    assert not re.search(r"[\\`*_\[\]{}<>|~^$!#]|&\w+;|://|www\.", unescaped, re.IGNORECASE)


@given(names)
def test_latex_has_no_command_of_a_name(name: str) -> None:
    lines, plain = (summary_of(text).to_latex().split("\n") for text in (name, "name"))
    assert len(lines) == len(plain)
    assert not any(line.startswith(("[", "*")) for line in lines)  # which \\ would take
    text = escaping.latex(name)
    for known in (r"\textasciitilde{}", r"\textasciicircum{}", r"\textbackslash{}", "$<$", "$>$"):
        text = text.replace(known, "")
    assert not re.search(r"[\\&%$#_{}~^]", re.sub(r"\\[&%$#_{}]", "", text))


@settings(max_examples=40)
@given(names)
def test_cells_of_a_workbook_are_text(name: str) -> None:
    table = pd.DataFrame({name: [1.5], "text": [name]}, index=[name])
    if any(unicodedata.category(c) in CONTROLS and c not in "\t\n" for c in name):
        with pytest.raises(FileError, match="A workbook cannot hold control characters, found in .* another name"):
            to_excel({"estimates": table})
        return
    sheet = openpyxl.load_workbook(io.BytesIO(to_excel({"estimates": table})))["estimates"]
    unescape = pytest.importorskip("openpyxl.utils.escape").unescape
    shown = [unescape(cell.value) if isinstance(cell.value, str) else cell.value for cell in (*sheet[2], sheet["B1"])]
    assert shown == [name, 1.5, name, name]  # as a spreadsheet shows them
    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} == {"s", "n"}


@given(names)
def test_cells_of_a_csv_file_are_no_formulas(name: str) -> None:
    table = pd.DataFrame({name: [-1.5]}, index=pd.Index([name], name=name))
    (head, row) = csv.reader(io.StringIO(csv_table(table)))
    assert row[1] == "-1.5"
    for cell in (*head, row[0]):
        assert not cell.lstrip().startswith(("=", "+", "-", "@", "\t", "\r"))
        assert cell.removeprefix("'") == escaping.one_line(name).removeprefix("'")


@given(names)
def test_a_picture_shows_a_name_as_it_is(name: str) -> None:
    text = Figure().add_subplot().text(0, 0, escaping.picture(name))
    shown, is_formula = text._preprocess_math(text.get_text())  # type: ignore[attr-defined]
    assert not is_formula
    if "\\" not in name:
        assert shown == escaping.printable(name)


@pytest.mark.parametrize(
    "name", ["=cmd|' /C calc'!A0", "+1", "@SUM(A1)", "#REF!", "$x$ and $\\frac$", "<b>|_a", "[red]x", ":smile:"]
)
def test_results_with_odd_names_are_written(tmp_path: Path, name: str) -> None:
    ds = cmt.Dataset(pd.DataFrame({"mode": [1, 1, 1, 2]}), "mode", {"car": 1, "bus": 2})
    results = cmt.estimate(cmt.MNL(ds, {"car": cmt.Beta(name), "bus": 0}))
    assert name in str(results.summary())
    page = Tags(results.to_html(tmp_path / "logit.html").read_text())
    assert name in page.read
    assert not {"b", "script"} & set(page.tags)
    assert name[:10] in results.to_alogit(tmp_path / "logit.F12").read_text()
    sheets = openpyxl.load_workbook(results.to_excel(tmp_path / "logit.xlsx"))
    assert sheets["estimates"]["A2"].value == name
    assert {cell.data_type for sheet in sheets for row in sheet.iter_rows() for cell in row} <= {"s", "n"}
