"""Tables of results: for the terminal, and as Markdown."""

import datetime
import os
import platform
from dataclasses import dataclass, field


@dataclass
class Row:
    """One line of a table: its cells, and whether a target was met (none where there is none)."""

    cells: list
    target: str = ""
    met: bool | None = None


@dataclass
class Table:
    """One kind of measurement."""

    title: str
    columns: list
    note: str = ""
    rows: list = field(default_factory=list)

    def add(self, cells, target="", met=None):
        self.rows.append(Row([str(cell) for cell in cells], target, met))

    def lines(self):
        verdict = {None: "", True: "met", False: "MISSED"}
        return [self.columns + ["target", ""]] + [row.cells + [row.target, verdict[row.met]] for row in self.rows]

    def text(self):
        lines = self.lines()
        widths = [max(len(line[column]) for line in lines) for column in range(len(lines[0]))]
        pad = lambda line: "  ".join(  # noqa: E731
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths))
        ).rstrip()
        note = [self.note] if self.note else []
        return "\n".join([self.title, *note, *map(pad, lines), ""])

    def markdown(self):
        head, *rows = self.lines()
        rule = ["---"] + ["---:"] * (len(head) - 1)
        table = ["| " + " | ".join(line) + " |" for line in [head, rule, *rows]]
        note = [self.note, ""] if self.note else []
        return "\n".join([f"### {self.title}", "", *note, *table, ""])


def machine():
    """The processor, its count, the memory and the kernel."""
    model = platform.processor() or platform.machine()
    memory = ""
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
        with open("/proc/meminfo", encoding="utf-8") as file:
            memory = f", {int(file.readline().split()[1]) / 2**20:.0f} GiB"
    except (OSError, StopIteration):
        pass  # The names of the platform module do.
    return f"{model}, {os.cpu_count()} cores{memory}, {platform.system()} {platform.release().split('-')[0]}"


def today():
    return datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M UTC")


def count(value):
    """A number with three figures or so, and a letter for thousands and millions."""
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{letter}"
    return f"{value:.3g}"


def times(value):
    return f"{value:.2f}x" if value < 10 else f"{value:.0f}x"


def milliseconds(value):
    return f"{value * 1e3:.2f} ms" if value < 0.1 else f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.0f} ms"
