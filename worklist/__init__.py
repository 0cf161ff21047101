"""Documents that wait for a person: from wherever they are written, through review, to a site.

document    a text that somebody has written, with the state in which it waits
source      where it comes from: an upload, a folder of this machine, a program
state       what a document waits for; which changes there are, and whose right each is, is data (`states`)
move        a change of state, from the state that somebody saw (`moves`)
version     a text as it once arrived; none is ever removed
offered     a later version that the source has, and that nobody has taken or left yet
approval    that one version may go out: it holds the hash of the text, and ends with the text
note        what somebody says to a place of the text, with replies, until it is resolved
entry       a line of a document's history: who, when, what, and why
telling     whom a change concerns, and what they are told of it
publication an article made of a document, and its publish task (`publication`)
"""
