"""Getting an article onto a site: the fifth stage.

site        a WordPress, with the user who writes there and an encrypted password
publisher   one way onto a site (`publishers`)
answer      what WordPress says; where it is no success: what that means, and what mends it (`answers`)
preview     the page that stands for a site where an article has none
"""
