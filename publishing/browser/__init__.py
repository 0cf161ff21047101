"""A WordPress by a browser that signs in as people do.

browser    a Chromium, driven from a thread of its own (`chromium`); one takes a slot of its machine (`slots`)
window     the browser signed in at one site (`window`), with a session that outlasts it (`sessions`)
guard      where its pages may go, and where not (`guard`)
screen     what a page turned out to be, and what that means (`screens`)
channel    one half of the way: the JSON calls of the page that is signed in (`calls`), or the old forms where a site
           has no REST API at all (`forms`)
film       small pictures of what a channel does, a step each
"""
