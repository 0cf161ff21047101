"""What a file, or a pasted text, says: which kind it is, in which encoding, and what its author sees of it.

kind       what a file is by its first bytes, whatever its name
reading    what its bytes say in one encoding; where two are as likely, somebody chooses
export     HTML as another program wrote it, with what its author does not see
"""
