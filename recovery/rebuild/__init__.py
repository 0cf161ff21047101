"""Articles and batches from the backup storage alone, for the day on which the database is gone.

tree         what lies there; hostile input, as it lies where others may write
content      of a tree: the manifest as far as it is believed, and the files that are what it says
stranger     whoever may have written a tree that bears no signature of ours (`strangers`: what is taken of such a one)
destination  the site that something goes to, known by its address
to settle    to give what was rebuilt the state in which it was, as far as nothing begins by itself
"""
