"""Tables of papers: `paper` reads what is asked for, `plan` makes cells of it, `running` computes them."""
