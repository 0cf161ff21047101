"""What the tree of an article holds, and what is believed of it.

tree       the folder of one article in the backup storage: its files and the manifest that names them
step       a stage, as the manifest calls it
manifest   what was handed in, how far it came, and every file with its hash (`manifest` writes it)
schema     what of a manifest is believed, held against these bounds before any of it is used
due        a row that the storage does not know as it is: its manifest is to be written
storing    the errors of the backup storage, as a run can wait for them
"""
