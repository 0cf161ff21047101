"""Getting an article onto a site: the fifth stage.

site        a WordPress, with the user who writes there and an encrypted password
publisher   one way onto a site (`publishers`)
preview     the page that stands for a site where an article has none
"""
