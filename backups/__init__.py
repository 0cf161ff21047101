"""What makes a stored thing whole, and brings it back: the ground floor, which knows nothing of articles.

storage     where bytes lie
trees       files under one prefix and the manifest that names them
repository  generations of a tier: data first, manifest last
tier        a kind of backup: files, or the database
restore     what a generation holds, put back where it belongs; an undo takes that back
drill       a restore to somewhere else, to see that it can be done
health      whether backups are made, whole and safe
catalogue   the rows about generations; the storage is the truth, and they are made from it
"""
