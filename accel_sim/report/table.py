"""Tables in text: whole columns always, side by side as far as the terminal is wide."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass, field

_GAP = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column: its header and one text a row."""

    header: str
    cells: Sequence[str]
    is_text: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTable:
    """A titled table; the first column names the rows.

    Parameters
    ----------
    title
        One line above the table.
    columns
        At least one; all of the same length.
    n_footer_rows
        So many last rows are set off by a line, e.g. a total.
    notes
        Lines below the table.
    """

    title: str
    columns: Sequence[Column]
    n_footer_rows: int = 0
    notes: Sequence[str] = field(default=())


def render(table: TextTable, width: int | None = None, *, is_terminal: bool = False) -> str:
    """Return the table as text that ends in a newline.

    Parameters
    ----------
    width
        Columns of the terminal; ``None`` for a pipe or file: every row is one line, however long. A table that is wider
        is cut into several below each other, each starting with the first column; a cell is never cut.
    is_terminal
        Whether escape codes for bold and dim text are wanted.
    """
    from rich.console import Console

    text = io.StringIO()
    console = Console(
        file=text,
        width=max(_widest(table), width or 0, 1),
        force_terminal=is_terminal,
        color_system="standard" if is_terminal else None,
        legacy_windows=False,
        emoji=False,
        markup=False,
        highlight=False,
    )
    console.print(table.title, style="bold", soft_wrap=True)
    for group in _groups(table.columns, width):
        console.print(_rich_table(group, table.n_footer_rows))
    for note in table.notes:
        console.print(note, style="dim", soft_wrap=True)
    return "\n".join(line.rstrip() for line in text.getvalue().splitlines()) + "\n"


def _rich_table(columns: Sequence[Column], n_footer_rows: int) -> object:
    from rich.box import Box
    from rich.table import Table
    from rich.text import Text

    rule = Box("    \n    \n -- \n    \n -- \n -- \n    \n    \n", ascii=True)
    rich = Table(box=rule, padding=(0, _GAP, 0, 0), pad_edge=False, show_edge=False)
    for column in columns:
        rich.add_column(Text(column.header), justify="left" if column.is_text else "right", no_wrap=True)
    n_rows = len(columns[0].cells)
    for row in range(n_rows):
        if n_footer_rows and row == n_rows - n_footer_rows:
            rich.add_section()
        rich.add_row(*(Text(column.cells[row]) for column in columns))
    return rich


def _groups(columns: Sequence[Column], width: int | None) -> list[list[Column]]:
    """Cut the columns into groups no wider than `width`, each led by the first column."""
    key, *others = columns
    groups = [[key]]
    for column in others:
        taken = sum(_column_width(taken_column) for taken_column in groups[-1])
        if width is not None and len(groups[-1]) > 1 and taken + _column_width(column) - _GAP > width:
            groups.append([key])
        groups[-1].append(column)
    return groups


def _column_width(column: Column) -> int:
    return max(len(text) for text in (column.header, *column.cells)) + _GAP + 1


def _widest(table: TextTable) -> int:
    return sum(_column_width(column) for column in table.columns)
