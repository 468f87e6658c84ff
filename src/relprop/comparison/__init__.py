"""Compare methods that were scored on the same images: `runs` reads them, `pairs` compares two, `report` writes it."""
