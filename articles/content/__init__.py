"""What comes from outside, made safe: no queue, no states, and hardly a model.

manuscript   a finished text that somebody hands in, in any encoding or format
markup       HTML that has passed the allow list
picture      an image file that was judged, decoded within limits and written anew
magazine     the page that the template lays out
"""
