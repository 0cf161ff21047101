"""The house as the code says it. These tests read the code; none of them runs it.

floor    a set of apps, or of rooms of an app, that import only from the floors below
room     a package of an app, or one of the modules that lie beside its packages
breach   a place that does not keep a rule yet: `breaches` lists them, and the list can only shrink
"""
