"""The worklist in the desk: the board, the page of a document, and what people do there.

board       all documents by their state, as columns or one under another
line        a document on the board: what it is, for whom it waits, what has changed under it
deed        what a button of a document's page does
"""
