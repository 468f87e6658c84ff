"""Tables that the tests of all their forms write."""

import math

from relprop.tables import Absent, Column, Spread, Table

PLAIN = Table(
    (Column("name"), Column("score", ".2f"), Column("n")),
    [["a|b_c", Spread(1.005, 0.25), 3], ["d", Spread(-2.0, None), None], ["e", None, 4], ["f", math.nan, 5]],
    caption="50 % of R&D",
    note="±: over seeds; ρ < 1",
)
"""Neither groups, nor directions, nor sections, nor intervals."""

SCORES = Table(
    (
        Column("method"),
        Column("insertion", ".2f", "strict", "higher"),
        Column("deletion", ".2f", "strict", "lower"),
        Column("insertion", ".1%", "otsuki2024", "higher"),
        Column("n", ","),
    ),
    [
        ["lrp", Spread(0.61, 0.24, (0.59, 0.63)), 0.25, 0.7, 1000],
        ["[ours]", Spread(0.614, None, (0.6, 0.62)), -0.001, Absent(), 1000],
        ["rise", Absent("failed", "out of memory_1"), 0.004, -0.713, 1000],
        ["lrp", Spread(0.4, 0.1, (0.3, 0.5)), 0.5, 1.25, 20],
        ["rise", Absent("failed", "out of memory_1"), 0.75, None, 20],
    ],
    caption="Scores",
    note="n: images.",
    sections={0: "ResNet-20", 3: "ResNet_56"},
)
"""All that a table can have."""
