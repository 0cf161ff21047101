"""Generations of a tier in an object store: made, read, verified, and removed when their time has come.

tier             a kind of backup, with a folder of its own: files, or the database
repository       the generations of one tier in one object store
generation       a backup that is complete, since its manifest is there
manifest         what a generation says of itself, signed; written as the very last
object           bytes under a key, written once, named by their SHA-256
entry            what names an object, and what its tier knows of it
page             an object that holds entries, where a manifest would be too long
run              the making of a generation; a later one takes up what an interrupted one has stored
checkpoint       what a run has noted, in case it is interrupted
signing keys     tell our documents from those of others
encryption keys  hide contents from the storage
verdict          what a verification found
pin              keeps a generation whatever its age
"""
