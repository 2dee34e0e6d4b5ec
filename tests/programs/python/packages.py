"""Imports what was installed from PyPI and uses it; the byte code lands beside the packages when they are writable."""

import os
import sys

import attrs
import more_itertools
import networkx


@attrs.define
class Point:
    x: int
    y: int


grid = networkx.grid_2d_graph(30, 30)
print(networkx.shortest_path_length(grid, (0, 0), (29, 29)), "steps,", grid.number_of_edges(), "edges")
print(Point(1, 2), [sum(chunk) for chunk in more_itertools.chunked(range(10), 3)])
cached = sum(name.endswith(".pyc") for _, _, names in os.walk(os.path.dirname(networkx.__file__)) for name in names)
print("byte code written:", cached > 100, "-", len([name for name in sys.modules if name.startswith("networkx")]) > 100)
