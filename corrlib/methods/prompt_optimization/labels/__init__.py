"""Labels that nobody clicked: matches of a slow method on training pictures, each with how sure it
is, to train a fast one on.

`saliency` finds the object without a mask, `points` spreads queries over it, `teacher` asks prompt
optimisation and measures its confidence, `confidence` ranks labels, `plan` says which pairs are
labelled, and `truth` looks up the toy world's answer, for judging labels only.
`data_scripts/label_by_prompts.py` runs all of it; `table.shipped()` reads what it wrote.
"""
