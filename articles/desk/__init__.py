"""The pages of articles and batches in the desk, on Django's admin.

admin       the views of a model: who may do what, and what a button does
page        what one page shows, as plain data for its template
overview    how one of several batches stands, in a line
selection   the articles to which something is done together, and those that are left out
pager       one page of a long list
form        what an editor gives, and what is made of it
filter      a choice beside a list
calendar    which articles begin when, and another day for one of them
"""
