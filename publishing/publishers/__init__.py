"""Getting an article onto a site: a module for each way.

rest           a WordPress by its REST API: looked up first, adopted, completed
preview_page   a page here, for articles without a site
page           the formatted page out of the tree, which each of them begins with
"""
