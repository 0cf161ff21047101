"""The operations of the API that tell and change nothing, and their strict schemas.

monitoring   tasks as they are: listed, counted, and what has happened to one
analytics    what was paid, for whom and to whom; who does what how well, and what to do; what is stored
"""
