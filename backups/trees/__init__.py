"""Files under one prefix and the manifest that names them.

tree      the files of one thing, such as an article
manifest  names a tree's files, with bytes and SHA-256; replaced last and whole: the commit point
stored    a file as it lies in its tree
"""
