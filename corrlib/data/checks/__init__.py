"""One look a benchmark at a whole copy of it: everything that is wrong, instead of the first thing.

A reader refuses what cannot be used; a check here walks every item through its reader, and adds
what no single item can tell: counts against the published ones, lists against files, files against
each other. Each is a function `check(root, *, decode=True, **options)` in the file of its name;
readers do not know it.
"""
