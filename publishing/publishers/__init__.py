"""Getting an article onto a site: a module for each way.

rest           a WordPress by its REST API
xmlrpc         a WordPress by XML-RPC
browser        a WordPress by a browser that signs in like a person
agent          a WordPress by a browser that a model steers
hybrid         the best way that works, each in the order of the site
fates          which failure may change the way, and which never may
posting        what each way does: look up, adopt, complete, bring up to date, see what was kept
visit          one article at one site: what is asked there so that asking twice does no harm
pictures       those of the article, in the site's media library
post           the article's own: made once, found again, published
preview_page   a page here, for articles without a site
page           the formatted page out of the tree, which each of them begins with
"""
