"""Every screen of the desk: made from fixed content, looked at by a browser, and compared with how it was kept.

content     rows of everything that the desk shows, at one fixed time
screen      the page behind one address of the desk, as one person gets it
look        what browsers of two sizes make of a screen, in both lights: boxes and styles of its parts
kept        the looks that somebody has seen and found good, as text in `kept/`
"""
