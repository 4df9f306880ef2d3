"""The report's plots as inline SVG: no script, no font, colours by class so that dark mode and print can change them.

Every plot is a `Figure`: a picture with a title and a description for screen readers, a sentence on how to read it, and
the same numbers as a table.
"""
