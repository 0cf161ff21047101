"""Documents from Google Drive: signed in, listed, followed by its log of changes, read as text.

account     whose Drive is read: a person's, or a service account's
folder      one of a Drive that is followed, with the folders in it
file        what lies there: read as a document, or left out with a reason
listing     all that a folder has; the log of changes tells the rest from then on
page token  how far the log was read; it is saved with the rows, in one transaction
missing     a file that the Drive has there no more; its document is gone once that is believed
"""
